"""Rows of searches to test with."""

from datetime import UTC, datetime, timedelta

from service.audit.searches import SearchRow

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def row(
    number: int = 0,
    *,
    days_old: float = 0,
    query: str = "woman in red coat",
    filters: str = "{}",
    returned: tuple[str, ...] = (),
    key_id: str | None = None,
    purpose: str | None = None,
) -> SearchRow:
    return SearchRow(
        time=NOON - timedelta(days=days_old),
        query_id=f"q-{number}",
        request_id=f"r-{number}",
        key_id=key_id,
        client="192.0.2.7",
        purpose=purpose,
        query=query,
        filters=filters,
        generation=1,
        returned=returned,
        outcome="ok",
        duration_ms=1.5,
    )
