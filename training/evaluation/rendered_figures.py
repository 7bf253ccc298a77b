"""What is measured of one model on rendered people, as it is written to JSON.

A query that is true of no crop is listed as unanswerable and counted nowhere else; a mean of no
query at all is None. Lists of single queries are named ``per_query`` or ``named_queries``.
"""

from collections.abc import Mapping

from models.schema import Schema
from training.evaluation.ranking import RerankingMethod, Stage

_SINGLE_QUERIES = ("per_query", "named_queries")


class FullCaptionFigures(Schema):
    """Held-out captions of people, ranked against all crops; a match is the same person."""

    queries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mean_average_precision: float
    mean_inverse_negative_penalty: float


class SecondStageFigures(FullCaptionFigures):
    """The same, where the part scorer has ordered the first stage's best ``candidates``.

    ``model`` and ``weights_sha256`` are of whose parts they are, ``weight`` is what multiplies
    their score.
    """

    model: str
    weights_sha256: str
    candidates: int
    weight: float


class RerankedFigures(FullCaptionFigures):
    """The same after a re-ranking of one stage's similarities; ``note`` limits its meaning."""

    method: RerankingMethod
    alpha: float
    k: int
    stage: Stage
    note: str | None = None


class ShortQueryFigures(Schema):
    """Short queries ranked against all crops; ``chance`` is the share of matching crops."""

    queries: int
    precision_at_10: float
    mean_average_precision: float
    chance: float


class QueryFigures(Schema):
    """One query: it is true of ``matches`` crops, and ``chance`` is their share of all."""

    text: str
    matches: int
    chance: float
    average_precision: float


class NamedQueryFigures(QueryFigures):
    """One query of a named group; with fewer than ten matches its precision cannot reach 1."""

    group: str
    precision_at_10: float


class ItemQueryFigures(QueryFigures):
    """One wording of an item; the two precisions are those of ``ItemFigures``."""

    item: str
    precision_at_10: float
    plain_precision_at_10: float


class ItemFigures(Schema):
    """Queries for worn and carried items: means over the items, each the mean of its wordings.

    ``precision_at_10`` is the share of matches among the first ten crops, by as many as could be
    there: hits / min(10, matches), as R-precision does for a rank of its own, so that 1 can be
    reached where fewer than ten crops match. ``plain_precision_at_10`` is hits / 10, and hits by
    the number of crops where there are not ten. ``by_item`` is the former of each item.
    """

    queries: int
    precision_at_10: float | None = None
    plain_precision_at_10: float | None = None
    mean_average_precision: float | None = None
    chance: float | None = None
    by_item: dict[str, float]
    per_query: tuple[ItemQueryFigures, ...]
    unanswerable: tuple[str, ...]


class AttributeFigures(Schema):
    """Queries for one attribute each; ``chance`` is the mean share of matching crops."""

    queries: int
    precision_at_10: float | None = None
    mean_average_precision: float | None = None
    chance: float | None = None
    per_query: tuple[NamedQueryFigures, ...]
    unanswerable: tuple[str, ...]


class HandwrittenQueryFigures(NamedQueryFigures):
    """One sentence; its first true crop stands at ``first_match_rank``, counted from 1."""

    first_match_rank: int


class HandwrittenFigures(Schema):
    """Sentences in other words than the grammar's, ranked against the crops of the first people.

    ``recall_at_10`` is the share of sentences with a true crop among the first ten, and
    ``chance_recall_at_10`` what it is expected to be where crops are shuffled.
    """

    people: int
    crops: int
    queries: int
    recall_at_10: float | None = None
    chance_recall_at_10: float | None = None
    precision_at_10: float | None = None
    mean_average_precision: float | None = None
    chance: float | None = None
    per_query: tuple[HandwrittenQueryFigures, ...]
    unanswerable: tuple[str, ...]


class Ranked(Schema):
    """How well one way to rank does on queries that are reported with it."""

    precision_at_10: float
    mean_average_precision: float


class ColourFigures(Schema):
    """The model, and a histogram of the crop's colours, on the same colour queries."""

    queries: int
    chance: float | None = None
    model: Ranked | None = None
    histogram: Ranked | None = None


class Figures(Schema):
    """All that is measured of one model on one set of held-out people."""

    weights_sha256: str
    people: int
    crops: int
    seed: int
    full_captions: FullCaptionFigures
    short_queries: ShortQueryFigures
    attributes: AttributeFigures
    items: ItemFigures
    handwritten: HandwrittenFigures
    colours: ColourFigures
    best_queries: tuple[QueryFigures, ...]
    """Of all queries but the handwritten ones, those of the highest average precision."""
    worst_queries: tuple[QueryFigures, ...]
    named_queries: tuple[NamedQueryFigures, ...]
    unanswerable: tuple[str, ...]
    """Named queries that are true of no crop, and therefore left out."""
    full_captions_second_stage: SecondStageFigures | None = None
    full_captions_reranked: RerankedFigures | None = None


def without_single_queries(figures: Mapping[str, object]) -> dict[str, object]:
    """Return the JSON of figures, for a model card: the means, and the best and worst queries."""
    return {
        name: without_single_queries(value) if isinstance(value, Mapping) else value
        for name, value in figures.items()
        if name not in _SINGLE_QUERIES
    }
