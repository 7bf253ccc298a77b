"""The application: an encoder and a gallery behind HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from indexer.gallery import Gallery
from models.contracts import PersonEncoder
from service.encoding import EncodingQueue
from service.measures import Measures
from service.openapi import DocumentedApp
from service.problems import install_problem_handlers
from service.readiness import ReadinessProbe
from service.request_frame import RequestFrame
from service.routes.crops import crop_routes
from service.routes.health import health_routes, info_routes
from service.routes.page import page_routes
from service.routes.search import search_routes
from service.searcher import Searcher

DESCRIPTION = """Describe a person, get the crops that fit, best first.

Every address under `/v1` is also there without it. Every error is an RFC 9457
`application/problem+json` whose `type` names its kind.
"""


def create_app(encoder: PersonEncoder, gallery: Gallery) -> FastAPI:
    """Return the application; whoever opened the gallery closes it afterwards."""
    manifest, size = gallery.manifest, gallery.size
    measures = Measures(manifest, size)
    queue = EncodingQueue(encoder, events=measures.encoding)
    searcher = Searcher(queue, gallery)
    probe = ReadinessProbe(queue, gallery, encoder.card)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        queue.start()
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
        redirect_slashes=False,
    )
    app.add_middleware(RequestFrame)
    install_problem_handlers(app)
    for prefix in ("", "/v1"):
        app.include_router(search_routes(searcher, manifest, size, measures), prefix=prefix)
        app.include_router(crop_routes(gallery), prefix=prefix)
        app.include_router(info_routes(manifest, size), prefix=prefix)
    app.include_router(health_routes(probe, measures, queue))
    app.include_router(page_routes())
    return app
