"""The row of one search, and how a search that is running gets one."""

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from fastapi import Request
from prometheus_client import CollectorRegistry

from indexer.gallery import ALL_CROPS, Filters
from service.access.granted import Access, access_of
from service.problems import REQUEST_INVALID, ProblemRaised
from service.schemas import FieldError

PURPOSE_HEADER = "x-descry-purpose"
PURPOSE_LENGTH = 200
UNFIT = frozenset({"Cc", "Cs"})  # control characters, halves of surrogate pairs

SearchOutcome = Literal["ok", "error"]


@dataclass(frozen=True)
class SearchRow:
    """One search as it is to be written down; ``query`` is plain here, whatever will be stored."""

    time: datetime
    query_id: str
    request_id: str
    key_id: str | None
    client: str
    purpose: str | None
    query: str
    filters: str
    generation: int
    returned: tuple[str, ...]
    outcome: SearchOutcome
    duration_ms: float


class SearchRecorder(Protocol):
    """What writes rows."""

    @property
    def purpose_required(self) -> bool:
        """Whether a search must say what it is for."""
        ...

    @property
    def waits(self) -> bool:
        """Whether ``record`` may take as long as the database does."""
        ...

    def register(self, registry: CollectorRegistry) -> None:
        """Let the recorder's metrics be read, if it has any."""
        ...

    def record(self, row: SearchRow) -> None:
        """Write the row now or soon.

        Raises:
            ProblemRaised: If it must be written before the search is answered, and cannot be.
        """
        ...


class NothingRecorded:
    """Where there is no database, nothing is written."""

    purpose_required = False
    waits = False

    def register(self, registry: CollectorRegistry) -> None:
        """Do nothing."""

    def record(self, row: SearchRow) -> None:
        """Do nothing."""


@dataclass
class RunningSearch:
    """One search that is under way: fill in ``returned`` with the ids it gives, best first."""

    query_id: str
    query: str
    generation: int
    filters: Filters = ALL_CROPS
    purpose: str | None = None
    returned: tuple[str, ...] = ()
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@asynccontextmanager
async def recorded(
    recorder: SearchRecorder, request: Request, search: RunningSearch
) -> AsyncIterator[RunningSearch]:
    """Write a row for the search in the block, whether it ends in an answer or in an error.

    Raises:
        ProblemRaised: If the row must be written before the search is answered, and cannot be.
    """
    started = time.perf_counter()
    access, request_id = access_of(request), str(request.state.request_id)

    async def record(outcome: SearchOutcome) -> None:
        row = _row(search, access, request_id, outcome, started)
        if recorder.waits:
            await asyncio.to_thread(recorder.record, row)
        else:
            recorder.record(row)

    try:
        yield search
    except BaseException:
        await record("error")
        raise
    await record("ok")


def _row(
    search: RunningSearch,
    access: Access,
    request_id: str,
    outcome: SearchOutcome,
    started: float,
) -> SearchRow:
    return SearchRow(
        time=search.time,
        query_id=search.query_id,
        request_id=request_id,
        key_id=access.key_id,
        client=access.client,
        purpose=search.purpose,
        query=search.query,
        filters=search.filters.model_dump_json(exclude_none=True) if search.filters else "{}",
        generation=search.generation,
        returned=search.returned if outcome == "ok" else (),
        outcome=outcome,
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
    )


def purpose_of(request: Request, given: str | None, *, required: bool) -> str | None:
    """Return what a search is for: what its body says, or the header X-Descry-Purpose.

    Raises:
        ProblemRaised: If it is required and missing, longer than 200 characters, holds control
            characters, or body and header differ.
    """
    header = _decoded(request.headers.get(PURPOSE_HEADER))
    body = (given or "").strip()
    purpose = body or header
    found = _objection(purpose, differs=bool(body and header and body != header), required=required)
    if found is not None:
        code, message = found
        value = json.dumps(purpose)[:80] if purpose else None
        error = FieldError(field="purpose", code=code, message=message, value=value)
        raise ProblemRaised(REQUEST_INVALID, message, errors=(error,))
    return purpose or None


def _objection(purpose: str, *, differs: bool, required: bool) -> tuple[str, str] | None:
    if not purpose and required:
        return "missing", (
            "purpose is missing: say what the search is for, in the field purpose or the header "
            "X-Descry-Purpose"
        )
    if differs:
        return "purpose_differs", "purpose differs between the body and the header"
    if len(purpose) > PURPOSE_LENGTH or any(unicodedata.category(c) in UNFIT for c in purpose):
        return "purpose_invalid", (
            f"purpose must have at most {PURPOSE_LENGTH} characters, none of them a control "
            "character"
        )
    return None


def _decoded(header: str | None) -> str:
    """Return a header's text: browsers and curl send UTF-8, which HTTP reads as Latin-1."""
    raw = (header or "").strip()
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw
