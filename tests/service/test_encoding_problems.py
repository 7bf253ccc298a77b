"""What a request that was not encoded ends in."""

from contextlib import ExitStack

from indexer.gallery import Gallery
from service.encoding import EncodingOverloaded, EncodingStopped
from service.encoding_problems import problem_of
from tests.service.conftest import serving
from tests.service.encoding.conftest import PATIENCE_S, HeldEncoder
from tests.service.test_bad_requests import assert_problem
from tests.service.test_disconnects import send_search, wait_for_metric


def test_overload_is_a_503_with_the_seconds_to_wait() -> None:
    problem = problem_of(EncodingOverloaded("text", 256, 7))
    assert (problem.kind.status, problem.kind.name) == (503, "overloaded")
    assert problem.headers == {"retry-after": "7"}
    assert "256 requests" in problem.detail


def test_a_stopped_encoder_is_a_503() -> None:
    problem = problem_of(EncodingStopped("the service is closing"))
    assert (problem.kind.status, problem.kind.name) == (503, "encoder-stopped")
    assert problem.headers == {"retry-after": "10"}
    assert problem.detail == "the service is closing"


def test_a_search_beyond_those_that_may_wait_is_refused_and_the_others_are_answered(
    gallery: Gallery,
) -> None:
    encoder = HeldEncoder()
    with serving(encoder, gallery) as service:
        encoder.go.clear()
        while encoder.entered.acquire(blocking=False):
            pass
        with ExitStack() as connections:
            first = connections.enter_context(send_search(service, "red"))
            assert encoder.entered.acquire(timeout=PATIENCE_S)
            waiting = [
                connections.enter_context(send_search(service, f"red {number}"))
                for number in range(256)
            ]
            wait_for_metric(service, 'descry_encoding_queue_depth{kind="text"} 256.0')
            refused = service.client.post("/search", json={"text": "one too many"})
            assert_problem(refused, 503, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
            assert service.client.get("/healthz").status_code == 200
            encoder.go.set()
            for connection in (first, *waiting):
                connection.settimeout(PATIENCE_S)
                assert connection.recv(12) == b"HTTP/1.1 200"
        metrics = service.client.get("/metrics").text.splitlines()
        assert service.client.post("/search", json={"text": "one too many"}).status_code == 200
    assert 'descry_encoding_refused_total{kind="text"} 1.0' in metrics
    assert 'descry_search_requests_total{outcome="refused"} 1.0' in metrics
