"""``/healthz``, ``/readyz``, ``/metrics``, and what is served here."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from indexer.manifest import IndexManifest
from service.access.gate import GATE_PROBLEMS, requires
from service.encoding import EncodingQueue
from service.encoding_problems import ENCODER_STOPPED
from service.measures import Measures
from service.openapi import problems
from service.problems import NOT_READY, ProblemRaised
from service.readiness import ReadinessProbe
from service.schemas import Alive, IndexIdentity, Info, ModelIdentity, Readiness


def health_routes(probe: ReadinessProbe, measures: Measures, queue: EncodingQueue) -> APIRouter:
    """Return the routes that machines ask about the state of the service."""
    router = APIRouter(tags=["operation"])

    @router.get(
        "/healthz",
        summary="Whether the process works, or must be started again",
        response_description="It works",
        responses=problems(ENCODER_STOPPED),
    )
    async def healthz() -> Alive:
        fault = queue.fault()
        if fault is not None:
            raise ProblemRaised(ENCODER_STOPPED, f"{fault}: start the service again")
        return Alive()

    @router.get(
        "/readyz",
        summary="Whether searches can be sent here, checked with a known answer",
        response_description="They can",
        responses=problems(NOT_READY),
    )
    async def readyz() -> Readiness:
        readiness = await probe.check()
        if not readiness.ready:
            reasons = [check.detail for check in readiness.checks if not check.passed]
            raise ProblemRaised(
                NOT_READY,
                "; ".join(reasons),
                checks=readiness.checks,
                headers={"retry-after": "5"},
            )
        return readiness

    @router.get(
        "/metrics",
        dependencies=[requires("admin")],
        summary="Metrics for Prometheus",
        response_class=Response,
        responses=GATE_PROBLEMS
        | {200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}},
    )
    def metrics() -> Response:
        return Response(measures.exposition(), media_type=CONTENT_TYPE_LATEST)

    # Some probes of load balancers ask with HEAD.
    router.head("/healthz", include_in_schema=False)(healthz)
    router.head("/readyz", include_in_schema=False)(readyz)
    return router


def info_routes(manifest: IndexManifest, size: int) -> APIRouter:
    """Return the route that says what is served."""
    router = APIRouter(tags=["operation"])
    info = Info(
        index=IndexIdentity(name=manifest.name, generation=manifest.generation, size=size),
        model=ModelIdentity(name=manifest.model.name, fingerprint=manifest.model.fingerprint),
        indexed_at=manifest.created_at,
    )

    @router.get(
        "/info",
        summary="Which index and which model are served",
        response_description="Their names, sizes and versions",
    )
    async def read_info() -> Info:
        return info

    return router
