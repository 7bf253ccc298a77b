"""Time NAFS's second stage on one thread, beside loops over the crops.

Two loops do the same work: the formula as it is written, region by region, each with its context;
and the same with the regions of a crop taken together, which is the most a loop over pairs can do.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from models.part_alignment import alignment, attend
from models.parts import PART_FORMATS, PartFormat, pack_parts
from models.single_thread import single_thread

CANDIDATES = 100
WORDS = 40
REGIONS, WIDTH = 6, 768
TURNS = 40
LOOPS = 5


Loop = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], float]


@dataclass(frozen=True)
class SecondStage:
    """Medians of one format of stored parts."""

    part_format: PartFormat
    bytes_per_crop: int
    product_ms: float
    formula_ms: float
    pairs_ms: float

    @property
    def ratio(self) -> float:
        """How many times as fast as the formula as it is written."""
        return self.formula_ms / self.product_ms


def measure(part_format: PartFormat, *, rows: int = WORDS) -> SecondStage:
    """Score 100 crops by a text of so many attended rows, all ways in the same run.

    Raises:
        AssertionError: If they disagree.
    """
    draw = torch.Generator().manual_seed(0)
    keys = torch.randn(rows, WIDTH, generator=draw)
    values = torch.randn(rows, WIDTH, generator=draw)
    stored = torch.randn(CANDIDATES, 2 * REGIONS, WIDTH, generator=draw)
    stored = functional.normalize(stored, dim=-1)
    parts = pack_parts(stored.numpy(), part_format)
    text = attend(keys, values)

    def loop(score: Loop) -> npt.NDArray[np.float64]:
        with single_thread(), torch.inference_mode():
            return np.array([score(keys, values, crop) for crop in stored])

    exact = alignment(text, pack_parts(stored.numpy(), "fp32"))
    for score in (_formula, _pair):
        if np.abs(loop(score) - exact).max() > 1e-6:
            raise AssertionError("the product form is not the formula")
    return SecondStage(
        part_format,
        parts.bytes_per_crop,
        _median_ms(partial(alignment, text, parts), TURNS),
        _median_ms(partial(loop, _formula), LOOPS),
        _median_ms(partial(loop, _pair), LOOPS),
    )


def report() -> list[str]:
    """Return a line for each format of stored parts, under a heading."""
    name = f"second stage of NAFS, {CANDIDATES} crops, {WORDS} words, one thread"
    titles = ("formula ms", "pairs ms", "Descry ms", "ratio", "bytes a crop")
    heading = name + "".join(f"{title:>13}" for title in titles)
    return [heading, *(_line(measure(form), len(name)) for form in PART_FORMATS)]


def _line(found: SecondStage, width: int) -> str:
    return (
        f"{'  ' + found.part_format:<{width}}{found.formula_ms:>13.2f}{found.pairs_ms:>13.2f}"
        f"{found.product_ms:>13.2f}{found.ratio:>12.1f}x{found.bytes_per_crop:>13}"
    )


def _formula(keys: torch.Tensor, values: torch.Tensor, crop: torch.Tensor) -> float:
    """Attend one crop ``(12, d)`` by one text, region by region."""
    cosines = _unit(keys) @ _unit(crop[:REGIONS]).T  # (t, r)
    relevance = _unit(functional.leaky_relu(cosines, 0.1))
    total = 0.0
    for region in range(REGIONS):
        weights = (20 * relevance[:, region]).softmax(0)  # (t,)
        context = _unit((weights[:, None] * values).sum(0))  # (d,)
        total += float(torch.cosine_similarity(crop[REGIONS + region], context, dim=0))
    return total / REGIONS


def _pair(keys: torch.Tensor, values: torch.Tensor, crop: torch.Tensor) -> float:
    """Attend one crop ``(12, d)`` by one text, all regions at once."""
    cosines = _unit(keys) @ _unit(crop[:REGIONS]).T  # (t, r)
    relevance = _unit(functional.leaky_relu(cosines, 0.1))
    context = _unit((20 * relevance.T).softmax(-1) @ values)  # (r, d)
    return float(torch.cosine_similarity(crop[REGIONS:], context, dim=-1).mean())


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / (vectors.square().sum(-1, keepdim=True).sqrt() + 1e-8)


def _median_ms(action: Callable[[], object], turns: int) -> float:
    action()
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return 1000 * median(times)
