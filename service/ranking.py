"""What a search gives: ranked crops, with how they came to their places."""

from dataclasses import dataclass, field
from typing import Literal

from indexer.gallery import Hit
from models.contracts import TextReading
from service.explanations import PhraseStrength

Step = Literal["parts", "visual_neighbours"]


@dataclass(frozen=True)
class RankedHit(Hit):
    """A crop in its place: ``score`` is what the order follows, in units of a cosine.

    ``first_stage_rank`` is None where the first stage's best did not hold the crop and its visual
    neighbours brought it up. ``second_stage_score`` is what the comparison of parts gave,
    ``neighbour_overlap`` what share of its visual neighbours is among the best, 0..1; None where
    they were not compared.
    """

    first_stage_rank: int | None = None
    first_stage_score: float | None = None
    second_stage_score: float | None = None
    neighbour_overlap: float | None = None
    phrases: tuple[PhraseStrength, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """One page of hits, best first, what the model could read, and how long it took.

    ``encode_s``, ``search_s`` and ``rerank_s`` are the seconds of the stages, encoding for the
    second stage and for explanations counted where it happens. ``reading`` is None where no text
    was given. ``matching`` crops meet the filters. ``reranked_by`` names the steps of the second
    stage that were applied; ``rerank_skipped`` says that it was asked for and left out.
    """

    hits: list[RankedHit]
    reading: TextReading | None
    encode_s: float
    search_s: float
    total_s: float
    rerank_s: float = 0.0
    matching: int = 0
    reranked_by: tuple[Step, ...] = ()
    rerank_skipped: bool = False
    warnings: list[str] = field(default_factory=list)
    next_cursor: str | None = None
