"""The values a gallery hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

JsonScalar = str | int | float | bool | None
ColumnType = Literal["text", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Crop:
    """One indexed image of one person.

    ``path`` is relative to ``root``, with ``/``: a folder, or where else the crop came from.
    ``other_paths`` are those of files with the same content, beginning with their root where it
    is another one. ``width`` and ``height`` are pixels of the upright image; ``captured_at`` is in
    UTC; ``extra`` holds the free metadata columns.
    """

    id: str
    root: str
    path: str
    other_paths: tuple[str, ...]
    content_sha256: str
    media_type: str
    size_bytes: int
    width: int
    height: int
    camera: str | None
    captured_at: datetime | None
    track_id: str | None
    extra: Mapping[str, JsonScalar]


@dataclass(frozen=True)
class Hit:
    """One ranked answer: rank from 1, score = cosine of query and crop in -1..1."""

    rank: int
    score: float
    crop: Crop


@dataclass(frozen=True)
class Answer:
    """The best crops for one query, best first, and how they were found.

    ``matching`` crops met the filters, ``scanned`` of them were compared with the query;
    ``recall`` is the expected share of the true best among the hits.
    """

    hits: list[Hit]
    matching: int
    strategy: str
    scanned: int
    recall: float


@dataclass(frozen=True)
class NeighbourShares:
    """The crops that share visual neighbours with the best ones of a query.

    ``shares`` are intersection over union of the two sets, above 0. ``unknown`` crops were passed
    over, because too few of their stored neighbours meet the filters.
    """

    crops: list[Crop]
    shares: list[float]
    unknown: int
