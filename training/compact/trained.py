"""A trained compact dual encoder, read to train on from it."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional
from transformers import BertModel

from models.card import ImagePreprocessing
from models.encoders.compact_dual import (
    VOCABULARY_FILE,
    WORDS_FILE,
    CompactDual,
    CompactDualSizes,
)
from models.errors import CheckpointMismatch, ConfigurationInvalid
from models.loading import read_model
from models.state_dicts import require_fit
from models.stored_model import StoredModel
from training.checkpoints import LAST_FILE, MODEL_FOLDER, read_weights

_POSITIONS = "image_tower.positions"
_HEADS = ("head.", "claim_head.", "log_scale")
_OF_THE_IMAGE_SIZE = {"grid_height", "grid_width"}


@dataclass(frozen=True)
class TrainedCompact:
    """Its network, its sizes, how it sees crops, and where its vocabulary and its words lie.

    ``words`` is None where it does not say which words it learned. ``heads`` are the tensors of
    the heads and the scale it was trained with, empty where only the model is left of its run.
    """

    network: CompactDual
    sizes: CompactDualSizes
    image: ImagePreprocessing
    vocabulary: Path
    words: Path | None
    heads: dict[str, torch.Tensor]

    @property
    def bert(self) -> BertModel:
        """The text tower without what pools its states."""
        bert: BertModel = self.network.text_tower.bert
        return bert

    def fill(self, network: CompactDual, sizes: CompactDualSizes) -> None:
        """Put its weights into a network of the same sizes, that of the images apart.

        Raises:
            CheckpointMismatch: If another size differs.
        """
        own, other = self.sizes.model_dump(), sizes.model_dump()
        differing = [
            f"{name} {own[name]} there, {other[name]} here"
            for name in own
            if own[name] != other[name] and name not in _OF_THE_IMAGE_SIZE | {"words_sha256"}
        ]
        width = network.text_projection.out_features
        if width != self.network.text_projection.out_features:
            differing.append(
                f"embedding_width {self.network.text_projection.out_features} there, {width} here"
            )
        if differing:
            raise CheckpointMismatch(
                f"the start has other sizes than the configuration: {'; '.join(differing)}. "
                "Use those of the start."
            )
        tensors = dict(self.network.state_dict())
        grid = (sizes.grid_height, sizes.grid_width)
        tensors[_POSITIONS] = functional.interpolate(
            tensors[_POSITIONS].float(), grid, mode="bilinear"
        )
        network.load_state_dict(tensors)


def read_trained(directory: Path) -> TrainedCompact:
    """Read a model directory, or the folder of a finished run.

    Raises:
        ConfigurationInvalid: If it is of another architecture.
        CheckpointUnreadable: If a file of it is missing or damaged.
        CheckpointMismatch: If its tensors do not fit its card.
    """
    heads: dict[str, torch.Tensor] = {}
    if (directory / LAST_FILE).is_file():
        tensors = read_weights(directory / LAST_FILE).tensors
        heads = {name: tensor for name, tensor in tensors.items() if name.startswith(_HEADS)}
        directory = directory / MODEL_FOLDER
    model: StoredModel = read_model(str(directory))  # type: ignore[assignment]  # typed there without torch
    card = model.card
    if card.architecture != "compact_dual":
        raise ConfigurationInvalid(
            f"{directory} is a model of architecture {card.architecture!r}, where the towers of a "
            "compact_dual are needed: name one"
        )
    sizes = model.sizes(CompactDualSizes)
    network = CompactDual(sizes, card.embedding_width)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(model.shapes, expected, model.source)
    network.load_state_dict(model.tensors)
    vocabulary = model.file(VOCABULARY_FILE, sizes.vocabulary_sha256)
    words = None if sizes.words_sha256 is None else model.file(WORDS_FILE, sizes.words_sha256)
    return TrainedCompact(network, sizes, card.image, vocabulary, words, heads)
