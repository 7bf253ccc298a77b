"""MIA, trained in stages from identities over whole crops and captions to their parts.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610), and the recipe of
https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5: batches of 96; the stage
``identity`` for 10 epochs with ``IDENTITY``, then ``matching`` for 10 epochs with ``MATCHING`` and
for 10 more with ``MATCHING_CONTINUED``. There the optimiser forgets its moments between the two,
so they are two runs, of which the second starts from the first. ``part_part`` follows for 15
epochs with ``PART_PART``; it is a reconstruction. A model directory holds no classifier, so a
run that starts from one begins with a new one; a checkpoint in the authors' layout holds it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import Field, model_validator

from models.card import WEIGHTS_FILE, ImagePreprocessing, ModelCard, file_sha256
from models.encoders.mia import MiaEncoder
from models.layers.mia_backbones import MiaSizes
from models.mia_checkpoints import IMAGENET_MEAN, IMAGENET_STD, PUBLISHED_NUM_CUT, VOCABULARY_FILE
from models.stored_model import StoredModel
from models.tokenizers.noun_phrases import default_noun_phrases
from models.tokenizers.word_vocabulary import read_word_vocabulary
from training.contracts import ParameterGroup
from training.crop_transforms import MIRRORED, CropTransform
from training.mia.batches import MiaBatchMaker
from training.mia.stages import GRANULARITIES, MiaObjective, MiaTrainingNetwork
from training.mia.start import (
    CLASSIFIER,
    Start,
    fill_at_random,
    fill_from_imagenet,
    fill_from_start,
    read_start,
)
from training.optimisers import OptimiserConfig
from training.word_counts import PUBLISHED_THRESHOLD, put_in_place, write_word_vocabulary

IDENTITY = OptimiserConfig(kind="adam", learning_rate=1e-3, weight_decay=1e-5)
MATCHING = OptimiserConfig(kind="adam", learning_rate=2e-4, weight_decay=1e-5)
MATCHING_CONTINUED = OptimiserConfig(kind="adam", learning_rate=2e-5, weight_decay=1e-5)
PART_PART = OptimiserConfig(kind="adam", learning_rate=2e-5, weight_decay=1e-5)

_UNWRITTEN = "0" * 64


class MiaConfig(MiaObjective):
    """A run of one stage. What a start has of sizes, words and crop size, it brings along."""

    name: Literal["mia"]
    start: str | None = None
    """A model directory or a checkpoint of the stage before, or of the same one to go on. None:
    random weights, which ``part_part`` cannot start from."""
    imagenet_weights: Path | None = None
    """Without a start: a file with the state dict of torchvision's ``resnet50``, for all of the
    image tower but its last layer. None: random, from which little is learned from few crops."""
    keep_classifier: bool = True
    """True: where the start has a classifier it is kept, and must know as many people as the
    training split shows. False: a new one, for other people than those of the start."""
    vocabulary: Path | None = None
    """Without a start: a file as MIA's training writes it. None: made of the training captions."""
    word_threshold: int = Field(default=PUBLISHED_THRESHOLD, ge=0)
    """Of a vocabulary made of captions: how often a word may occur at most that has no number."""
    embedding_width: int = Field(default=1024, ge=1)
    word_width: int = Field(default=300, ge=1)
    num_cut: int = Field(default=PUBLISHED_NUM_CUT, ge=2, le=64)
    """Of ``matching``: into how many stripes crops are cut, unless the start has stripes."""
    height: int = Field(default=384, ge=32)
    width: int = Field(default=128, ge=32)

    @model_validator(mode="after")
    def _start_fits(self) -> Self:
        if self.start is None and self.stage == "part_part":
            raise ValueError("part_part trains two MLPs of a trained model: name it as start")
        doubled = [
            name
            for name in ("imagenet_weights", "vocabulary")
            if self.start is not None and getattr(self, name) is not None
        ]
        if doubled:
            raise ValueError(f"the start brings its own {doubled[0]}: leave out one of the two")
        return self


class MiaMethod:
    """A stage of MIA's training."""

    def __init__(
        self,
        network: MiaTrainingNetwork,
        card: ModelCard,
        vocabulary: Path,
        optimiser: OptimiserConfig,
    ) -> None:
        self._network = network
        self._card = card
        self._vocabulary_file = vocabulary
        self._optimiser = optimiser
        self._batch_maker = MiaBatchMaker(
            CropTransform(card.image, MIRRORED),
            read_word_vocabulary(vocabulary),
            default_noun_phrases(),
        )

    @property
    def network(self) -> MiaTrainingNetwork:
        """All weights, the frozen ones among them, and the classifier."""
        return self._network

    @property
    def batch_maker(self) -> MiaBatchMaker:
        """Makes the batches that the network's forward takes."""
        return self._batch_maker

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the one group of what the stage trains."""
        trained = [p for module in self._network.trained_modules() for p in module.parameters()]
        return [
            ParameterGroup(
                name="trained",
                parameters=tuple(trained),
                learning_rate=self._optimiser.learning_rate,
                weight_decay=self._optimiser.weight_decay,
            )
        ]

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        """Return the model of the stage's granularities, without the classifier."""
        return StoredModel(
            card=self._card,
            tensors={
                name: tensor for name, tensor in weights.items() if not name.startswith(CLASSIFIER)
            },
            files={VOCABULARY_FILE: self._vocabulary_file},
            source=self._vocabulary_file.with_name(WEIGHTS_FILE),
        )

    def encoder(self) -> MiaEncoder:
        """Return an encoder over the network's present weights, which are put in inference mode."""
        return MiaEncoder(
            self._card,
            self._network.eval(),
            self._batch_maker.vocabulary,
            self._batch_maker.find_phrases,
        )


def build(
    config: MiaConfig,
    optimiser: OptimiserConfig,
    *,
    classes: int,
    seed: int,
    captions: Sequence[str],
    folder: Path,
) -> MiaMethod:
    """Build a stage with the weights it starts from.

    Args:
        config: Which stage, and its choices.
        optimiser: The learning rate and the weight decay of all that is trained.
        classes: How many people the training split shows.
        seed: Of the weights that no start has.
        captions: Of the training split, for the vocabulary.
        folder: The run's, there already; the vocabulary is written into it.

    Raises:
        ConfigurationInvalid: If the start is not of the stage before, or no word of the captions
            is frequent enough.
        CheckpointUnreadable: If the start, the ImageNet weights or the vocabulary are damaged.
        CheckpointMismatch: If their tensors do not fit.
    """
    start = None if config.start is None else read_start(config.start, config.stage)
    vocabulary = _put_vocabulary(config, start, captions, folder)
    card = _card(config, start, _sizes(config, start, vocabulary))
    return MiaMethod(_network(config, start, card, classes, seed), card, vocabulary, optimiser)


def _put_vocabulary(
    config: MiaConfig, start: Start | None, captions: Sequence[str], folder: Path
) -> Path:
    path = folder / VOCABULARY_FILE
    source = config.vocabulary if start is None else start.vocabulary
    if source is None:
        write_word_vocabulary(captions, path, threshold=config.word_threshold)
        return path
    read_word_vocabulary(source)  # refuses another file before it is copied
    put_in_place(source.read_bytes(), path)
    return path


def _sizes(config: MiaConfig, start: Start | None, vocabulary: Path) -> MiaSizes:
    granularities = GRANULARITIES[config.stage]
    num_cut = config.num_cut
    if granularities == 1:
        num_cut = 1
    elif start is not None and start.sizes.granularities > 1:
        num_cut = start.sizes.num_cut
    return MiaSizes(
        granularities=granularities,
        num_cut=num_cut,
        word_width=config.word_width if start is None else start.sizes.word_width,
        vocabulary_size=len(read_word_vocabulary(vocabulary)),
        vocabulary_sha256=file_sha256(vocabulary),
    )


def _network(
    config: MiaConfig, start: Start | None, card: ModelCard, classes: int, seed: int
) -> MiaTrainingNetwork:
    sizes = MiaSizes.model_validate(card.sizes)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the accelerators.
        torch.default_generator.manual_seed(seed)
        network = MiaTrainingNetwork(sizes, card.embedding_width, classes, config)
        fill_at_random(network)
    if start is not None:
        fill_from_start(network, start, keep_classifier=config.keep_classifier)
    elif config.imagenet_weights is not None:
        fill_from_imagenet(network, config.imagenet_weights)
    return network


def _card(config: MiaConfig, start: Start | None, sizes: MiaSizes) -> ModelCard:
    if start is None:
        first = "random" if config.imagenet_weights is None else config.imagenet_weights.name
        width = config.embedding_width
        image = ImagePreprocessing(
            height=config.height, width=config.width, mean=IMAGENET_MEAN, std=IMAGENET_STD
        )
    else:
        first, width, image = start.called, start.embedding_width, start.image
    objective = config.model_dump_json(include=set(MiaObjective.model_fields))
    provenance = {"objective": objective, "start": first}
    if config.stage == "part_part":
        provenance["third granularity"] = "a reconstruction, not the authors' code"
    return ModelCard(
        name=f"MIA {config.stage}",
        architecture="mia",
        method="MIA",
        embedding_width=width,
        image=image,
        sizes=sizes.model_dump(),
        weights_sha256=_UNWRITTEN,
        provenance=provenance,
    )
