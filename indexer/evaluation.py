"""How well an index answers descriptions whose crops are known, measured as it is served."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.judged_queries import JudgedQuery
from indexer.local_gallery import LocalGallery
from models.contracts import PersonEncoder
from models.errors import MetadataInvalid, first_few
from models.schema import Schema

DEPTHS = (1, 5, 10)


class IndexFigures(Schema):
    """Figures over the answered queries.

    ``recall`` is the share of queries with a relevant crop among the first k, by k.
    ``mean_average_precision`` sees the first ``depth`` crops: a relevant one further down counts
    as never found. ``chance`` is the mean share of relevant crops in the gallery. Latencies are
    milliseconds of one query at a time, encoding and searching.
    """

    queries: int
    without_relevant: tuple[str, ...]
    """Texts of queries that no crop of the gallery is relevant for; they are not counted."""
    crops: int
    depth: int
    recall: dict[int, float]
    mean_average_precision: float
    chance: float
    latency_p50_ms: float
    latency_p95_ms: float


@dataclass(frozen=True)
class _Judged:
    text: str
    relevant: frozenset[str]


def evaluate_index(
    gallery: LocalGallery, encoder: PersonEncoder, queries: Sequence[JudgedQuery], depth: int = 1000
) -> IndexFigures:
    """Ask every query and compare the answers with what was judged relevant.

    Raises:
        MetadataInvalid: If a query names a crop that the gallery lacks, or none has a relevant one.
    """
    judged = _resolved(gallery, queries)
    asked = [query for query in judged if query.relevant]
    if not asked:
        raise MetadataInvalid(
            f"none of the {len(judged)} queries names a relevant crop: name some by id or path"
        )
    ranks, seconds = [], []
    for query in asked:
        began = time.perf_counter()
        (row,) = encoder.encode_texts([query.text])
        answer = gallery.search(row, min(depth, gallery.size))
        seconds.append(time.perf_counter() - began)
        ranks.append([hit.rank for hit in answer.hits if hit.crop.id in query.relevant])
    milliseconds = 1000 * np.array(seconds)
    return IndexFigures(
        queries=len(asked),
        without_relevant=tuple(query.text for query in judged if not query.relevant),
        crops=gallery.size,
        depth=min(depth, gallery.size),
        recall={k: _mean([bool(r) and r[0] <= k for r in ranks]) for k in DEPTHS},
        mean_average_precision=_mean(
            [average_precision(r, len(q.relevant)) for r, q in zip(ranks, asked, strict=True)]
        ),
        chance=_mean([len(query.relevant) / gallery.size for query in asked]),
        latency_p50_ms=float(np.percentile(milliseconds, 50)),
        latency_p95_ms=float(np.percentile(milliseconds, 95)),
    )


def average_precision(ranks: Sequence[int], relevant: int) -> float:
    """Return the mean, over all relevant crops, of the precision at each one's rank.

    Args:
        ranks: From 1, ascending, of the relevant crops that were found.
        relevant: How many there are; one that was not found has a precision of 0.
    """
    return sum(number / rank for number, rank in enumerate(ranks, start=1)) / relevant


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _resolved(gallery: LocalGallery, queries: Sequence[JudgedQuery]) -> list[_Judged]:
    by_path = gallery.ids_by_path()
    judged, unknown = [], []
    for query in queries:
        ids = {name: _id_of(name, gallery, by_path) for name in query.relevant}
        unknown += [repr(name) for name, found in ids.items() if found is None]
        judged.append(_Judged(query.text, frozenset(found for found in ids.values() if found)))
    if unknown:
        raise MetadataInvalid(
            f"{len(unknown)} relevant crops are not in the index: {first_few(unknown)}. "
            "Name indexed crops by id, or by path relative to the crops folder"
        )
    return judged


def _id_of(name: str, gallery: LocalGallery, by_path: dict[str, str]) -> str | None:
    if name in by_path:
        return by_path[name]
    return None if gallery.crop(name) is None else name
