"""``POST /search`` and ``POST /search/image``: a query in, a page of ranked crops out."""

import asyncio
import json
import time
import traceback
import uuid
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, File, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError

from indexer.gallery import Filters, Gallery
from models.errors import ConfigurationInvalid, CropUnreadable
from service.access.granted import access_of, restrict
from service.audit.searches import (
    RunningSearch,
    SearchRecorder,
    purpose_of,
    recorded,
)
from service.bounded_bodies import CLIENT_GONE_STATUS, ImageRoute, JsonRoute
from service.column_filters import filters_of
from service.cursors import CursorExpired
from service.encoding import EncodingOverloaded, EncodingStopped
from service.encoding_problems import ENCODER_STOPPED, OVERLOADED, problem_of
from service.explanations import phrases_of
from service.measures import Measures
from service.openapi import problems
from service.problems import (
    BODY_TOO_LARGE,
    CURSOR_EXPIRED,
    IMAGE_UNREADABLE,
    INTERNAL,
    JSON_MALFORMED,
    MEDIA_TYPE_UNSUPPORTED,
    REQUEST_INVALID,
    ProblemRaised,
    shorten,
)
from service.queries import ImageSearchRequest, QueryRefused, SearchOptions, SearchRequest
from service.query_encoding import EncodedQuery
from service.query_images import read_query_image
from service.query_warnings import code_of
from service.queued_encoder import QueuedEncoder
from service.ranking import Ranking
from service.schemas import FieldError, IndexIdentity, ModelIdentity, SearchResponse
from service.search_answers import answer_of, milliseconds
from service.searcher import QueryImage, Searcher, SearchQuery

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

REFUSALS = (
    JSON_MALFORMED,
    CURSOR_EXPIRED,
    BODY_TOO_LARGE,
    MEDIA_TYPE_UNSUPPORTED,
    REQUEST_INVALID,
    INTERNAL,
    OVERLOADED,
    ENCODER_STOPPED,
)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Uploaded = Annotated[bytes, File(description="JPEG, PNG, WebP or BMP; at most 40 megapixels")]
QueryField = Annotated[
    str,
    Form(
        description="the rest of the query as JSON, all of it optional: what `POST /search` takes, "
        "and `image_weight`",
        examples=['{"limit": 5}'],
        json_schema_extra={"contentMediaType": "application/json"},
    ),
]


def search_routes(
    searcher: Searcher,
    encoder: QueuedEncoder,
    gallery: Gallery,
    measures: Measures,
    recorder: SearchRecorder,
) -> APIRouter:
    """Return the routes that search."""
    manifest = gallery.manifest
    index = IndexIdentity(name=manifest.name, generation=manifest.generation, size=gallery.size)
    model = ModelIdentity(name=manifest.model.name, fingerprint=manifest.model.fingerprint)

    async def answer(
        request: SearchOptions, http: Request, image: QueryImage | None = None
    ) -> SearchResponse:
        query_id, access = uuid.uuid4(), access_of(http)
        filters = restrict(_filters(request), access)
        purpose = purpose_of(http, request.purpose, required=recorder.purpose_required)
        running = RunningSearch(
            str(query_id), _asked(request, image), manifest.generation, filters, purpose
        )
        async with recorded(recorder, http, running):
            query = SearchQuery(request, filters, image, may_see=access.sees)
            ranking = await _rank(searcher, encoder, query, query_id)
            running.returned = tuple(hit.crop.id for hit in ranking.hits)
        measures.count("ok")
        measures.observe(ranking)
        log.info(
            "search",
            query_id=str(query_id),
            text_length=len(request.text),
            results=len(ranking.hits),
            warnings=[code_of(warning) for warning in ranking.warnings],
            duration_ms=milliseconds(ranking.total_s),
        )
        return answer_of(ranking, query_id, index, model)

    async def search(request: SearchRequest, http: Request) -> SearchResponse:
        return await answer(request, http)

    async def search_by_image(
        http: Request, image: Uploaded, query: QueryField = "{}"
    ) -> SearchResponse:
        request = _parse_query(query)
        try:
            picture = await asyncio.to_thread(read_query_image, image)
        except CropUnreadable as error:
            raise ProblemRaised(
                IMAGE_UNREADABLE, f"the picture cannot be searched by: {error}"
            ) from error
        return await answer(request, http, picture)

    router = APIRouter(tags=["search"])
    router.add_api_route(
        "/search",
        search,
        methods=["POST"],
        summary="Rank the crops that fit a description, or look like a stored crop",
        response_description="The crops, best first",
        responses=problems(*REFUSALS),
        route_class_override=_counted(JsonRoute, measures),
    )
    router.add_api_route(
        "/search/image",
        search_by_image,
        methods=["POST"],
        summary="Rank the crops that look like a picture, and fit a description if there is one",
        response_description="The crops, best first",
        responses=problems(*REFUSALS, IMAGE_UNREADABLE),
        route_class_override=_counted(ImageRoute, measures),
    )
    return router


def _asked(request: SearchOptions, image: QueryImage | None) -> str:
    """Return what is written down of a query: its text, or all of its parts."""
    parts = {
        "text": request.text,
        "like": list(request.like),
        "not": list(request.unlike),
        "image_sha256": "" if image is None else image.sha256,
    }
    given = {name: part for name, part in parts.items() if part}
    return request.text if set(given) <= {"text"} else json.dumps(given, ensure_ascii=False)


def _counted(route: type[APIRoute], measures: Measures) -> type[APIRoute]:
    class CountedRoute(route):  # type: ignore[misc, valid-type]  # its class is an argument
        """Counts what is refused before a search begins."""

        def get_route_handler(self) -> Handler:
            handle: Handler = super().get_route_handler()

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

    return CountedRoute


def _parse_query(content: str) -> ImageSearchRequest:
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ProblemRaised(
            JSON_MALFORMED,
            f"the form's field query is not JSON ({shorten(str(error))}): send, for example, "
            '{"limit": 5}',
        ) from error
    try:
        return ImageSearchRequest.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _filters(request: SearchOptions) -> Filters:
    try:
        return filters_of(request.filters)
    except ConfigurationInvalid as error:
        raise _refused("filters", str(error)) from error


async def _encode(searcher: Searcher, encoder: QueuedEncoder, query: SearchQuery) -> EncodedQuery:
    """Have all parts of a query encoded together, beside those of other requests."""
    started = time.perf_counter()
    texts = searcher.texts_of(query)
    found = await asyncio.gather(*(encoder.text(text) for text in texts))
    image = None if query.image is None else await encoder.image(query.image.image)
    return EncodedQuery(dict(zip(texts, found, strict=True)), image, time.perf_counter() - started)


async def _rank(
    searcher: Searcher, encoder: QueuedEncoder, query: SearchQuery, query_id: uuid.UUID
) -> Ranking:
    started = time.perf_counter()
    try:
        encoded = await _encode(searcher, encoder, query)
        encoder.await_here()
        return await asyncio.to_thread(searcher.rank, query, encoded, started)
    except (EncodingOverloaded, EncodingStopped) as error:
        raise problem_of(error) from error
    except QueryRefused as error:
        raise _refused(error.field, error.reason) from error
    except CursorExpired as error:
        raise ProblemRaised(CURSOR_EXPIRED, str(error)) from error
    except ConfigurationInvalid as error:
        # What else of a request the gallery can refuse has been checked.
        raise _refused("filters", str(error)) from error
    except Exception as error:
        log.error(  # noqa: TRY400 - the message may quote the description, so it is masked
            "search_failed",
            query_id=str(query_id),
            error=type(error).__name__,
            message=_masked(str(error), query.request),
            frames=traceback.format_tb(error.__traceback__),
        )
        raise ProblemRaised(
            INTERNAL, f"the search failed; the log of the service has it as query {query_id}"
        ) from error


def _masked(message: str, request: SearchOptions) -> str:
    phrases = (each.text for each in phrases_of(request.text, request.unlike))
    for text in filter(None, (request.text, *request.unlike, *phrases)):
        message = message.replace(text, "(the text)")
    return message


def _refused(field: str, reason: str) -> ProblemRaised:
    message = f"{field}: {_shortened(reason)}"
    error = FieldError(field=field, code="unusable", message=message, value=None)
    return ProblemRaised(REQUEST_INVALID, message, errors=(error,))


def _shortened(reason: str) -> str:
    # A reason may quote what was sent.
    encodable = reason.encode("utf-8", "backslashreplace").decode()
    printable = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in encodable[:500])
    return printable[:500]
