"""The first stage's order of a query's crops, made as deep as a page needs and always the same.

An approximate index may find a crop when it is asked for 1000 that it missed when asked for 20.
The order is therefore made in levels of fixed depth: what a deeper search finds beyond the levels
before it stands behind them, in its own order. So a page starts where the one before ended,
however deep each of them had to look.
"""

from collections.abc import Iterator

from indexer.gallery import ALL_CROPS, Filters, Gallery
from models.contracts import Float32Array
from service.ranking import RankedHit

LEVELS = (200, 1000, 5000, 10_000)
DEEPEST = LEVELS[-1]


class Candidates:
    """The crops that meet filters and a lowest score, best first; looked for when asked for."""

    def __init__(
        self,
        gallery: Gallery,
        query: Float32Array,
        filters: Filters = ALL_CROPS,
        min_score: float | None = None,
        *,
        depth: int,
    ) -> None:
        """Take a unit vector ``(d,)``, and how deep the first level is, at least 1."""
        self._gallery = gallery
        self._query = query
        self._filters = filters
        self._min_score = min_score
        self._levels = self._level_depths(depth)
        self._hits: list[RankedHit] = []
        self._ids: set[str] = set()
        self._is_complete = False
        self.matching = 0

    def first(self, count: int) -> list[RankedHit]:
        """Return the best ``count``, or as many as there are within the deepest level."""
        while len(self._hits) < count and not self._is_complete:
            self._look_deeper(next(self._levels, None))
        return self._hits[:count]

    def may_have_more(self, count: int) -> bool:
        """Say whether so many were found, and others meet the filters too."""
        return len(self._hits) >= count and self.matching > count

    @staticmethod
    def _level_depths(depth: int) -> Iterator[int]:
        return iter((depth, *(level for level in LEVELS if level > depth)))

    def _look_deeper(self, depth: int | None) -> None:
        if depth is None:
            self._is_complete = True
            return
        answer = self._gallery.search(self._query, depth, self._filters)
        self.matching = answer.matching
        for hit in answer.hits:
            if self._is_too_low(hit.score) or hit.crop.id in self._ids:
                continue
            self._ids.add(hit.crop.id)
            rank = len(self._hits) + 1
            self._hits.append(
                RankedHit(
                    rank, hit.score, hit.crop, first_stage_rank=rank, first_stage_score=hit.score
                )
            )
        # Scores fall: behind one that is too low there is nothing to look for.
        self._is_complete = len(answer.hits) < depth or (self._is_too_low(answer.hits[-1].score))

    def _is_too_low(self, score: float) -> bool:
        return self._min_score is not None and score < self._min_score
