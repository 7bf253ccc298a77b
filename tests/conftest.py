"""What every test needs."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a command line under test has configured for the whole process."""
    yield
    structlog.reset_defaults()
