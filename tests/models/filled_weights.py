"""Deterministic stand-ins for trained weights: each a function of its name and shape alone.

The rule under which the recordings of ``tests/reference/README.md`` were made: the frozen legacy
stream of NumPy, seeded by the CRC-32 of the name, scaled by the kind of tensor, and rounded to
float16, so that storing in half precision loses nothing.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

REFERENCE = Path(__file__).parent.parent / "reference"
IRRA, SGIHA, AGM = REFERENCE / "irra", REFERENCE / "sgiha", REFERENCE / "agm"
POSITION = "base_model.visual.positional_embedding"
OPENAI_SCALARS = {
    "logit_scale": torch.tensor(4.6052),
    "input_resolution": torch.tensor(64),
    "context_length": torch.tensor(77),
    "vocab_size": torch.tensor(512),
}


def fill(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    count = int(np.prod(shape))
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(count)
    last = name.rsplit(".", 1)[-1]
    if len(shape) >= 2:
        if "embedding" in name:
            values *= 0.05
        elif last in ("proj", "text_projection"):  # stored (in, out)
            values *= shape[0] ** -0.5
        else:  # stored (out, in, ...)
            values *= (count / shape[0]) ** -0.5
    elif last == "weight":
        values = 1 + 0.1 * values
    else:
        values *= 0.05 if last == "class_embedding" else 0.02
    return torch.from_numpy(values.astype(np.float16).astype(np.float32)).reshape(shape)


def irra_weight(
    name: str, shape: tuple[int, ...], grids: tuple[int, tuple[int, int]]
) -> torch.Tensor:
    """One tensor of IRRA's checkpoint; ``grids``: the side of the square source, the target."""
    if not name.startswith("base_model."):
        return fill(name, shape)
    source = "openai." + name.removeprefix("base_model.")
    if name != POSITION:
        return fill(source, shape)
    side, target = grids
    embedding = fill(source, (side * side + 1, shape[-1]))
    planes = embedding[1:].T.reshape(1, -1, side, side)
    planes = functional.interpolate(planes, target, mode="bilinear", align_corners=False)
    return torch.cat([embedding[:1], planes.flatten(2)[0].T])


def full_size_layout(system: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors of a published checkpoint, as recorded."""
    layout = json.loads((system / "full_state_dict.json").read_text())
    return {name: tuple(shape) for name, (shape, _) in layout.items()}


def full_size_towers() -> dict[str, torch.Tensor]:
    """The 301 tensors of ViT-B/16 that inference needs, in IRRA's names."""
    return {
        name: irra_weight(name, shape, (14, (24, 8)))
        for name, shape in full_size_layout(IRRA).items()
        if name.startswith("base_model.")
    }


def without_storage(layout: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Tensors of any size in no memory: what is only counted and compared by shape."""
    return {name: torch.zeros(()).expand(shape) for name, shape in layout.items()}


def openai_clip(side: int = 4) -> dict[str, torch.Tensor]:
    """A stand-in for OpenAI's weights: the scaled-down model before its position resize."""
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    shapes = {
        name.removeprefix("base_model."): tuple(tensor.shape)
        for name, tensor in stored.items()
        if name.startswith("base_model.")
    }
    shapes["visual.positional_embedding"] = (side * side + 1, 128)
    weights = {name: fill(f"openai.{name}", shape) for name, shape in shapes.items()}
    return weights | OPENAI_SCALARS


def full_size_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """Two images ``(2, 3, 384, 128)`` and two texts ``(2, 77)``: one full, one of a single word."""
    pixels = np.random.RandomState(1).standard_normal(2 * 3 * 384 * 128).astype(np.float32)
    random = np.random.RandomState(11)
    ids = np.zeros((2, 77), np.int64)
    for row, words in zip(ids, (75, 1), strict=True):
        row[0], row[words + 1] = 49406, 49407
        row[1 : words + 1] = random.randint(1, 49405, size=words)
    return torch.from_numpy(pixels).reshape(2, 3, 384, 128), torch.from_numpy(ids)


def random_pictures(count: int, height: int = 80, width: int = 40) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [
        Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)) for _ in range(count)
    ]


def worst(found: torch.Tensor, reference: torch.Tensor) -> float:
    """The largest difference, relative to one plus the reference value."""
    return float(((found - reference).abs() / (1 + reference.abs())).max())
