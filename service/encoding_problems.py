"""Errors of the encoding queue as problems: 503, and when to come again."""

from service.encoding import EncodingOverloaded, EncodingStopped
from service.problems import ProblemKind, ProblemRaised

OVERLOADED = ProblemKind("overloaded", 503, "More is asked than can be encoded")
ENCODER_STOPPED = ProblemKind("encoder-stopped", 503, "Nothing is encoded any more")

# By then an orchestrator has seen /healthz and started another process.
_RESTARTED_AFTER_S = "10"


def problem_of(error: EncodingOverloaded | EncodingStopped) -> ProblemRaised:
    """Return the problem that ends a request whose text or image was not encoded."""
    if isinstance(error, EncodingOverloaded):
        wait = str(error.retry_after_s)
        return ProblemRaised(OVERLOADED, str(error), headers={"retry-after": wait})
    headers = {"retry-after": _RESTARTED_AFTER_S}
    return ProblemRaised(ENCODER_STOPPED, str(error), headers=headers)
