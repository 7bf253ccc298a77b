"""Re-ranking by visual neighbours: crops that look like a text's best crops move up.

N_t are the K crops that fit a text t best, N_i the K crops nearest to crop i by the cosine of
their rows, i itself among them. A similarity grows by what the two sets share:

    s'(i, t) = s(i, t) + alpha * |N_t intersected with N_i| / |N_t united with N_i|

Only the order within one text is meant by the result: it is no cosine, and figures of different
texts cannot be compared. Equal scores stand in the order of their ids, so duplicates do too.
What lies within a gallery decides the result: lists must never span galleries.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for
Text-Based Person Search, 2021 (https://arxiv.org/abs/2101.03036, "re-ranking by visual
neighbors"; K = 5, alpha = 1); the code that its authors published computes something else, see
``training/row_order_reranking.py``. In the orientation used here, with alpha = 0.05: Han et al.,
Text-Based Person Search with Limited Data, 2021 (https://arxiv.org/abs/2110.10807).
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid

Scores = npt.NDArray[np.float32]
Ids = npt.NDArray[np.integer]
NeighbourIds = npt.NDArray[np.int32]

_CELLS_AT_ONCE = 2**22  # of a score matrix; bounds the memory, 32 MB in float64


@dataclass(frozen=True)
class ReverseNeighbours:
    """Whose lists each crop is in: the lists that hold crop m are ``ids[starts[m]:starts[m + 1]]``.

    ``starts`` is int64 ``(g + 1,)``; ``ids`` int32 ``(g * K,)`` ascend within a crop.
    """

    starts: npt.NDArray[np.int64]
    ids: NeighbourIds

    def of(self, crops: Ids) -> tuple[npt.NDArray[np.int64], NeighbourIds]:
        """Return the places in ``crops`` ``(m,)`` and the lists that hold them, as pairs ``(r,)``.

        A list that holds two of the crops is there twice.
        """
        begins = self.starts[crops]
        counts = self.starts[np.asarray(crops) + 1] - begins  # (m,)
        places = np.repeat(np.arange(len(counts)), counts)  # (r,)
        before = np.cumsum(counts) - counts
        return places, self.ids[np.arange(len(places)) + (begins - before)[places]]


def nearest_images(rows: Scores, *, k: int) -> NeighbourIds:
    """Return the ids of the k nearest crops of each crop by cosine, best first: ``(g, k)``.

    ``rows`` are unit rows ``(g, d)``. A crop is the nearest of its own list, unless a duplicate
    has a smaller id. Memory beyond the rows does not grow with ``g * g``.

    Raises:
        ConfigurationInvalid: If ``rows`` is no table, or k is not within 1..g.
    """
    if rows.ndim != 2:
        raise ConfigurationInvalid(f"rows have the shape {rows.shape}: one row a crop is needed")
    _require_k(k, len(rows))
    # In float32 the same two rows can have another product in another place of the matrix, which
    # would order duplicates by chance; rounded from float64, duplicates are equal.
    exact = rows.astype(np.float64)
    nearest = np.empty((len(rows), k), np.int32)
    for part in _chunks(len(rows), len(rows)):
        nearest[part] = best_ids((exact[part] @ exact.T).astype(np.float32), k=k)
    return nearest


def best_ids(scores: Scores, *, k: int) -> NeighbourIds:
    """Return the ids of the k highest scores of each row ``(q, g)``, best first: ``(q, k)``.

    Equal scores stand in the order of their ids.

    Raises:
        ConfigurationInvalid: If ``scores`` is no table of finite numbers, or k is not in 1..g.
    """
    if scores.ndim != 2:
        raise ConfigurationInvalid(
            f"scores have the shape {scores.shape}: (texts, crops) is needed"
        )
    _require_k(k, scores.shape[1])
    best = np.empty((len(scores), k), np.int32)
    for part in _chunks(*scores.shape):
        best[part] = _best_ids(scores[part], k)
    return best


def reverse_neighbours(neighbours: Ids) -> ReverseNeighbours:
    """Return whose lists each crop is in, from the lists ``(g, K)``.

    Raises:
        ConfigurationInvalid: If the lists name a crop that is not there, or one twice.
    """
    _require_lists(neighbours, crops=len(neighbours))
    return _reverse(neighbours, len(neighbours))


def intersection_over_union(first: Ids, second: Ids) -> Scores:
    """Return by how much each list of ``first`` ``(q, K)`` overlaps each of ``second`` ``(g, K)``.

    Returns:
        Float32 ``(q, g)`` in 0..1: the ids in both lists by the ids in either.

    Raises:
        ConfigurationInvalid: If the lists are not equally long, or name an id twice.
    """
    for lists in (first, second):
        _require_lists(lists, crops=None)
    if first.shape[1] != second.shape[1]:
        raise ConfigurationInvalid(
            f"lists of {first.shape[1]} and of {second.shape[1]} neighbours: they must be equally "
            "long"
        )
    k = first.shape[1]
    reverse = _reverse(second, int(max(first.max(initial=0), second.max(initial=0))) + 1)
    ratio = _ratio(np.arange(k + 1), k)  # (K + 1,)
    overlap = np.empty((len(first), len(second)), np.float32)
    for part in _chunks(len(first), len(second)):
        counts = np.zeros(overlap[part].shape, np.intp)
        for place in range(k):
            # No pair comes twice within one place of the lists, so += counts each of them.
            counts[reverse.of(first[part, place])] += 1
        overlap[part] = ratio[counts]
    return overlap


def rerank_by_visual_neighbours(
    text_to_image: Scores, image_to_image: Scores | Ids, *, alpha: float, k: int
) -> Scores:
    """Return the similarities ``(q, g)`` that visual neighbours have raised.

    ``image_to_image`` is either the cosines of all crops ``(g, g)``, floating, or the ids of each
    crop's nearest crops, best first, ``(g, at least k)``, integer. Both numbers change with the
    encoder: tune them on people who are not those of the report. An alpha that is large beside
    the spread of the similarities makes a good order worse.

    Raises:
        ConfigurationInvalid: If shapes do not fit, k is not within 1..g, or alpha is not finite
            or negative.
    """
    _require_alpha(alpha)
    best = best_ids(text_to_image, k=k)  # (q, k)
    neighbours = _neighbours(image_to_image, text_to_image.shape[1], k)  # (g, k)
    gain: Scores = intersection_over_union(best, neighbours)  # (q, g)
    gain *= np.float32(alpha)
    gain += text_to_image
    return gain


def further_candidates(best: Ids, reverse: ReverseNeighbours, *, k: int) -> NeighbourIds:
    """Return the ids to score beside a text's best M crops ``(M,)``, so that nothing is missed.

    They are the crops with one of the best k among their neighbours. Every other crop keeps its
    similarity and stays behind the best M.

    Raises:
        ConfigurationInvalid: If k is not within 1..M, or a crop is not of this gallery.
    """
    _require_k(k, len(best))
    _require_ids(best, len(reverse.starts) - 1)
    _, holders = reverse.of(best[:k])
    return np.setdiff1d(holders, best)


def rerank_candidates(
    ids: Ids, scores: Scores, neighbours: Ids, *, alpha: float, k: int
) -> tuple[Ids, Scores]:
    """Return the ids and scores of one text's candidates ``(m,)``, re-ranked, best first.

    The candidates are the text's best M crops and their ``further_candidates``: then the first
    n <= M are those of re-ranking the whole gallery. ``neighbours`` ``(g, at least k)`` are the
    stored lists of all crops, of which only the candidates' are read.

    Raises:
        ConfigurationInvalid: If shapes do not fit, an id comes twice, a score is not finite, k is
            not within 1..m, or alpha is not finite or negative.
    """
    _require_alpha(alpha)
    if ids.ndim != 1 or ids.shape != scores.shape:
        raise ConfigurationInvalid(
            f"candidates of the shapes {ids.shape} and {scores.shape}: one score an id is needed"
        )
    _require_ids(ids, len(neighbours))
    order = np.argsort(ids)
    ids, scores = ids[order], scores[order]
    if (ids[1:] == ids[:-1]).any():
        raise ConfigurationInvalid("a candidate comes twice: score each crop once")
    best = ids[best_ids(scores[None], k=k)[0]]  # (k,)
    lists = _stored_lists(neighbours, k, ids)  # (m, k)
    raised = _ratio(np.isin(lists, best).sum(axis=1), k)  # (m,)
    raised *= np.float32(alpha)
    raised += scores
    # The ids ascend, so a stable sort leaves equal scores in the order of their ids.
    order = np.argsort(-raised, kind="stable")
    return ids[order], raised[order]


def _best_ids(scores: Scores, k: int) -> npt.NDArray[np.intp]:
    if not np.isfinite(scores).all():
        raise ConfigurationInvalid("a similarity is NaN or infinite: the encoder is broken")
    crops = scores.shape[1]
    worst = np.partition(scores, crops - k, axis=1)[:, crops - k, None]  # (q, 1)
    chosen = scores >= worst
    (tied,) = np.nonzero(chosen.sum(axis=1) > k)
    if tied.size:
        equal = scores[tied] == worst[tied]
        above = chosen[tied] & ~equal
        room = k - above.sum(axis=1, keepdims=True)
        chosen[tied] = above | (equal & (equal.cumsum(axis=1) <= room))
    ids = np.nonzero(chosen)[1].reshape(len(scores), k)
    order = np.argsort(-np.take_along_axis(scores, ids, axis=1), axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1)


def _ratio(shared: npt.NDArray[np.int64], k: int) -> Scores:
    ratio: Scores = (shared / (2 * k - shared)).astype(np.float32)
    return ratio


def _neighbours(image_to_image: Scores | Ids, crops: int, k: int) -> Ids:
    if np.issubdtype(image_to_image.dtype, np.integer):
        if len(image_to_image) != crops:
            raise ConfigurationInvalid(
                f"neighbour lists of {len(image_to_image)} crops beside similarities to {crops}: "
                "both must be of the same gallery"
            )
        return _stored_lists(cast(Ids, image_to_image), k, slice(None))
    if image_to_image.shape != (crops, crops):
        raise ConfigurationInvalid(
            f"similarities between crops have the shape {image_to_image.shape}, similarities to "
            f"texts are of {crops} crops: ({crops}, {crops}) is needed, or integer neighbour lists"
        )
    return best_ids(cast(Scores, image_to_image), k=k)


def _stored_lists(neighbours: Ids, k: int, crops: Ids | slice) -> Ids:
    if neighbours.ndim != 2 or neighbours.shape[1] < k:
        raise ConfigurationInvalid(
            f"neighbour lists have the shape {neighbours.shape}: (crops, at least {k}) is needed. "
            "Store longer lists, or ask for fewer neighbours."
        )
    lists = np.asarray(neighbours[crops, :k])
    _require_lists(lists, crops=len(neighbours))
    return lists


def _reverse(neighbours: Ids, crops: int) -> ReverseNeighbours:
    flat = neighbours.ravel()
    starts = np.zeros(crops + 1, np.int64)
    np.cumsum(np.bincount(flat, minlength=crops), out=starts[1:])
    holders = np.argsort(flat, kind="stable") // neighbours.shape[1]
    return ReverseNeighbours(starts, holders.astype(np.int32))


def _require_ids(ids: Ids, crops: int) -> None:
    lowest, highest = int(ids.min(initial=0)), int(ids.max(initial=0))
    if lowest < 0 or highest >= crops:
        raise ConfigurationInvalid(
            f"crop {lowest if lowest < 0 else highest} is not among the {crops} crops: ids and "
            "neighbour lists must be of the same gallery; build the lists again"
        )


def _require_lists(lists: Ids, *, crops: int | None) -> None:
    if lists.ndim != 2 or not lists.shape[1] or not np.issubdtype(lists.dtype, np.integer):
        raise ConfigurationInvalid(
            f"neighbour lists have the shape {lists.shape} and hold {lists.dtype}: one list of "
            "crop ids a row is needed"
        )
    ordered = np.sort(lists, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ConfigurationInvalid("a neighbour list names a crop twice: build the lists again")
    _require_ids(ordered, int(ordered.max(initial=0)) + 1 if crops is None else crops)


def _require_k(k: int, crops: int) -> None:
    if not 1 <= k <= crops:
        raise ConfigurationInvalid(f"{k} neighbours of {crops} crops: use 1 to {crops}")


def _require_alpha(alpha: float) -> None:
    if not math.isfinite(alpha) or alpha < 0:
        raise ConfigurationInvalid(f"alpha is {alpha}: use a finite number that is not negative")


def _chunks(rows: int, width: int) -> list[slice]:
    size = max(1, _CELLS_AT_ONCE // max(1, width))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
