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
from service.searcher import Ranking

Outcome = Literal["ok", "refused", "error"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "refused", "error")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measures:
    """The metrics of one application, in a registry of their own."""

    def __init__(self, manifest: IndexManifest, size: int) -> None:
        self._registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._searches = Counter(
            "descry_search_requests",
            "Searches by outcome: answered, refused as invalid, failed",
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
