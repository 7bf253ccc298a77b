"""How an evaluation ranks a gallery: encode it, score candidates by parts, re-rank.

Shared by the evaluations of rendered people and of captioned galleries. The ``without_sources``
functions rank a gallery from which each text's source crop, the one it was written for, is gone:
it takes no candidate's place and is nobody's neighbour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.contracts import Float32Array, PartScorer, PersonEncoder
from models.errors import ConfigurationInvalid
from models.parts import pack_parts
from models.visual_neighbours import (
    Ids,
    NeighbourIds,
    best_ids,
    nearest_images,
    rerank_by_visual_neighbours,
)
from training.evaluation.row_order_reranking import NOTE, nafs_shipped, require_enough_texts
from training.metrics import Shortlist

CROPS_AT_ONCE = 256

RerankingMethod = Literal["rvn", "nafs_shipped"]
Stage = Literal["first", "second"]


@dataclass(frozen=True)
class Reranking:
    """How to re-rank: by which method, how strongly, and with how many neighbours."""

    method: RerankingMethod
    alpha: float
    k: int

    @property
    def note(self) -> str | None:
        """What limits the meaning of figures of this method."""
        return NOTE if self.method == "nafs_shipped" else None


@dataclass(frozen=True)
class SecondStage:
    """Whose parts order the best of the first stage, and how much they count beside it.

    ``weight`` multiplies the score of the parts before it is added to the first stage's
    similarity; a published model's own second stage has 1.
    """

    encoder: PersonEncoder
    candidates: int = 100
    weight: float = 1.0

    @property
    def scorer(self) -> PartScorer:
        """What scores parts; the errors are those of ``require_scorer``."""
        return require_scorer(self.encoder)


def require_scorer(encoder: PersonEncoder) -> PartScorer:
    """Return the second stage of a model.

    Raises:
        ConfigurationInvalid: If it has none.
    """
    scorer = encoder.part_scorer
    if scorer is None:
        raise ConfigurationInvalid(
            f"model {encoder.card.name!r} has one stage only: measure it without a second stage"
        )
    return scorer


def require_rerankable(
    reranking: Reranking, texts: int, crops: int, candidates: int | None
) -> None:
    """Check before anything is encoded that the re-ranking will be possible.

    Raises:
        ConfigurationInvalid: If a second stage leaves crops without its score, or the shipped
            re-ranking has fewer texts than crops.
    """
    if reranking.method == "nafs_shipped":
        require_enough_texts(texts, crops)
    if candidates is not None and candidates < crops:
        raise ConfigurationInvalid(
            f"re-ranking after the second stage needs its score of every crop: let it score "
            f"{crops} candidates instead of {candidates}, or measure one of the two at a time"
        )


def encode_in_batches(
    encode: Callable[[Sequence[Image.Image]], Float32Array],
    open_crop: Callable[[int], Image.Image],
    crops: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Float32Array:
    """Return what ``encode`` makes of crops 0 to ``crops``, ``(n, ...)``.

    A batch of images is open at a time. ``on_progress`` is told how many of all are encoded.
    """
    batches = []
    for start in range(0, crops, CROPS_AT_ONCE):
        end = min(start + CROPS_AT_ONCE, crops)
        batches.append(encode([open_crop(crop) for crop in range(start, end)]))
        if on_progress is not None:
            on_progress(end, crops)
    return np.concatenate(batches)


def best_candidates(similarity: Float32Array, candidates: int) -> Shortlist:
    """Return which crops ``(q, g)`` are among the best of a text: ``candidates``, or all."""
    count = min(candidates, similarity.shape[1])
    return _marked(best_ids(similarity, k=count), similarity.shape)


def best_candidates_without_sources(
    similarity: Float32Array, sources: Ids, candidates: int
) -> Shortlist:
    """Return the same where the source crop ``(q,)`` of each text is gone."""
    count = min(candidates, similarity.shape[1] - 1)
    return _marked(_best_without_sources(similarity, sources, count), similarity.shape)


def score_candidates(
    second: SecondStage, parts: Float32Array, texts: Sequence[str], wanted: Shortlist
) -> Float32Array:
    """Return what the parts ``(g, p, d)`` add to the ``wanted`` similarities ``(q, g)``, else 0."""
    scorer = second.scorer
    stored = pack_parts(parts, "fp32")
    scores = np.zeros(wanted.shape, np.float32)
    for row, text, chosen in zip(scores, texts, wanted, strict=True):
        ids = np.flatnonzero(chosen)
        row[ids] = second.weight * scorer.score(scorer.prepare(text), stored.take(ids))
    return scores


def rerank(reranking: Reranking, similarity: Float32Array, rows: Float32Array) -> Float32Array:
    """Return the similarities ``(q, g)`` after re-ranking crops of unit rows ``(g, d)``."""
    alpha, k = reranking.alpha, reranking.k
    if reranking.method == "nafs_shipped":
        return nafs_shipped(similarity, rows @ rows.T, alpha=alpha, k=k)
    return rerank_by_visual_neighbours(similarity, nearest_images(rows, k=k), alpha=alpha, k=k)


def rerank_without_sources(
    reranking: Reranking, similarity: Float32Array, rows: Float32Array, sources: Ids
) -> Float32Array | None:
    """Return the same where the source crop ``(q,)`` of each text is gone; its own score is kept.

    None for a method that means something for the gallery as it is only.

    Raises:
        ConfigurationInvalid: If there are no k crops beside a source crop.
    """
    k, crops = reranking.k, similarity.shape[1]
    if reranking.method == "nafs_shipped":
        return None
    if k >= crops:
        raise ConfigurationInvalid(
            f"{k} neighbours of {crops} crops: without the source crop of a text there are "
            f"{crops - 1}; ask for fewer neighbours"
        )
    best = _best_without_sources(similarity, sources, k)  # (q, k)
    nearest = nearest_images(rows, k=k + 1)  # (g, k + 1)
    ratio = (np.arange(k + 1) / (2 * k - np.arange(k + 1))).astype(np.float32)
    ratio *= np.float32(reranking.alpha)
    raised = similarity.copy()
    is_best = np.zeros(crops, bool)
    for row, chosen, source in zip(raised, best, sources, strict=True):
        is_best[chosen] = True
        shared = is_best[nearest]  # (g, k + 1)
        # The next nearest crop stands in for the source; the source itself is never a best crop.
        stands_in = (nearest[:, :k] == source).any(axis=1)  # (g,)
        row += ratio[shared[:, :k].sum(axis=1) + (shared[:, k] & stands_in)]
        is_best[chosen] = False
    return raised


def _best_without_sources(similarity: Float32Array, sources: Ids, k: int) -> NeighbourIds:
    best = best_ids(similarity, k=k + 1)  # (q, k + 1)
    # Stable: the source goes to the end, or else the last crop of the list is one too many.
    order = np.argsort(best == sources[:, None], axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)[:, :k]


def _marked(ids: npt.NDArray[np.int32], shape: tuple[int, ...]) -> Shortlist:
    marked = np.zeros(shape, bool)
    np.put_along_axis(marked, ids.astype(np.intp), values=True, axis=1)
    return marked
