"""The CLIP dual encoder of IRRA: one vector for a crop, one for a description.

Sources: Jiang and Ye, Cross-Modal Implicit Relation Reasoning and Aligning for Text-to-Image
Person Retrieval, 2023 (https://arxiv.org/abs/2303.12501), https://github.com/anosorae/IRRA at
cfc2378, whose other heads are for training only; Radford et al., CLIP, 2021
(https://arxiv.org/abs/2103.00020). Departs from the authors' code in that a user's text never
becomes a special token, and that a checkpoint which does not fit is refused.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from pydantic import ValidationError

from models.card import WEIGHTS_FILE, ModelCard
from models.clip_checkpoints import is_clip, understand
from models.contracts import Float32Array, PersonEncoder
from models.devices import choose_device, choose_dtype
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.images import preprocess
from models.layers.clip_towers import ClipGlobalSizes, ClipTowers, assemble, place, tower_shapes
from models.state_dicts import (
    Checkpoint,
    Shapes,
    read_weights,
    require_fit,
    require_unrounded,
    write_model_directory,
)
from models.tokenizers.clip_bpe import VOCABULARY_SIZE, ClipBpe
from models.unit_rows import unit_rows


class ClipGlobalEncoder:
    """Encodes crops by the class token, descriptions by the end token."""

    def __init__(
        self, card: ModelCard, towers: ClipTowers, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._card = card
        self._sizes = ClipGlobalSizes.model_validate(card.sizes)
        self._device = device
        self._dtype = dtype
        self._bpe = ClipBpe(self._sizes.context_length)
        self.towers = place(towers, device, dtype)

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``."""
        return unit_rows(images, self._image_features, self._card.embedding_width)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``.

        Raises:
            CheckpointMismatch: If the model was trained with another vocabulary than CLIP's.
        """
        if self._sizes.vocabulary_size != VOCABULARY_SIZE:
            raise CheckpointMismatch(
                f"model {self._card.name!r} knows {self._sizes.vocabulary_size} word pieces, "
                f"CLIP's vocabulary has {VOCABULARY_SIZE}: it can encode crops, but no text. "
                "Name a checkpoint with CLIP's vocabulary."
            )
        return unit_rows(texts, self._text_features, self._card.embedding_width)

    def save(self, directory: Path) -> ModelCard:
        """Write this model as a Descry model directory and return its card.

        Raises:
            ConfigurationInvalid: If the weights were rounded on loading, or the directory is
                there already.
        """
        require_unrounded(self._card, self._dtype)
        return write_model_directory(directory, self._card, self.towers.state_dict())

    def _image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return self.towers.encode_image(preprocess(images, self._card.image).to(self._device))

    def _text_features(self, texts: Sequence[str]) -> torch.Tensor:
        ids = self._bpe.tokenize(texts, honour_special=False)
        return self.towers.encode_text(ids.to(self._device))


def load(card: ModelCard, directory: Path, *, device: str, precision: str) -> PersonEncoder:
    """Read the weights that ``card`` describes.

    Raises:
        CheckpointUnreadable: If the weights are damaged or the card's sizes make no model.
        CheckpointMismatch: If the tensors do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    try:
        sizes = ClipGlobalSizes.model_validate(card.sizes)
    except ValidationError as error:
        raise CheckpointUnreadable(
            f"the sizes of model {card.name!r} make no clip_global: {error}. "
            "Export the model again, or name another model directory."
        ) from error
    tensors = read_weights(directory)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    expected = tower_shapes(sizes, card.image, card.embedding_width)
    require_fit(shapes, expected, directory / WEIGHTS_FILE)
    towers = assemble(sizes, card.image, card.embedding_width, tensors)
    return ClipGlobalEncoder(card, towers, device=chosen, dtype=dtype)


def recognises(shapes: Shapes) -> bool:
    """Say whether a file with tensors of these names is one for ``from_checkpoint``."""
    return is_clip(shapes)


def from_checkpoint(checkpoint: Checkpoint, *, device: str, precision: str) -> ClipGlobalEncoder:
    """Make an encoder of IRRA's published checkpoint or of OpenAI's CLIP weights.

    Raises:
        CheckpointUnreadable: If the ``configs.yaml`` beside the checkpoint cannot be read.
        CheckpointMismatch: If the tensors do not fit.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    card, sizes, tensors = understand(checkpoint)
    towers = assemble(sizes, card.image, card.embedding_width, tensors)
    return ClipGlobalEncoder(card, towers, device=chosen, dtype=dtype)
