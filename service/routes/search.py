"""``POST /search``: a description in, ranked crops out."""

import traceback
import uuid
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError

from indexer.gallery import Hit
from indexer.manifest import IndexManifest
from service.encoding import EncodingOverloaded, EncodingStopped
from service.encoding_problems import ENCODER_STOPPED, OVERLOADED, problem_of
from service.json_bodies import CLIENT_GONE_STATUS, JsonRoute
from service.measures import Measures
from service.openapi import problems
from service.problems import (
    BODY_TOO_LARGE,
    INTERNAL,
    JSON_MALFORMED,
    MEDIA_TYPE_UNSUPPORTED,
    REQUEST_INVALID,
    ProblemRaised,
)
from service.query_warnings import code_of, warnings_of
from service.schemas import (
    IndexIdentity,
    ModelIdentity,
    SearchRequest,
    SearchResponse,
    SearchResult,
    Timings,
)
from service.searcher import Ranking, Searcher

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def search_routes(
    searcher: Searcher, manifest: IndexManifest, size: int, measures: Measures
) -> APIRouter:
    """Return the routes that search."""

    class CountedRoute(JsonRoute):
        """Counts what is refused before a search begins."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_counted(request: Request) -> Response:
                try:
                    response = await handle(request)
                except (ProblemRaised, RequestValidationError) as error:
                    failed = isinstance(error, ProblemRaised) and error.kind is INTERNAL
                    measures.count("error" if failed else "refused")
                    raise
                if response.status_code == CLIENT_GONE_STATUS:
                    measures.count("left")
                return response

            return handle_counted

    router = APIRouter(route_class=CountedRoute, tags=["search"])
    index = IndexIdentity(name=manifest.name, generation=manifest.generation, size=size)
    model = ModelIdentity(name=manifest.model.name, fingerprint=manifest.model.fingerprint)

    @router.post(
        "/search",
        summary="Rank the crops that fit a description of a person",
        response_description="The crops, best first",
        responses=problems(
            JSON_MALFORMED,
            BODY_TOO_LARGE,
            MEDIA_TYPE_UNSUPPORTED,
            REQUEST_INVALID,
            INTERNAL,
            OVERLOADED,
            ENCODER_STOPPED,
        ),
    )
    async def search(request: SearchRequest) -> SearchResponse:
        query_id = uuid.uuid4()
        ranking = await _rank(searcher, request, query_id)
        measures.count("ok")
        measures.observe(ranking)
        warnings = warnings_of(ranking.reading)
        log.info(
            "search",
            query_id=str(query_id),
            text_length=len(request.text),
            results=len(ranking.hits),
            warnings=[code_of(warning) for warning in warnings],
            duration_ms=_milliseconds(ranking.total_s),
        )
        return SearchResponse(
            query_id=query_id,
            index=index,
            model=model,
            results=[_result(hit) for hit in ranking.hits],
            timings_ms=Timings(
                encode=_milliseconds(ranking.encode_s),
                search=_milliseconds(ranking.search_s),
                total=_milliseconds(ranking.total_s),
            ),
            warnings=warnings,
        )

    return router


async def _rank(searcher: Searcher, request: SearchRequest, query_id: uuid.UUID) -> Ranking:
    try:
        return await searcher.search(request.text, request.limit)
    except (EncodingOverloaded, EncodingStopped) as error:
        raise problem_of(error) from error
    except Exception as error:
        log.error(  # noqa: TRY400 - the message may quote the description, so it is masked
            "search_failed",
            query_id=str(query_id),
            error=type(error).__name__,
            message=str(error).replace(request.text, "(the text)"),
            frames=traceback.format_tb(error.__traceback__),
        )
        raise ProblemRaised(
            INTERNAL, f"the search failed; the log of the service has it as query {query_id}"
        ) from error


def _result(hit: Hit) -> SearchResult:
    crop = hit.crop
    address = f"/v1/crops/{quote(crop.id, safe='')}"
    return SearchResult(
        rank=hit.rank,
        id=crop.id,
        score=hit.score,
        crop_url=address,
        thumbnail_url=f"{address}/thumbnail",
        path=crop.path,
        camera=crop.camera,
        captured_at=crop.captured_at,
        track_id=crop.track_id,
        metadata=dict(crop.extra),
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
