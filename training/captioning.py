"""Write captions for rendered crops, in several processes, the same at every run."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from os import cpu_count
from typing import Literal

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import Attributes, decode_values
from training.datasets.rendered_people.captions import (
    Caption,
    full_caption,
    short_query,
)

CROPS_A_TASK = 500
KINDS = ("full", "held-out", "short")

Kind = Literal["full", "held-out", "short"]


@dataclass(frozen=True)
class Part:
    """What one process writes captions for."""

    start: int
    values: npt.NDArray[np.int8]
    count: int
    seed: int
    kind: Kind


@dataclass(frozen=True)
class CaptionSet:
    """The captions of n crops, k for each."""

    texts: list[list[str]]
    """n lists of k."""
    claims: npt.NDArray[np.int32]
    """What each permits of each slot, as bit masks ``(n, k, s)``."""


def write_full_captions(
    values: npt.NDArray[np.int8], count: int, seed: int, *, held_out: bool = False
) -> CaptionSet:
    """Write ``count`` full captions for each crop.

    Args:
        values: Value numbers of the crops ``(n, s)``.
        count: Captions a crop.
        seed: The same seed gives the same captions.
        held_out: Use the templates that no training caption uses.
    """
    return _write(values, count, seed, "held-out" if held_out else "full")


def write_short_queries(values: npt.NDArray[np.int8], count: int, seed: int) -> CaptionSet:
    """Write ``count`` short queries for each crop of value numbers ``(n, s)``."""
    return _write(values, count, seed, "short")


def _write(values: npt.NDArray[np.int8], count: int, seed: int, kind: Kind) -> CaptionSet:
    parts = [
        Part(start, values[start : start + CROPS_A_TASK], count, seed, kind)
        for start in range(0, len(values), CROPS_A_TASK)
    ]
    workers = min(len(parts), cpu_count() or 1)
    if workers == 1:
        written = [_write_part(part) for part in parts]
    else:
        # Spawned and not forked: a fork copies the locks of torch's threads in whatever state.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            written = list(pool.map(_write_part, parts))
    texts = [crop_texts for part_texts, _ in written for crop_texts in part_texts]
    return CaptionSet(texts, np.concatenate([claims for _, claims in written]))


def _write_part(part: Part) -> tuple[list[list[str]], npt.NDArray[np.int32]]:
    texts = []
    claims = np.empty((len(part.values), part.count, part.values.shape[1]), np.int32)
    for index, row in enumerate(part.values):
        # A generator of its own for each crop, so that captions do not depend on the division.
        rng = np.random.default_rng((part.seed, KINDS.index(part.kind), part.start + index))
        attributes = decode_values(row)
        captions = [_write_one(attributes, part.kind, rng) for _ in range(part.count)]
        texts.append([caption.text for caption in captions])
        claims[index] = [caption.claims for caption in captions]
    return texts, claims


def _write_one(attributes: Attributes, kind: Kind, rng: np.random.Generator) -> Caption:
    if kind == "short":
        return short_query(attributes, rng)
    return full_caption(attributes, rng, held_out=kind == "held-out")
