"""The recorded run of NAFS's code: its weights, vocabulary, crops and captions, rebuilt."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from models.layers.nafs_network import NafsSizes
from tests.models.det_weights import det, smooth_image

NAFS = Path(__file__).parent.parent.parent / "reference" / "nafs" / "nafs.pt"
CROP_SIZES = ((160, 60), (128, 64), (200, 77), (384, 128))  # height, width, by seed
GREY_SEED = 3
CLASSES = 12
SIZES = NafsSizes(
    patch_stripes=3,
    region_stripes=2,
    text_layers=2,
    text_heads=12,
    text_inner_width=384,
    text_positions=128,
    text_segments=2,
    text_norm_epsilon=1e-12,
    vocabulary_size=79,
    vocabulary_sha256="0" * 64,
)


@functools.cache
def recording() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(NAFS, weights_only=True)
    return content


def case(name: str) -> dict[str, Any]:
    content: dict[str, Any] = recording()["cases"][name]
    return content


def layout() -> dict[str, tuple[int, ...]]:
    """Names without ``module.`` and shapes of the 647 recorded tensors."""
    return {
        name.removeprefix("module."): tuple(shape)
        for name, shape in recording()["state_dict_layout"].items()
    }


@functools.cache
def _network() -> dict[str, torch.Tensor]:
    statistics: dict[str, torch.Tensor] = recording()["bn_buffers"]
    return {
        name: statistics[name] if name in statistics else torch.from_numpy(det(name, shape))
        for name, shape in layout().items()
    }


def network_tensors() -> dict[str, torch.Tensor]:
    """All 647 tensors of the recorded network, by names without ``module.``."""
    return dict(_network())


def class_weights() -> torch.Tensor:
    return torch.from_numpy(det("W", (768, CLASSES)))


def write_beside(folder: Path) -> Path:
    """Put the recorded vocabulary and sizes of BERT into a folder, without a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    words = "".join(f"{piece}\n" for piece in recording()["vocab"])
    (folder / "vocab.txt").write_text(words, encoding="utf-8")
    (folder / "bert_config.json").write_text(json.dumps(recording()["bert_config"]))
    return folder


def write_run(folder: Path) -> Path:
    """A run's folder in the layout of NAFS, vocabulary and sizes of BERT beside."""
    write_beside(folder)
    network = {f"module.{name}": tensor for name, tensor in _network().items()}
    content = {
        "network": network,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.0011, "params": [0]}]},
        "W": torch.nn.Parameter(class_weights()),
        "epoch": 14,
    }
    torch.save(content, folder / "best_model.pth.tar")
    return folder


def crop(path: str) -> Image.Image:
    """The crop that the recording's file of this name held."""
    person, number = map(int, Path(path).stem.split("_"))
    seed = 2 * (person - 1) + number
    pixels = smooth_image(seed, *CROP_SIZES[seed % 4])
    return Image.fromarray(pixels[:, :, 0] if seed == GREY_SEED else pixels)


def gallery() -> list[Image.Image]:
    """The 12 crops of the recorded evaluation."""
    data = case("data")
    rows = zip(data["test_rows"], data["test_unique"], strict=True)
    return [crop(path) for (path, _, _), first in rows if first]


def queries() -> list[str]:
    """The 24 captions of the recorded evaluation."""
    return [caption for _, caption, _ in case("data")["test_rows"]]


def fingerprint_error(found: torch.Tensor, recorded: dict[str, Any]) -> float:
    """The largest difference from the values of a recorded fingerprint, relative to 1 + value."""
    assert tuple(found.shape) == tuple(recorded["shape"])
    values = recorded["val"].double()
    sampled = (found.flatten()[recorded["idx"]].double() - values).abs() / (1 + values.abs())
    length = float(torch.linalg.vector_norm(found.double()))
    whole = abs(length - float(recorded["l2"])) / (1 + float(recorded["l2"]))
    return max(float(sampled.max()), whole)


def pairwise_alignment(
    keys: npt.ArrayLike, values: npt.ArrayLike, regions: npt.ArrayLike, region_values: npt.ArrayLike
) -> float:
    """Contextual non-local attention of one crop and one text, word by word, region by region.

    ``keys`` and ``values`` are the attended rows ``(t, d)``, ``regions`` the queries ``(r, d)``.
    """
    key, value, query, crop_value = (
        np.asarray(x, np.float64) for x in (keys, values, regions, region_values)
    )
    t, r = len(key), len(query)
    relevance = np.empty((t, r))
    for n in range(t):
        for i in range(r):
            cosine = float(_unit(key[n]) @ _unit(query[i]))
            relevance[n, i] = cosine if cosine >= 0 else 0.1 * cosine
        relevance[n] = _unit(relevance[n])
    similarity = 0.0
    for i in range(r):
        raised = np.exp(20 * relevance[:, i])
        context = _unit((raised / raised.sum()) @ value)
        lengths = float(np.linalg.norm(crop_value[i]) * np.linalg.norm(context))
        similarity += float(crop_value[i] @ context) / max(lengths, 1e-8) / r
    return similarity


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    unit: npt.NDArray[np.float64] = vector / (np.sqrt(np.sum(vector**2)) + 1e-8)
    return unit
