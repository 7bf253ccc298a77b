"""What machines ask: alive, ready, metrics."""

from collections.abc import Sequence

import pytest

from indexer.gallery import ALL_CROPS, Crop, Filters, Gallery, Hit
from indexer.manifest import Canary
from models.contracts import Float32Array, TextReading
from service.readiness import ReadinessProbe, agrees
from service.searcher import Ranking, Searcher
from tests.fakes import ColourEncoder
from tests.service.conftest import Service, serving
from tests.service.test_bad_requests import assert_problem


class ForgetfulEncoder(ColourEncoder):
    """The right card, but every text means yellow: weights damaged in memory, say."""

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        return super().encode_texts(["yellow" for _ in texts])


class CountingSearcher(Searcher):
    searches = 0

    def search(self, text: str, limit: int, filters: Filters = ALL_CROPS) -> Ranking:
        self.searches += 1
        return super().search(text, limit, filters)


def ranking(*hits: tuple[str, float]) -> Ranking:
    found = [
        Hit(
            rank,
            score,
            Crop(name, "/c", name, (), "0" * 64, "image/png", 1, 1, 1, None, None, None, {}),
        )
        for rank, (name, score) in enumerate(hits, start=1)
    ]
    return Ranking(found, TextReading((), None, None, None), 0, 0, 0)


def test_a_live_process_says_so(service: Service) -> None:
    response = service.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert service.client.head("/healthz").status_code == 200
    assert service.client.head("/readyz").status_code == 200


def test_a_ready_service_names_what_it_checked(service: Service) -> None:
    response = service.client.get("/readyz")
    assert response.status_code == 200
    answer = response.json()
    assert answer["ready"] is True
    assert [check["name"] for check in answer["checks"]] == ["model", "index", "known_answer"]
    assert all(check["passed"] for check in answer["checks"])


def test_a_service_that_gives_another_answer_than_at_build_time_is_not_ready(
    gallery: Gallery,
) -> None:
    with serving(ForgetfulEncoder(), gallery) as service:
        response = service.client.get("/readyz")
        problem = assert_problem(response, 503, "not-ready")
        assert response.headers["retry-after"] == "5"
        assert "woman in red coat" in problem["detail"]
        passed = {check["name"]: check["passed"] for check in problem["checks"]}
        assert passed == {"model": True, "index": True, "known_answer": False}
        assert service.client.get("/healthz").status_code == 200


def test_probes_in_quick_succession_search_once(gallery: Gallery) -> None:
    encoder = ColourEncoder()
    searcher = CountingSearcher(encoder, gallery)
    now = [0.0]
    probe = ReadinessProbe(searcher, gallery, encoder.card, cached_s=5, clock=lambda: now[0])
    for _ in range(100):
        assert probe.check().ready
    once = searcher.searches
    assert once == len(gallery.manifest.canaries) > 0
    now[0] = 5.0
    assert probe.check().ready
    assert searcher.searches == 2 * once


def test_another_model_is_not_ready(gallery: Gallery) -> None:
    other = ColourEncoder(weights_sha256="1" * 64)
    readiness = ReadinessProbe(Searcher(other, gallery), gallery, other.card).check()
    assert not readiness.ready
    assert gallery.manifest.model.fingerprint[:12] in readiness.checks[0].detail


CANARY = Canary(text="red", ids=("a", "b", "c"), scores=(0.9, 0.5, 0.49))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("a", 0.9), ("b", 0.5), ("c", 0.49)], True),
        ([("a", 0.91), ("b", 0.51), ("c", 0.48)], True),
        ([("a", 0.9), ("c", 0.5), ("b", 0.49)], True),  # a near tie changes places
        ([("a", 0.9), ("b", 0.5), ("d", 0.49)], True),  # d ties with the last
        ([("b", 0.9), ("a", 0.5), ("c", 0.49)], False),
        ([("a", 0.93), ("b", 0.5), ("c", 0.49)], False),
        ([("d", 0.9), ("b", 0.5), ("c", 0.49)], False),
        ([("a", 0.9), ("b", 0.5)], False),
        ([("a", float("nan")), ("b", 0.5), ("c", 0.49)], False),
    ],
)
def test_an_answer_agrees_when_order_and_scores_do(
    given: list[tuple[str, float]],
    *,
    expected: bool,
) -> None:
    assert agrees(CANARY, ranking(*given)) is expected


def test_metrics_tell_what_is_served_and_what_was_asked(gallery: Gallery) -> None:
    with serving(ColourEncoder(), gallery) as service:
        for _ in range(3):
            service.client.post("/search", json={"text": "red"})
        service.client.post("/v1/search", json={"text": ""})
        response = service.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    fingerprint = gallery.manifest.model.fingerprint
    for line in (
        'descry_search_requests_total{outcome="ok"} 3.0',
        'descry_search_requests_total{outcome="refused"} 1.0',
        'descry_search_requests_total{outcome="error"} 0.0',
        'descry_search_duration_seconds_count{stage="encode"} 3.0',
        'descry_search_duration_seconds_count{stage="search"} 3.0',
        'descry_search_duration_seconds_count{stage="total"} 3.0',
        "descry_index_items 24.0",
        "descry_index_generation 1.0",
        f'descry_model_info{{fingerprint="{fingerprint}",name="colour"}} 1.0',
        f'descry_index_info{{kind="{gallery.manifest.index_kind}",name="drawn"}} 1.0',
    ):
        assert line in lines


def test_info_says_what_is_served(service: Service, gallery: Gallery) -> None:
    answer = service.client.get("/v1/info").json()
    assert answer["index"] == {"name": "drawn", "generation": 1, "size": 24}
    assert answer["model"]["name"] == "colour"
    assert answer["indexed_at"].startswith(str(gallery.manifest.created_at.date()))
