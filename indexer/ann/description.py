"""What a manifest keeps of a written index: how it is searched, and how well that was measured."""

import math
from typing import Literal

from pydantic import Field

from models.schema import Schema

IndexKind = Literal["scalar-fp16", "ivf-sq8"]
EXACT_KIND: IndexKind = "scalar-fp16"
IVF_KIND: IndexKind = "ivf-sq8"
MEASURED_HITS = 10


class MeasuredProbes(Schema):
    """How many lists find the best ten of a part of the rows.

    ``recall`` is recall@10 with ``probes`` lists, measured where a random ``share`` of the rows
    may answer. A filter that goes with what crops look like may have more or less.
    """

    share: float = Field(gt=0, le=1)
    probes: int = Field(ge=1)
    recall: float = Field(ge=0, le=1)


class IndexDescription(Schema):
    """The kind of an index and, for one of lists, its measured settings.

    ``code_width`` is how many directions of the vectors the lists hold. ``asked_recall`` was the
    aim of ``measured``, whose shares fall from 1; ``queries`` far ones, whose median best cosine
    was ``top_cosine``, were compared with exact search.
    """

    kind: IndexKind
    lists: int = Field(default=1, ge=1)
    code_width: int | None = Field(default=None, ge=1)
    asked_recall: float = Field(default=1.0, gt=0, le=1)
    queries: int = Field(default=0, ge=0)
    top_cosine: float | None = None
    measured: tuple[MeasuredProbes, ...] = ()

    @property
    def recall(self) -> float:
        """Recall@10 of a search without filters: 1 where it is exact."""
        return self.measured[0].recall if self.measured else 1.0

    def probes(self, share: float, limit: int) -> tuple[int, float]:
        """Return how many lists to probe for the best ``limit`` of a share, and expected recall.

        The best hundred lie as deep in the ranking of all rows as the best ten of a tenth.
        Between two measured shares the number is interpolated on a logarithmic scale; below the
        last it grows with one over the share.
        """
        depth = share * MEASURED_HITS / max(limit, MEASURED_HITS)
        wider = self.measured[0]
        for narrower in self.measured[1:]:
            if depth >= narrower.share:
                return _between(wider, narrower, depth)
            wider = narrower
        grown = math.ceil(wider.probes * min(1.0, wider.share) / min(depth, wider.share))
        return min(grown, self.lists), wider.recall


def _between(wider: MeasuredProbes, narrower: MeasuredProbes, depth: float) -> tuple[int, float]:
    if depth >= wider.share:
        return wider.probes, wider.recall
    part = math.log(wider.share / depth) / math.log(wider.share / narrower.share)
    probes = math.ceil(wider.probes * (narrower.probes / wider.probes) ** part)
    return probes, min(wider.recall, narrower.recall)
