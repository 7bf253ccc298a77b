"""From a ranking to its wire format."""

from urllib.parse import quote
from uuid import UUID

from service.ranking import RankedHit, Ranking
from service.schemas import (
    IndexIdentity,
    ModelIdentity,
    SearchResponse,
    SearchResult,
    ShownPhrase,
    Timings,
)


def answer_of(
    ranking: Ranking, query_id: UUID, index: IndexIdentity, model: ModelIdentity
) -> SearchResponse:
    """Return the answer that a page of a ranking is."""
    return SearchResponse(
        query_id=query_id,
        index=index,
        model=model,
        results=[_result(hit) for hit in ranking.hits],
        matching=ranking.matching,
        reranked_by=ranking.reranked_by,
        next_cursor=ranking.next_cursor,
        timings_ms=Timings(
            encode=milliseconds(ranking.encode_s),
            search=milliseconds(ranking.search_s),
            rerank=milliseconds(ranking.rerank_s),
            total=milliseconds(ranking.total_s),
        ),
        warnings=ranking.warnings,
    )


def milliseconds(seconds: float) -> float:
    """Return seconds as milliseconds, to the microsecond."""
    return round(seconds * 1000, 3)


def _result(hit: RankedHit) -> SearchResult:
    crop = hit.crop
    address = f"/v1/crops/{quote(crop.id, safe='')}"
    return SearchResult(
        rank=hit.rank,
        id=crop.id,
        score=hit.score,
        first_stage_rank=hit.first_stage_rank,
        first_stage_score=hit.score if hit.first_stage_score is None else hit.first_stage_score,
        second_stage_score=hit.second_stage_score,
        neighbour_overlap=hit.neighbour_overlap,
        crop_url=address,
        thumbnail_url=f"{address}/thumbnail",
        path=crop.path,
        camera=crop.camera,
        captured_at=crop.captured_at,
        track_id=crop.track_id,
        metadata=dict(crop.extra),
        phrases=tuple(
            ShownPhrase(
                phrase=each.phrase.text,
                wanted=each.phrase.wanted,
                strength=round(each.strength, 3),
                present=each.present,
            )
            for each in hit.phrases
        ),
    )
