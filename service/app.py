"""The application: an encoder and a gallery behind HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from indexer.gallery import Gallery
from models.contracts import PersonEncoder
from service.access.gate import DEFAULT_RULES, GATE_PROBLEMS, AccessRules, install_gate, requires
from service.access.key_ring import Keys
from service.audit.searches import NothingRecorded, SearchRecorder
from service.encoding import EncodingQueue
from service.measures import Measures
from service.openapi import DocumentedApp
from service.problems import install_problem_handlers
from service.queued_encoder import QueuedEncoder
from service.readiness import ReadinessProbe
from service.routes.crops import crop_routes
from service.routes.health import health_routes, info_routes
from service.routes.page import page_routes
from service.routes.search import search_routes
from service.searcher import DEFAULT_RANKING, RankingOptions, Searcher

DESCRIPTION = """Describe a person, get the crops that fit, best first.

Every address under `/v1` is also there without it. Every error is an RFC 9457
`application/problem+json` whose `type` names its kind.
"""


def create_app(
    encoder: PersonEncoder,
    gallery: Gallery,
    keys: Keys | None = None,
    rules: AccessRules = DEFAULT_RULES,
    recorder: SearchRecorder | None = None,
    ranking: RankingOptions = DEFAULT_RANKING,
) -> FastAPI:
    """Return the application; whoever opened the gallery closes it afterwards.

    Args:
        encoder: The model that the gallery was built with.
        gallery: What is searched.
        keys: Who may ask; without, the application answers its own machine only.
        rules: How a request is told from another.
        recorder: Writes searches down; without, none is.
        ranking: Cursors, and the second stage where a request is silent.
    """
    manifest, size = gallery.manifest, gallery.size
    measures = Measures(manifest, size)
    queue = EncodingQueue(encoder, events=measures.encoding)
    queue.start()
    queued = QueuedEncoder(encoder, queue)
    searcher = Searcher(queued, gallery, ranking.signer, ranking.rerank)
    probe = ReadinessProbe(queue, gallery, encoder.card)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        try:
            await queue.warm_up()
            await probe.check()
            yield
        finally:
            await asyncio.to_thread(queue.close)

    app = DocumentedApp(
        title="Descry",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page loads its scripts from other hosts; see routes/page.py
        redoc_url=None,
        openapi_url=None,  # the framework's own route would need no scope
        redirect_slashes=False,
    )
    install_gate(app, measures.registry, keys, rules)
    install_problem_handlers(app)
    recorder = recorder or NothingRecorded()
    recorder.register(measures.registry)
    searching = APIRouter(dependencies=[requires("search")], responses=GATE_PROBLEMS)
    searching.include_router(search_routes(searcher, queued, gallery, measures, recorder))
    searching.include_router(crop_routes(gallery))
    searching.include_router(info_routes(manifest, size))
    for prefix in ("", "/v1"):
        app.include_router(searching, prefix=prefix)
    app.include_router(health_routes(probe, measures, queue))
    app.include_router(page_routes(), dependencies=[requires("search")])
    app.get("/openapi.json", include_in_schema=False, dependencies=[requires("search")])(
        app.openapi
    )
    return app
