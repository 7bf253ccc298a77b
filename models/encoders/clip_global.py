"""The CLIP dual encoder of IRRA, AGM-IRRA and SG-IHA: a vector for a crop, one for a description.

Sources: Jiang and Ye, Cross-Modal Implicit Relation Reasoning and Aligning for Text-to-Image
Person Retrieval, 2023 (https://arxiv.org/abs/2303.12501), https://github.com/anosorae/IRRA at
cfc2378; AGM-IRRA, https://github.com/ducnguyen2012/AGMfIRRA at e780e0c, and SG-IHA,
https://github.com/Zjamie813/SG-IHA at b7b07e0, which train the same towers with further losses
and heads and rank by the towers alone; Radford et al., CLIP, 2021
(https://arxiv.org/abs/2103.00020). Departs from the authors' code in that a user's text never
becomes a special token, and that a checkpoint which does not fit is refused.
"""

from collections.abc import Sequence

import torch
from PIL import Image

from models.card import ModelCard
from models.clip_checkpoints import is_clip, understand
from models.contracts import Float32Array, NumberFormat, TextReading
from models.devices import choose_device, choose_dtype, number_format
from models.errors import CheckpointMismatch
from models.images import preprocess
from models.layers.clip_towers import (
    ClipGlobalSizes,
    ClipTowers,
    build_towers,
    place,
    tower_shapes,
)
from models.state_dicts import Shapes, require_fit
from models.stored_model import StoredModel
from models.tokenizers.clip_bpe import VOCABULARY_SIZE, ClipBpe
from models.tokenizers.whole_words import whole_words
from models.unit_rows import unit_rows

__all__ = ["ClipGlobalEncoder", "assemble", "recognises", "understand"]


class ClipGlobalEncoder:
    """Encodes crops by the class token, descriptions by the end token."""

    def __init__(
        self, card: ModelCard, towers: ClipTowers, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._card = card
        self._precision = number_format(dtype)
        self._sizes = ClipGlobalSizes.model_validate(card.sizes)
        self._device = device
        self._bpe = ClipBpe(self._sizes.context_length)
        self.towers = place(towers, device, dtype)

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    @property
    def precision(self) -> NumberFormat:
        """The numbers the networks multiply."""
        return self._precision

    @property
    def part_scorer(self) -> None:
        """IRRA and its successors rank by one vector alone."""
        return None

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

    def read_text(self, text: str) -> TextReading:
        """Return how much of a description is read; CLIP cannot tell which words it learned."""
        tokens = len(self._bpe.encode(text, honour_special=False))
        return TextReading(whole_words(text), None, tokens, self._bpe.limit)

    def _image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return self.towers.encode_image(preprocess(images, self._card.image).to(self._device))

    def _text_features(self, texts: Sequence[str]) -> torch.Tensor:
        ids = self._bpe.tokenize(texts, honour_special=False)
        return self.towers.encode_text(ids.to(self._device))


def recognises(shapes: Shapes) -> bool:
    """Say whether a file with tensors of these names is one for ``understand``."""
    return is_clip(shapes)


def assemble(model: StoredModel, *, device: str, precision: str) -> ClipGlobalEncoder:
    """Make an encoder of stored towers.

    Raises:
        CheckpointUnreadable: If the card's sizes make no model.
        CheckpointMismatch: If the tensors do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    card = model.card
    sizes = model.sizes(ClipGlobalSizes)
    expected = tower_shapes(sizes, card.image, card.embedding_width)
    require_fit(model.shapes, expected, model.source)
    towers = build_towers(sizes, card.image, card.embedding_width, model.tensors)
    return ClipGlobalEncoder(card, towers, device=chosen, dtype=dtype)
