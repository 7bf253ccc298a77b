"""Published CLIP-shaped checkpoints, understood as a card and the tensors of ``ClipTowers``.

Two layouts are known, both told apart by their names alone:

- IRRA's ``best.pth``: the towers under ``base_model.``, heads that only training needs, and a
  position embedding of the person crops it was trained on. The size of those crops comes from
  the ``configs.yaml`` beside the file where there is one, else from the number of patches.
  AGM-IRRA writes the same tensors and differs by a loss in that file; SG-IHA adds a head.
- OpenAI's CLIP: the same names without a prefix and four scalars. Its square position embedding
  is resized for crops of 384 x 128 pixels, as IRRA does before training.

open_clip stores models trained with GELU under the same names as OpenAI's, which use QuickGELU,
and nothing in the file tells: load those as ``open_clip:ARCH/TAG``.
"""

import math
from pathlib import Path

import torch
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from models.card import ImagePreprocessing, ModelCard
from models.clip_training_heads import has_bridge, require_whole_heads, training_heads
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.layers.clip_towers import (
    ClipGlobalSizes,
    resize_position_embedding,
    tower_shapes,
)
from models.state_dicts import Checkpoint, Shapes, require_fit
from models.stored_model import PublishedModel

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
PERSON_CROP = (384, 128)
"""Height and width of the crops that IRRA and its successors train on."""

_IRRA_PREFIX = "base_model."
_OPENAI_SCALARS = ("logit_scale", "input_resolution", "context_length", "vocab_size")
_ASPECTS = (3, 2, 1)  # height to width of person crops (384 x 128, 256 x 128), then squares
_TEXT_CONTEXT = 77  # the word pieces of a text in CLIP; no system of this family has another
_SYSTEM_BY_LOSS = {"mcq": "SG-IHA", "cmt": "AGM-IRRA"}


class IrraRun(BaseModel):
    """What is needed of the ``configs.yaml`` that IRRA writes; other fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    img_size: tuple[int, int] | None = None
    stride_size: int | None = None
    dataset_name: str | None = None
    loss_names: str | None = None


def is_clip(shapes: Shapes) -> bool:
    """Say whether tensors of these names are CLIP with a vision transformer."""
    return any(
        {f"{prefix}visual.class_embedding", f"{prefix}token_embedding.weight"} <= shapes.keys()
        for prefix in (_IRRA_PREFIX, "")
    )


def understand(checkpoint: Checkpoint) -> PublishedModel:
    """Find the sizes of a checkpoint and bring its tensors into the form of ``ClipTowers``.

    Raises:
        CheckpointUnreadable: If the ``configs.yaml`` beside it cannot be read.
        CheckpointMismatch: If tensors are missing, unexpected, or of the wrong shape.
    """
    from_irra = f"{_IRRA_PREFIX}visual.class_embedding" in checkpoint.tensors
    source = checkpoint.path
    run = _read_run(source.parent / "configs.yaml") if from_irra else IrraRun()
    heads = training_heads(checkpoint.shapes) if from_irra else {}
    tensors = _irra_towers(checkpoint, heads) if from_irra else _openai_towers(checkpoint)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    sizes, embedding_width = _sizes(shapes, run, source)
    image = _image(shapes, sizes, run, source, square_is_resized=not from_irra)
    position = "visual.positional_embedding"
    rows, columns = sizes.grid(image)
    if not from_irra and _is_square(len(tensors[position]) - 1):
        tensors[position] = resize_position_embedding(tensors[position], (rows, columns))
        shapes[position] = tuple(tensors[position].shape)
    require_fit(shapes, tower_shapes(sizes, image, embedding_width), source)
    classes = require_whole_heads(heads, sizes, embedding_width, source)
    method = _irra_method(run, heads) if from_irra else "CLIP"
    layout = f"{method}'s checkpoint" if from_irra else "OpenAI's CLIP weights"
    card = ModelCard(
        name=" ".join(filter(None, (method, run.dataset_name if from_irra else source.stem))),
        architecture="clip_global",
        method=method,
        embedding_width=embedding_width,
        image=image,
        sizes=sizes.model_dump(),
        weights_sha256=checkpoint.sha256,
        provenance={
            "file": source.name,
            "layout": layout,
            "image size": f"{image.height} x {image.width}, a grid of {rows} x {columns} patches",
        },
    )
    unused = heads if from_irra else _OPENAI_SCALARS
    return PublishedModel(
        card,
        tensors,
        {},
        source,
        layout=layout,
        classes=classes,
        training_only=tuple(name for name in checkpoint.tensors if name in unused),
    )


class _TupleLoader(yaml.SafeLoader):
    """A safe loader that reads Python tuples, which IRRA's file holds, as lists."""


def _read_tuple(loader: _TupleLoader, node: yaml.SequenceNode) -> list[object]:
    return loader.construct_sequence(node)


_TupleLoader.add_constructor("tag:yaml.org,2002:python/tuple", _read_tuple)


def _read_run(path: Path) -> IrraRun:
    if not path.is_file():
        return IrraRun()
    try:
        return IrraRun.model_validate(yaml.load(path.read_text(), _TupleLoader))  # noqa: S506 - safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise CheckpointUnreadable(
            f"{path} is not a configuration that IRRA wrote: {error}. Put the run's own "
            "configs.yaml beside its best.pth, or none, to infer the image size."
        ) from error


def _irra_method(run: IrraRun, heads: Shapes) -> str:
    losses = (run.loss_names or "").split("+")
    if has_bridge(heads):
        return "SG-IHA"
    return next((system for loss, system in _SYSTEM_BY_LOSS.items() if loss in losses), "IRRA")


def _irra_towers(checkpoint: Checkpoint, heads: Shapes) -> dict[str, torch.Tensor]:
    """Drop the heads; keep every other name, so that a stranger is reported."""
    return {
        _tower_name(name.removeprefix(_IRRA_PREFIX)) if name.startswith(_IRRA_PREFIX) else name: t
        for name, t in checkpoint.tensors.items()
        if name not in heads
    }


def _openai_towers(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return {
        _tower_name(name): tensor
        for name, tensor in checkpoint.tensors.items()
        if name not in _OPENAI_SCALARS
    }


def _tower_name(name: str) -> str:
    return name if name.startswith("visual.") else f"text.{name}"


def _sizes(shapes: Shapes, run: IrraRun, source: Path) -> tuple[ClipGlobalSizes, int]:
    needed = {
        "visual.conv1.weight": 4, "visual.positional_embedding": 2,
        "text.token_embedding.weight": 2, "text.positional_embedding": 2, "text.text_projection": 2,
    }  # fmt: skip
    wrong = [name for name, axes in needed.items() if len(shapes.get(name, ())) != axes]
    if wrong:
        raise CheckpointMismatch(
            f"{source} has CLIP's names, but {', '.join(wrong)} missing or of another number of "
            "axes. Name a complete checkpoint."
        )
    context = shapes["text.positional_embedding"][0]
    if context != _TEXT_CONTEXT:
        raise CheckpointMismatch(
            f"{source} has text positions for {context} word pieces; CLIP and the systems made of "
            f"it read {_TEXT_CONTEXT}, and nobody defined how to stretch them. Train with "
            f"text_length {_TEXT_CONTEXT}, or name a checkpoint that was."
        )
    patch = shapes["visual.conv1.weight"][3]
    vocabulary_size, text_width = shapes["text.token_embedding.weight"]
    try:
        sizes = ClipGlobalSizes(
            patch_size=patch,
            stride=run.stride_size or patch,
            vision_width=shapes["visual.conv1.weight"][0],
            vision_layers=_layers(shapes, "visual."),
            text_width=text_width,
            text_layers=_layers(shapes, "text."),
            context_length=context,
            vocabulary_size=vocabulary_size,
        )
    except ValidationError as error:
        raise CheckpointMismatch(
            f"{source} has CLIP's names, but sizes that make no CLIP: {error}. "
            "Name a checkpoint of this architecture."
        ) from error
    return sizes, shapes["text.text_projection"][1]


def _layers(shapes: Shapes, tower: str) -> int:
    start, end = f"{tower}transformer.resblocks.", ".attn.in_proj_weight"
    return sum(name.startswith(start) and name.endswith(end) for name in shapes)


def _image(
    shapes: Shapes, sizes: ClipGlobalSizes, run: IrraRun, source: Path, *, square_is_resized: bool
) -> ImagePreprocessing:
    patches = shapes["visual.positional_embedding"][0] - 1
    if run.img_size is not None:
        height, width = run.img_size
    elif square_is_resized and _is_square(patches):
        height, width = PERSON_CROP
    else:
        height, width = (n * sizes.patch_size for n in _upright_grid(patches, source))
    try:
        image = ImagePreprocessing(height=height, width=width, mean=CLIP_MEAN, std=CLIP_STD)
    except ValidationError as error:
        raise CheckpointMismatch(
            f"{source} cannot read images of {height} x {width}: {error}. "
            "Correct img_size in the configs.yaml beside it."
        ) from error
    rows, columns = sizes.grid(image)
    if run.img_size is not None and rows * columns != patches:
        raise CheckpointMismatch(
            f"{source} has positions for {patches} patches, but the configs.yaml beside it says "
            f"images of {height} x {width}, which have {rows} x {columns}. Put the run's own "
            "configs.yaml there."
        )
    return image


def _upright_grid(patches: int, source: Path) -> tuple[int, int]:
    for aspect in _ASPECTS:
        columns = math.isqrt(max(patches, 0) // aspect)
        if columns and aspect * columns * columns == patches:
            return aspect * columns, columns
    raise CheckpointMismatch(
        f"{source} has positions for {patches} patches, which is no grid of an image 3:1, 2:1 or "
        "1:1. Put the configs.yaml of the training run beside it: it says the image size."
    )


def _is_square(patches: int) -> bool:
    return patches > 0 and math.isqrt(patches) ** 2 == patches
