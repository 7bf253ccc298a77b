"""NAFS: whole crops with whole captions, and regions at three scales with words.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036), and the recipe of
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477: bert-base-uncased, ImageNet's
ResNet-50, batches of 64 for 60 epochs with ``PUBLISHED``. A model directory holds no class
weights, so a run that starts from one begins with new ones; a checkpoint in the authors' layout
holds them.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Self

import torch
from pydantic import Field, ValidationError, model_validator

from models.card import WEIGHTS_FILE, ImagePreprocessing, ModelCard, file_sha256
from models.encoders.nafs import NafsEncoder
from models.errors import ConfigurationInvalid
from models.layers.nafs_network import NafsSizes
from models.nafs_checkpoints import IMAGE, VOCABULARY_FILE, require_fitting_vocabulary
from models.stored_model import StoredModel
from models.tokenizers.nafs_phrases import CAPTION_TOKENS, NafsPhrases, read_vocabulary
from training.contracts import ParameterGroup
from training.crop_transforms import MIRRORED, CropTransform
from training.nafs.batches import NafsBatchMaker
from training.nafs.network import CLASSES, NafsObjective, NafsTrainingNetwork, draw_weights
from training.nafs.start import (
    BertStart,
    NafsStart,
    fill_from_resnet,
    fill_from_start,
    read_bert,
    read_start,
)
from training.nafs.towers import ImageTower, TextTower
from training.optimisers import OptimiserConfig
from training.vocabulary import write_vocabulary
from training.word_counts import put_in_place

PUBLISHED = OptimiserConfig(kind="adam", learning_rate=1.1e-3, weight_decay=4e-5)

_REDUCTION = 16  # from rows of pixels to rows of the last stage
_RANDOM = "random"
_UNWRITTEN = "0" * 64
_OBJECTIVE = {*NafsObjective.model_fields, "shuffle_stripes"}


class NafsConfig(NafsObjective):
    """A run. What a start has of sizes, words and crop size, it brings along."""

    name: Literal["nafs"]
    start: str | None = None
    """A NAFS model directory or checkpoint to go on from. None: both towers start by themselves."""
    keep_classes: bool = True
    """True: where the start has class weights they are kept, and must be of as many people as the
    training split shows. False: new ones, for other people than those of the start."""
    image_start: Literal["random"] | Path = "random"
    """Without a start. A file: the state dict of a torchvision ResNet of ``image``'s sizes, for
    the published ones ImageNet's ``resnet50``; its stages fill the branches too. The model
    directory of a compact dual encoder: its residual stages. ``random``: drawn as torchvision does,
    from which little is learned from few crops."""
    text_start: Literal["random"] | Path = "random"
    """Without a start. A folder: ``config.json``, ``vocab.txt`` and weights of a BERT as
    transformers stores it, for the published recipe bert-base-uncased; it brings its sizes. The
    model directory of a compact dual encoder: its text tower, which is one.
    ``random``: sizes of ``text``, and a vocabulary made of the training captions."""
    image: ImageTower = ImageTower()
    text: TextTower = TextTower()
    caption_tokens: int = Field(default=CAPTION_TOKENS, ge=3)
    """Without a start: how many pieces of a caption are read. 100 as published."""
    shuffle_stripes: bool = True
    """True: a new order of the stripes of both branches for each batch, as published; all crops of
    a process's share of the batch have the same. False: stripes stay in their place."""
    tower_rate: float = Field(default=0.1, gt=0)
    """The learning rate of both towers, by that of the heads. 0.1: as published, for towers that
    are trained already. 1: for towers that start at random."""
    stored_precision: Literal["fp32", "fp16"] = "fp32"
    """Of the exported matrices. ``fp32``: as trained. ``fp16``: half the size; rows and scores
    differ by about a thousandth. Norms and biases stay fp32."""

    @model_validator(mode="after")
    def _start_fits(self) -> Self:
        own = NafsConfig.model_fields
        brought = ("image_start", "text_start", "image", "text", "caption_tokens")
        doubled = [n for n in brought if self.start and getattr(self, n) != own[n].default]
        if doubled:
            raise ValueError(f"the start brings its own {', '.join(doubled)}: leave that out")
        if self.text_start != _RANDOM and self.text != own["text"].default:
            raise ValueError("the BERT of text_start brings its own sizes: leave out text")
        return self


class NafsMethod:
    """NAFS's training."""

    def __init__(
        self,
        config: NafsConfig,
        network: NafsTrainingNetwork,
        card: ModelCard,
        vocabulary: Path,
        optimiser: OptimiserConfig,
    ) -> None:
        self._config = config
        self._network = network
        self._card = card
        self._vocabulary_file = vocabulary
        self._optimiser = optimiser
        sizes = NafsSizes.model_validate(card.sizes)
        self._batch_maker = NafsBatchMaker(
            CropTransform(card.image, MIRRORED),
            NafsPhrases(vocabulary, sizes.caption_tokens),
            (sizes.patch_stripes, sizes.region_stripes) if config.shuffle_stripes else None,
        )

    @property
    def network(self) -> NafsTrainingNetwork:
        """All weights, those of the classes among them."""
        return self._network

    @property
    def batch_maker(self) -> NafsBatchMaker:
        """Makes the batches that the network's forward takes."""
        return self._batch_maker

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return heads, image tower and text tower; the image tower alone decays."""
        towers = (self._network.image_model, self._network.language_model)
        image, text = (tuple(tower.parameters()) for tower in towers)
        of_towers = {id(parameter) for parameter in (*image, *text)}
        heads = tuple(
            parameter
            for parameter in self._network.parameters()
            if parameter.requires_grad and id(parameter) not in of_towers
        )
        rate, decay = self._optimiser.learning_rate, self._optimiser.weight_decay
        tower_rate = rate * self._config.tower_rate
        return [
            ParameterGroup("heads", heads, rate, 0.0),
            ParameterGroup("image tower", image, tower_rate, decay),
            ParameterGroup("text tower", text, tower_rate, 0.0),
        ]

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        """Return the model in the precision it is to be stored in, without class weights.

        Raises:
            ConfigurationInvalid: If a weight is too large for fp16.
        """
        halved = self._config.stored_precision == "fp16"
        return StoredModel(
            card=self._card,
            tensors={
                name: _half(name, tensor) if halved and tensor.ndim > 1 else tensor
                for name, tensor in weights.items()
                if name != CLASSES
            },
            files={VOCABULARY_FILE: self._vocabulary_file},
            source=self._vocabulary_file.with_name(WEIGHTS_FILE),
        )

    def encoder(self) -> NafsEncoder:
        """Return an encoder over the network's present weights, which are put in inference mode."""
        return NafsEncoder(
            self._card,
            self._network.eval(),
            self._batch_maker.phrases,
            device=self._network.W.device,
            dtype=torch.float32,
        )


def build(
    config: NafsConfig,
    optimiser: OptimiserConfig,
    *,
    classes: int,
    seed: int,
    captions: Sequence[str],
    folder: Path,
) -> NafsMethod:
    """Build the network with the weights it starts from.

    Args:
        config: The towers, and the choices of the loss.
        optimiser: The learning rate of the heads, and the weight decay of the image tower.
        classes: How many people the training split shows.
        seed: Of the weights that no start has.
        captions: Of the training split, for the vocabulary.
        folder: The run's, there already; the vocabulary is written into it.

    Raises:
        ConfigurationInvalid: If the start is no NAFS, or stripes cannot share the crops' height.
        CheckpointUnreadable: If what the towers start from is missing or damaged.
        CheckpointMismatch: If its tensors or its vocabulary do not fit.
    """
    start = None if config.start is None else read_start(config.start)
    bert = None if isinstance(config.text_start, str) else read_bert(config.text_start)
    vocabulary = folder / VOCABULARY_FILE
    given = start or bert
    if given is None:
        _make_vocabulary(captions, config.text.vocabulary_limit, vocabulary)
    else:
        put_in_place(given.vocabulary.read_bytes(), vocabulary)
    sizes = _sizes(config, bert, vocabulary) if start is None else start.sizes
    require_fitting_vocabulary(NafsPhrases(vocabulary), sizes, vocabulary)
    card = _card(config, start, bert, sizes)
    _require_even_stripes(sizes, card.image, shuffled=config.shuffle_stripes)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the accelerators.
        torch.default_generator.manual_seed(seed)
        network = NafsTrainingNetwork(sizes, card.embedding_width, classes, config)
        draw_weights(network)
    if start is not None:
        fill_from_start(network, start, keep_classes=config.keep_classes)
    if bert is not None:
        network.language_model["textExtractor"].load_state_dict(bert.tensors)
    if isinstance(config.image_start, Path):
        fill_from_resnet(network, config.image_start, card.image)
    return NafsMethod(config, network, card, vocabulary, optimiser)


def _make_vocabulary(captions: Sequence[str], limit: int, path: Path) -> None:
    with TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        write_vocabulary(captions, limit, made)
        put_in_place(made.read_bytes(), path)


def _sizes(config: NafsConfig, bert: BertStart | None, vocabulary: Path) -> NafsSizes:
    text = config.text.sizes if bert is None else bert.sizes
    try:
        return NafsSizes.model_validate(
            {
                "vocabulary_size": len(read_vocabulary(vocabulary)),
                **config.image.sizes,
                **text,
                "caption_tokens": config.caption_tokens,
                "vocabulary_sha256": file_sha256(vocabulary),
            }
        )
    except ValidationError as error:
        raise ConfigurationInvalid(f"the towers make no nafs together: {error}") from error


def _card(
    config: NafsConfig, start: NafsStart | None, bert: BertStart | None, sizes: NafsSizes
) -> ModelCard:
    if start is None:
        image_start, text_start = (
            begun if isinstance(begun, str) else begun.name
            for begun in (config.image_start, config.text_start)
        )
        first = f"image tower: {image_start}, text tower: {text_start}"
        width = config.text.width if bert is None else bert.width
        size = {"height": config.image.height, "width": config.image.width}
        image = IMAGE.model_copy(update=size)
    else:
        first, width, image = start.called, start.embedding_width, start.image
    return ModelCard(
        name="NAFS",
        architecture="nafs",
        method="NAFS",
        embedding_width=width,
        image=image,
        sizes=sizes.stated,
        weights_sha256=_UNWRITTEN,
        provenance={"objective": config.model_dump_json(include=_OBJECTIVE), "start": first},
    )


def _require_even_stripes(sizes: NafsSizes, image: ImagePreprocessing, *, shuffled: bool) -> None:
    stripes = (sizes.patch_stripes, sizes.region_stripes)
    rows = -(-image.height // _REDUCTION)
    if shuffled and any(image.height % (count * _REDUCTION) for count in stripes):
        step = math.lcm(*stripes) * _REDUCTION
        raise ConfigurationInvalid(
            f"crops of {image.height} rows cannot be cut into {stripes[0]} and {stripes[1]} equal "
            f"stripes: choose a height that is a multiple of {step}, or shuffle_stripes = false"
        )
    if max(stripes) > rows:
        raise ConfigurationInvalid(
            f"crops of {image.height} rows leave {rows} rows of features, too few for "
            f"{max(stripes)} stripes: choose higher crops or fewer stripes"
        )


def _half(name: str, tensor: torch.Tensor) -> torch.Tensor:
    halved = tensor.half()
    if not bool(torch.isfinite(halved).all()):
        raise ConfigurationInvalid(
            f"{name} has values that fp16 cannot hold: store fp32, or train again with a lower "
            "learning rate"
        )
    return halved
