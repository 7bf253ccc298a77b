"""What a request that was not encoded ends in."""

from service.encoding import EncodingOverloaded, EncodingStopped
from service.encoding_problems import problem_of


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
