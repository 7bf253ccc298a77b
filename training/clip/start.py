"""What training of IRRA's family starts from: a model made of CLIP's towers, or random weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from pydantic import Field, ValidationError, model_validator

from models.card import ImagePreprocessing
from models.clip_checkpoints import CLIP_MEAN, CLIP_STD
from models.errors import CheckpointUnreadable, ConfigurationInvalid
from models.layers.clip_towers import (
    ClipGlobalSizes,
    resize_position_embedding,
    tower_shapes,
)
from models.loading import read_model
from models.schema import Schema
from models.state_dicts import read_checkpoint, require_fit
from models.stored_model import PublishedModel, StoredModel
from training.clip.trained_towers import trained_names

RANDOM = "random"
_POSITION = "visual.positional_embedding"


class ClipStartConfig(Schema):
    """Which weights are there before the first step."""

    start: str = Field(min_length=1)
    """``random``: towers of ``sizes`` with random weights, for small experiments. Anything else: a
    model as for searching, whose architecture is ``clip_global``: OpenAI's CLIP, a checkpoint of
    IRRA, AGM-IRRA or SG-IHA, or a model directory made of one of them."""
    keep_heads: bool = False
    """True: what a checkpoint of the authors holds beside the towers, and this method has too, is
    taken over; its classifier must know as many people. False: all heads are new."""
    height: int | None = Field(default=None, ge=16)
    width: int | None = Field(default=None, ge=16)
    """Of the crops. None: those of the start, 384 x 128 for OpenAI's CLIP. Another size needs a
    start with a square position embedding, as OpenAI's, which is stretched to the size."""
    sizes: ClipGlobalSizes | None = None
    """Of random towers; a start has its own."""
    embedding_width: int | None = Field(default=None, ge=64, le=4096, multiple_of=64)
    """Of random towers; a start has its own."""

    @model_validator(mode="after")
    def _random_towers_are_described(self) -> Self:
        if (self.height is None) != (self.width is None):
            raise ValueError("height and width belong together: give both, or none")
        described = [self.height, self.sizes, self.embedding_width]
        if self.start == RANDOM and (None in described or self.keep_heads):
            raise ValueError(
                "random weights need height, width, sizes and embedding_width, and have no heads "
                "to keep"
            )
        if self.start != RANDOM and described[1:] != [None, None]:
            raise ValueError("a start has its own sizes and embedding_width: leave them out")
        return self


@dataclass(frozen=True)
class ClipStart:
    """Sizes of the towers and weights in the names of the training network.

    ``towers`` is empty where all is random; ``heads`` holds what training alone needs.
    """

    sizes: ClipGlobalSizes
    embedding_width: int
    image: ImagePreprocessing
    called: str
    towers: Mapping[str, torch.Tensor] = field(default_factory=dict)
    heads: Mapping[str, torch.Tensor] = field(default_factory=dict)


def read_start(config: ClipStartConfig) -> ClipStart:
    """Read the model to start from, or describe the random one.

    Raises:
        ConfigurationInvalid: If the model is not made of CLIP's towers, has no heads that could
            be kept, or cannot read crops of the wanted size.
        CheckpointUnreadable: If its card's sizes make no model, or as in ``read_model``.
        CheckpointMismatch: If its tensors do not fit, or as in ``read_model``.
        ModelNotFound: If there is none of that name.
    """
    if config.start == RANDOM:
        return _random_start(config)
    # Typed there without torch, which a reader of cards need not import.
    model: StoredModel = read_model(config.start)  # type: ignore[assignment]
    sizes = _sizes(model, config.start)
    width = model.card.embedding_width
    require_fit(model.shapes, tower_shapes(sizes, model.card.image, width), model.source)
    image = model.card.image
    if config.height is not None:
        image = image.model_copy(update={"height": config.height, "width": config.width})
    tensors = {**model.tensors, _POSITION: _position_embedding(model, sizes, image)}
    return ClipStart(
        sizes=sizes,
        embedding_width=width,
        image=image,
        called=f"{model.card.name}, weights {model.card.weights_sha256}",
        towers={f"base_model.{name}": t for name, t in trained_names(tensors).items()},
        heads=_heads(model) if config.keep_heads else {},
    )


def _random_start(config: ClipStartConfig) -> ClipStart:
    image = {"height": config.height, "width": config.width, "mean": CLIP_MEAN, "std": CLIP_STD}
    return ClipStart(
        sizes=ClipGlobalSizes.model_validate(config.sizes),
        embedding_width=int(config.embedding_width or 0),
        image=ImagePreprocessing.model_validate(image),
        called=RANDOM,
    )


def _sizes(model: StoredModel, source: str) -> ClipGlobalSizes:
    if model.card.architecture != "clip_global":
        raise ConfigurationInvalid(
            f"{source} is a model of architecture {model.card.architecture!r}, and this training "
            "starts from clip_global alone: name OpenAI's CLIP, a checkpoint of IRRA, AGM-IRRA or "
            "SG-IHA, or a model directory made of one of them"
        )
    try:
        return ClipGlobalSizes.model_validate(model.card.sizes)
    except ValidationError as error:
        raise CheckpointUnreadable(
            f"the sizes of {source} make no clip_global: {error}. Export the model again."
        ) from error


def _position_embedding(
    model: StoredModel, sizes: ClipGlobalSizes, image: ImagePreprocessing
) -> torch.Tensor:
    """Return the position embedding for a size of crops, stretched from a square original.

    Raises:
        ConfigurationInvalid: If it is that of another size, and there is no square original.
    """
    stored, made_for = model.tensors[_POSITION], model.card.image
    grid, wanted = sizes.grid(made_for), sizes.grid(image)
    if wanted == grid:
        return stored
    square = stored if grid[0] == grid[1] else None
    if isinstance(model, PublishedModel):
        # Reading OpenAI's weights has stretched them for 384 x 128 once already; twice would blur.
        square = read_checkpoint(model.source).tensors.get(_POSITION)
    if square is None or math.isqrt(len(square) - 1) ** 2 != len(square) - 1:
        raise ConfigurationInvalid(
            f"crops of {image.height} x {image.width} do not fit {model.source}, whose position "
            f"embedding is that of {made_for.height} x {made_for.width}: leave out height and "
            "width, or start from OpenAI's CLIP, whose embedding can be stretched"
        )
    return resize_position_embedding(square, wanted)


def _heads(model: StoredModel) -> dict[str, torch.Tensor]:
    names = model.training_only if isinstance(model, PublishedModel) else ()
    stored = read_checkpoint(model.source).tensors if names else {}
    heads = {name: stored[name] for name in names if stored[name].ndim}  # no scalars of CLIP's
    if not heads:
        raise ConfigurationInvalid(
            f"{model.source} holds no heads of training: set keep_heads to false, or start from "
            "a checkpoint as its authors' training wrote it"
        )
    return heads
