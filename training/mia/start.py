"""What a stage of MIA's training starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from models.card import ImagePreprocessing
from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid
from models.layers.mia_backbones import MiaNetwork, MiaSizes, network_shapes
from models.loading import read_model
from models.mia_checkpoints import VOCABULARY_FILE, read_fitting_vocabulary
from models.state_dicts import read_checkpoint, require_fit
from models.stored_model import PublishedModel, StoredModel
from training.mia.stages import GRANULARITIES, Stage

CLASSIFIER = "id_cls."

_WORDS_AT_FIRST = 0.1  # the bound of the uniform draw of word vectors, as in the authors' code
_COUNTER = "num_batches_tracked"  # newer than some of torchvision's files
_FINAL = "fc."


@dataclass(frozen=True)
class Start:
    """A model of the stage before, or of the same one, read.

    ``tensors`` have the names of the training network, those of training alone among them.
    """

    sizes: MiaSizes
    embedding_width: int
    image: ImagePreprocessing
    tensors: Mapping[str, torch.Tensor]
    vocabulary: Path
    called: str

    @property
    def classes(self) -> int | None:
        """How many people its classifier knows; None where none was stored."""
        bias = self.tensors.get(f"{CLASSIFIER}bias")
        return None if bias is None else len(bias)


def read_start(source: str, stage: Stage) -> Start:
    """Read a model directory or a checkpoint in the authors' layout, to go on from it.

    Only the latter holds a classifier.

    Raises:
        ConfigurationInvalid: If it is no MIA, or of a stage that ``stage`` does not follow.
        CheckpointUnreadable: If its card's sizes make no model, or as in ``read_model``.
    """
    model: StoredModel = read_model(source)  # type: ignore[assignment]  # typed there without torch
    if model.card.architecture != "mia":
        raise ConfigurationInvalid(
            f"{source} is a model of architecture {model.card.architecture!r}, and MIA's training "
            "starts from mia alone: name another start, or none"
        )
    try:
        sizes = MiaSizes.model_validate(model.card.sizes)
    except ValidationError as error:
        raise CheckpointUnreadable(f"the sizes of {source} make no mia: {error}") from error
    _require_order(sizes.granularities, stage, source)
    require_fit(model.shapes, network_shapes(sizes, model.card.embedding_width), model.source)
    vocabulary = model.file(VOCABULARY_FILE, sizes.vocabulary_sha256)
    read_fitting_vocabulary(vocabulary, sizes.vocabulary_size)
    return Start(
        sizes=sizes,
        embedding_width=model.card.embedding_width,
        image=model.card.image,
        tensors={**model.tensors, **_training_only(model)},
        vocabulary=vocabulary,
        called=f"{model.card.name}, weights {model.card.weights_sha256}",
    )


def fill_from_start(network: MiaNetwork, start: Start, *, keep_classifier: bool) -> None:
    """Take over what the start has; what only the new stage has keeps its random values.

    Raises:
        CheckpointMismatch: If the classifier is kept and knows another number of people.
    """
    wanted = network.state_dict()
    given = {name: tensor for name, tensor in start.tensors.items() if name in wanted}
    if not keep_classifier:
        given = {name: t for name, t in given.items() if not name.startswith(CLASSIFIER)}
    name = f"{CLASSIFIER}bias"
    if name in given and len(given[name]) != len(wanted[name]):
        raise CheckpointMismatch(
            f"the classifier of {start.called} knows {len(given[name])} people, the training "
            f"split shows {len(wanted[name])}: set keep_classifier to false, or train on the data "
            "of the start"
        )
    network.load_state_dict(given, strict=False)


def fill_at_random(network: MiaNetwork) -> None:
    """Draw the word vectors as the authors' code does; the rest is torch's own first values."""
    nn.init.uniform_(network.cap_backbone.embedding.weight, -_WORDS_AT_FIRST, _WORDS_AT_FIRST)


def fill_from_imagenet(network: MiaNetwork, path: Path) -> None:
    """Take over torchvision's ResNet-50, without its last layer.

    Raises:
        CheckpointUnreadable: If the file holds no tensors by name.
        CheckpointMismatch: If they are not exactly those of torchvision's ``resnet50``.
    """
    resnet = network.img_backbone.img_backbone
    own = {name: t for name, t in resnet.state_dict().items() if not name.startswith(_FINAL)}
    found = {
        name: tensor
        for name, tensor in read_checkpoint(path).tensors.items()
        if not name.startswith(_FINAL)
    }
    counters = {name: tensor for name, tensor in own.items() if name.endswith(_COUNTER)}
    given = {**counters, **found}
    require_fit(
        {name: tuple(tensor.shape) for name, tensor in given.items()},
        {name: tuple(tensor.shape) for name, tensor in own.items()},
        path,
    )
    resnet.load_state_dict(given, strict=False)


def _training_only(model: StoredModel) -> dict[str, torch.Tensor]:
    if not isinstance(model, PublishedModel) or not model.training_only:
        return {}
    checkpoint = read_checkpoint(model.source)
    beside = {
        f"{entry}.{name}": tensor
        for entry, named in checkpoint.beside.items()
        for name, tensor in named.items()
    }
    everything = {**checkpoint.tensors, **beside}
    return {name: everything[name] for name in model.training_only}


def _require_order(granularities: int, stage: Stage, source: str) -> None:
    own = GRANULARITIES[stage]
    if granularities not in (own, max(own - 1, 1)):
        before = "identity" if stage == "matching" else "matching"
        needed = "of the same stage" if stage == "identity" else f"of {before} or of {stage}"
        raise ConfigurationInvalid(
            f"{source} compares {granularities} granularities, so it cannot start the stage "
            f"{stage}: name a model {needed}"
        )
