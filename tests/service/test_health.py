"""What machines ask: alive, ready, metrics."""

import asyncio
from collections.abc import Sequence

import pytest

from indexer.gallery import Crop, Gallery, Hit
from indexer.manifest import Canary
from models.contracts import Float32Array
from service.encoding import EncodingQueue
from service.readiness import ReadinessProbe, agrees
from service.schemas import Readiness
from tests.fakes import ColourEncoder
from tests.service.conftest import Service, serving
from tests.service.test_bad_requests import assert_problem


class ForgetfulEncoder(ColourEncoder):
    """The right card, but every text means yellow: weights damaged in memory, say."""

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        return super().encode_texts(["yellow" for _ in texts])


class CountingEncoder(ColourEncoder):
    texts_seen = 0

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        self.texts_seen += len(texts)
        return super().encode_texts(texts)


class MortalEncoder(ColourEncoder):
    """Works until it reads of death."""

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        if any("death" in text for text in texts):
            raise SystemExit
        return super().encode_texts(texts)


def hits_of(*found: tuple[str, float]) -> list[Hit]:
    return [
        Hit(
            rank,
            score,
            Crop(name, "/c", name, (), "0" * 64, "image/png", 1, 1, 1, None, None, None, {}),
        )
        for rank, (name, score) in enumerate(found, start=1)
    ]


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


def test_a_dead_encoder_makes_the_process_unhealthy_and_unready(gallery: Gallery) -> None:
    with serving(MortalEncoder(), gallery) as service:
        died = service.client.post("/search", json={"text": "death"})
        assert_problem(died, 503, "encoder-stopped")
        after = service.client.post("/search", json={"text": "red"})
        assert_problem(after, 503, "encoder-stopped")
        assert after.headers["retry-after"] == "10"
        health = assert_problem(service.client.get("/healthz"), 503, "encoder-stopped")
        assert "SystemExit" in health["detail"]
        metrics = service.client.get("/metrics").text
    assert 'descry_search_requests_total{outcome="refused"} 2.0' in metrics.splitlines()


def test_probes_in_quick_succession_encode_once_and_then_again(gallery: Gallery) -> None:
    encoder = CountingEncoder()
    queue = EncodingQueue(encoder)
    now = [0.0]
    probe = ReadinessProbe(queue, gallery, encoder.card, cached_s=5, clock=lambda: now[0])

    async def ask_often() -> list[Readiness]:
        return list(await asyncio.gather(*(probe.check() for _ in range(100))))

    queue.start()
    assert all(readiness.ready for readiness in asyncio.run(ask_often()))
    once = encoder.texts_seen
    assert once == len(gallery.manifest.canaries) > 0
    now[0] = 5.0
    assert asyncio.run(probe.check()).ready
    assert encoder.texts_seen == 2 * once
    queue.close()


def test_another_model_is_not_ready(gallery: Gallery) -> None:
    other = ColourEncoder(weights_sha256="1" * 64)
    queue = EncodingQueue(other)
    queue.start()
    readiness = asyncio.run(ReadinessProbe(queue, gallery, other.card).check())
    queue.close()
    assert not readiness.ready
    assert gallery.manifest.model.fingerprint[:12] in readiness.checks[0].detail


def test_a_queue_that_was_closed_is_not_ready(gallery: Gallery) -> None:
    encoder = ColourEncoder()
    queue = EncodingQueue(encoder)
    queue.start()
    queue.close()
    readiness = asyncio.run(ReadinessProbe(queue, gallery, encoder.card).check())
    assert not readiness.ready
    assert "EncodingStopped: the service is closing" in readiness.checks[2].detail


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
    assert agrees(CANARY, hits_of(*given)) is expected


def test_metrics_tell_what_is_served_and_what_was_asked(gallery: Gallery) -> None:
    with serving(ColourEncoder(), gallery) as service:
        for _ in range(3):
            service.client.post("/search", json={"text": "red"})
        service.client.post("/v1/search", json={"text": ""})
        response = service.client.get("/metrics")
    canaries = len(gallery.manifest.canaries)
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
        'descry_encoding_cache_requests_total{found="miss"} 1.0',
        'descry_encoding_cache_requests_total{found="hit"} 2.0',
        'descry_encoding_queue_depth{kind="text"} 0.0',
        f'descry_encoding_batch_size_count{{kind="text"}} {canaries + 1}.0',
        f'descry_encoding_batch_size_bucket{{kind="text",le="1.0"}} {canaries + 1}.0',
        f'descry_encoding_batch_duration_seconds_count{{kind="text"}} {canaries + 1}.0',
        f'descry_encoding_wait_seconds_count{{kind="text"}} {canaries + 1}.0',
        'descry_encoding_batch_size_count{kind="image"} 0.0',
        'descry_encoding_refused_total{kind="text"} 0.0',
        'descry_encoding_skipped_total{kind="text"} 0.0',
        'descry_encoding_failed_total{kind="text"} 0.0',
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
