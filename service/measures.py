"""What Prometheus may read: counts, durations, and what is being served."""

from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from indexer.manifest import IndexManifest
from service.encoding import Kind
from service.encoding.events import KINDS
from service.searcher import Ranking

Outcome = Literal["ok", "refused", "error", "left"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "refused", "error", "left")
BATCHES = (1, 2, 4, 8, 16, 32, 64)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measures:
    """The metrics of one application, in a registry of their own."""

    def __init__(self, manifest: IndexManifest, size: int) -> None:
        self._registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._searches = Counter(
            "descry_search_requests",
            "Searches by outcome: answered, refused, failed, or left by the client",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in OUTCOMES:
            self._searches.labels(outcome)
        self._durations = Histogram(
            "descry_search_duration_seconds",
            "Time of answered searches by stage",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.encoding = EncodingMeasures(self._registry)
        self._describe(manifest, size)

    def _describe(self, manifest: IndexManifest, size: int) -> None:
        registry = self._registry
        Gauge("descry_index_items", "Crops in the index", registry=registry).set(size)
        Gauge(
            "descry_index_generation", "Generation of the index being served", registry=registry
        ).set(manifest.generation)
        Info("descry_index", "The index being served", registry=registry).info(
            {"name": manifest.name, "kind": manifest.index_kind}
        )
        Info("descry_model", "The model that encodes descriptions", registry=registry).info(
            {"name": manifest.model.name, "fingerprint": manifest.model.fingerprint}
        )

    def count(self, outcome: Outcome) -> None:
        """Count one search."""
        self._searches.labels(outcome).inc()

    def observe(self, ranking: Ranking) -> None:
        """Record the stages of one answered search."""
        self._durations.labels("encode").observe(ranking.encode_s)
        self._durations.labels("search").observe(ranking.search_s)
        self._durations.labels("total").observe(ranking.total_s)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class EncodingMeasures:
    """What happens in the encoding queue: ``service.encoding.EncodingEvents``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, meaning: str, label: str) -> Counter:
            return Counter(f"descry_encoding_{name}", meaning, [label], registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(
                f"descry_encoding_{name}", meaning, ["kind"], buckets=buckets, registry=registry
            )

        self._waiting = Gauge(
            "descry_encoding_queue_depth",
            "Requests that wait for the encoder, by what they ask: text, image, other work (call)",
            ["kind"],
            registry=registry,
        )
        self._sizes = histogram("batch_size", "Requests encoded together", BATCHES)
        self._batches = histogram("batch_duration_seconds", "Time the encoder took", SECONDS)
        self._waits = histogram("wait_seconds", "Time a request waited for its batch", SECONDS)
        self._cache = counter("cache_requests", "Texts looked for in the cache: hit, miss", "found")
        self._refused = counter("refused", "Requests turned away from a full queue", "kind")
        self._skipped = counter("skipped", "Requests cancelled while they waited", "kind")
        self._failed = counter("failed", "Requests that the encoder could not encode", "kind")
        # A series that is missing until its first event would hide that event from a rate.
        for found in ("hit", "miss"):
            self._cache.labels(found)
        for each in (
            self._waiting, self._sizes, self._batches, self._waits, self._refused, self._skipped,
            self._failed,
        ):  # fmt: skip
            for kind in KINDS:
                each.labels(kind)

    def waiting(self, kind: Kind, number: int) -> None:
        """Record how many wait."""
        self._waiting.labels(kind).set(number)

    def batch_encoded(self, kind: Kind, size: int, seconds: float) -> None:
        """Record one batch."""
        self._sizes.labels(kind).observe(size)
        self._batches.labels(kind).observe(seconds)

    def waited(self, kind: Kind, seconds: float) -> None:
        """Record how long one request waited."""
        self._waits.labels(kind).observe(seconds)

    def cache_asked(self, *, hit: bool) -> None:
        """Count one look into the cache."""
        self._cache.labels("hit" if hit else "miss").inc()

    def refused(self, kind: Kind) -> None:
        """Count one request turned away."""
        self._refused.labels(kind).inc()

    def skipped(self, kind: Kind) -> None:
        """Count one request cancelled in time."""
        self._skipped.labels(kind).inc()

    def failed(self, kind: Kind) -> None:
        """Count one request that could not be encoded."""
        self._failed.labels(kind).inc()
