"""What is particular to training the compact dual encoder on rendered people."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from models.schema import Schema
from training.datasets.rendered_people.settings import SettingName


class RenderedPeopleConfig(Schema):
    """Which rendered people a run sees; people are the same for the same numbers."""

    name: Literal["rendered_people"] = "rendered_people"
    folder: Path
    """Where the pictures lie, and where they are rendered to if they do not yet."""
    people: int = Field(ge=2)
    sightings: int = Field(ge=2)
    seed: int = Field(ge=0)
    setting: SettingName = "training"
    """How bodies, scenes and cameras are distributed; ``held_out`` is for tests."""
    evenness: float = Field(default=0.0, ge=0, le=1)
    """Above 0 rare things become more frequent; 1 makes all as frequent as another."""
    siblings: float = Field(default=0.0, ge=0, le=0.5)
    """The share of people who equal the one before them but for one thing."""
    captions_per_crop: int = Field(ge=1)
    """Full captions, and as many short queries, written for each picture before training."""


class ModelConfig(Schema):
    """The dimensions of the encoder; the last phase of the schedule gives its image size."""

    name: str = Field(min_length=1)
    embedding_width: int = Field(ge=1)
    stage_widths: tuple[int, ...]
    stage_depths: tuple[int, ...]
    attention_heads: int = Field(ge=1)
    stripes: int = Field(ge=1)
    text_width: int = Field(ge=1)
    text_layers: int = Field(ge=1)
    text_heads: int = Field(ge=1)
    max_tokens: int = Field(ge=3)
    vocabulary_limit: int = Field(ge=300)
    """The vocabulary's size is at most this; rare words are spelt out of pieces."""


class Phase(Schema):
    """A part of the run with one image size."""

    height: int = Field(ge=8)
    width: int = Field(ge=8)
    people_per_batch: int = Field(ge=2)
    samples: int = Field(ge=1)
    matching_weight: float = Field(default=1.0, ge=0)
    """Of the terms that match descriptions and pictures. Towers that first learn, each for
    itself, to answer for every attribute have something to match."""


class ObjectiveConfig(Schema):
    """The terms of the loss."""

    short_queries: int = Field(ge=1)
    """Short queries a picture in a batch, beside its one full caption."""
    attribute_weight: float = Field(ge=0)
    claim_weight: float = Field(default=0.0, ge=0)
    """Of saying from the words alone what a description claims."""
    unknown_pieces: float = Field(ge=0, lt=1)
    """The share of word pieces replaced by the unknown piece while training."""
    unknown_words: float = Field(default=0.0, ge=0, le=1)
    """The share of descriptions into which words that mean nothing are put while training."""
    memory: int = Field(default=0, ge=0)
    """How many crops of earlier steps a description must also be told from."""


class AugmentationConfig(Schema):
    """How pictures vary while training."""

    flip: float = Field(ge=0, le=1)
    crop_height: float = Field(ge=0, lt=0.5)
    """At most this share of the height is cut off above, and as much below."""
    crop_width: float = Field(ge=0, lt=0.5)
    contrast: float = Field(ge=0)
    """Standard deviation of the factor on a picture's contrast."""
    colour_cast: float = Field(ge=0)
    """Standard deviation of the factor on each channel's contrast."""
    brightness: float = Field(ge=0)
    """Standard deviation of what is added, in steps of 0..255."""


class CompactDualConfig(Schema):
    """The compact dual encoder: its sizes, its terms, and what its batches look like."""

    name: Literal["compact_dual"] = "compact_dual"
    start: Path | None = None
    """The folder of a finished run to train on from, with its vocabulary, heads and scale; or a
    model directory, and heads and scale begin anew. None begins from random weights."""
    model: ModelConfig
    phases: tuple[Phase, ...] = Field(min_length=1)
    objective: ObjectiveConfig
    augmentation: AugmentationConfig

    @property
    def samples(self) -> int:
        """The number of pictures the whole schedule sees, repetitions included."""
        return sum(phase.samples for phase in self.phases)


class HeldOutConfig(Schema):
    """The held-out people a finished run is measured on."""

    people: int = Field(ge=2)
    sightings: int = Field(ge=2)
    seed: int = Field(ge=0)
    setting: SettingName = "training"
