"""What NAFS's training starts from: a model of it, a ResNet, a BERT, a compact dual encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue, ValidationError
from safetensors import SafetensorError
from transformers import BertConfig, BertModel

from models.card import ImagePreprocessing
from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid, first_few
from models.layers.nafs_network import NafsSizes, network_shapes
from models.loading import read_model
from models.nafs_checkpoints import VOCABULARY_FILE
from models.state_dicts import read_checkpoint, require_fit
from models.stored_model import PublishedModel, StoredModel
from training.compact.trained import read_trained
from training.nafs.compact_start import is_model_directory, resnet_of
from training.nafs.network import CLASSES, NafsTrainingNetwork

_BRANCHES = ("", "branch2_", "branch3_")
_FINAL = "fc."
_COUNTER = "num_batches_tracked"  # newer than some of torchvision's files
_ACTIVATION = "gelu"


@dataclass(frozen=True)
class NafsStart:
    """A trained NAFS, read; ``classes`` are its class weights ``(d, c)`` where they are stored."""

    sizes: NafsSizes
    embedding_width: int
    image: ImagePreprocessing
    tensors: Mapping[str, torch.Tensor]
    classes: torch.Tensor | None
    vocabulary: Path
    called: str


@dataclass(frozen=True)
class BertStart:
    """A trained BERT, read; its pooler and other heads are left."""

    config: BertConfig
    tensors: Mapping[str, torch.Tensor]
    vocabulary: Path

    @property
    def width(self) -> int:
        """The width of its word states."""
        return int(self.config.hidden_size)

    @property
    def sizes(self) -> dict[str, JsonValue]:
        """What it decides of ``NafsSizes``."""
        return {
            "vocabulary_size": self.config.vocab_size,
            "text_layers": self.config.num_hidden_layers,
            "text_heads": self.config.num_attention_heads,
            "text_inner_width": self.config.intermediate_size,
            "text_positions": self.config.max_position_embeddings,
            "text_segments": self.config.type_vocab_size,
            "text_norm_epsilon": self.config.layer_norm_eps,
        }


def read_start(source: str) -> NafsStart:
    """Read a model directory or a checkpoint in the authors' layout, to go on from it.

    Only the latter holds class weights.

    Raises:
        ConfigurationInvalid: If it is no NAFS.
        CheckpointUnreadable: If its card's sizes make no model, or as in ``read_model``.
    """
    model: StoredModel = read_model(source)  # type: ignore[assignment]  # typed there without torch
    card = model.card
    if card.architecture != "nafs":
        raise ConfigurationInvalid(
            f"{source} is a model of architecture {card.architecture!r}, and NAFS's training "
            "starts from nafs alone: name another start, or none"
        )
    try:
        sizes = NafsSizes.model_validate(card.sizes)
    except ValidationError as error:
        raise CheckpointUnreadable(f"the sizes of {source} make no nafs: {error}") from error
    require_fit(model.shapes, network_shapes(sizes, card.embedding_width), model.source)
    return NafsStart(
        sizes=sizes,
        embedding_width=card.embedding_width,
        image=card.image,
        tensors=model.tensors,
        classes=_class_weights(model),
        vocabulary=model.file(VOCABULARY_FILE, sizes.vocabulary_sha256),
        called=f"{card.name}, weights {card.weights_sha256}",
    )


def fill_from_start(network: NafsTrainingNetwork, start: NafsStart, *, keep_classes: bool) -> None:
    """Take over all of a trained NAFS, the class weights where it has them and they are kept.

    Raises:
        CheckpointMismatch: If the class weights are kept and are of another number of people.
    """
    given = dict(start.tensors)
    if keep_classes and start.classes is not None:
        found, wanted = start.classes.shape[1], network.W.shape[1]
        if found != wanted:
            raise CheckpointMismatch(
                f"the class weights of {start.called} are of {found} people, the training split "
                f"shows {wanted}: set keep_classes to false, or train on the data of the start"
            )
        given[CLASSES] = start.classes
    network.load_state_dict({**network.state_dict(), **given})


def read_bert(directory: Path) -> BertStart:
    """Read a BERT as transformers stores it, or a compact dual encoder's, from local files alone.

    Raises:
        ConfigurationInvalid: If the folder holds a model of Descry that is no compact dual encoder.
        CheckpointUnreadable: If the configuration, the weights or the vocabulary is missing or
            damaged.
        CheckpointMismatch: If weights are missing or of another size, or it is a BERT that NAFS
            cannot have.
    """
    if is_model_directory(directory):
        compact = read_trained(directory)
        return BertStart(compact.bert.config, compact.bert.state_dict(), compact.vocabulary)
    vocabulary = directory / VOCABULARY_FILE
    absent = [p.name for p in (directory / "config.json", vocabulary) if not p.is_file()]
    if absent:
        raise CheckpointUnreadable(
            f"{directory} lacks {' and '.join(absent)}: name a folder with the config.json, the "
            "vocab.txt and the weights of a BERT, as bert-base-uncased is published"
        )
    try:
        config = BertConfig.from_pretrained(directory, local_files_only=True)
        read: Any = BertModel.from_pretrained(
            directory,
            config=config,
            local_files_only=True,
            add_pooling_layer=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointUnreadable(
            f"the BERT in {directory} cannot be read: {error}. Copy or download it again"
        ) from error
    bert, report = read  # typed as the model alone, whatever is asked for
    if report["missing_keys"]:
        raise CheckpointMismatch(
            f"the weights in {directory} lack {first_few(sorted(report['missing_keys']))}: name "
            "the folder of a complete BERT"
        )
    if config.hidden_act != _ACTIVATION:
        raise CheckpointMismatch(
            f"the BERT in {directory} has the activation {config.hidden_act!r}, and NAFS's has "
            f"{_ACTIVATION!r}: name another"
        )
    return BertStart(config, bert.state_dict(), vocabulary)


def fill_from_resnet(network: NafsTrainingNetwork, path: Path, image: ImagePreprocessing) -> None:
    """Take over a ResNet without its last layer, its stages in the branches too.

    Args:
        network: Receives it.
        path: A file in torchvision's layout, or the model directory of a compact dual encoder.
        image: How crops become what the network sees.

    Raises:
        ConfigurationInvalid: If the directory is of another model.
        CheckpointUnreadable: If the file holds no tensors by name.
        CheckpointMismatch: If they are not exactly those of a ResNet of the image tower's sizes.
    """
    own = network.image_model.state_dict()
    trunk = {name: t for name, t in own.items() if not name.startswith(_BRANCHES[1:])}
    found = {
        name: tensor
        for name, tensor in _resnet_tensors(path, image).items()
        if not name.startswith(_FINAL)
    }
    counters = {name: tensor for name, tensor in trunk.items() if name.endswith(_COUNTER)}
    given = {**counters, **found}
    require_fit(
        {name: tuple(tensor.shape) for name, tensor in given.items()},
        {name: tuple(tensor.shape) for name, tensor in trunk.items()},
        path,
    )
    network.image_model.load_state_dict(
        {
            branch + name: tensor
            for name, tensor in given.items()
            for branch in _BRANCHES
            if branch + name in own
        }
    )


def _resnet_tensors(path: Path, image: ImagePreprocessing) -> Mapping[str, torch.Tensor]:
    if path.is_dir():
        return resnet_of(read_trained(path), image)
    return read_checkpoint(path).tensors


def _class_weights(model: StoredModel) -> torch.Tensor | None:
    if not isinstance(model, PublishedModel) or model.classes is None:
        return None
    stored = read_checkpoint(model.source)
    return stored.tensors[CLASSES] if CLASSES in stored.tensors else stored.beside[CLASSES][""]
