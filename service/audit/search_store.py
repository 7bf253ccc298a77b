"""Rows of searches in the database: written, listed, pruned, and freed of one crop."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from service.audit.searches import SearchRow
from service.database import Database
from service.tables import Search

QueryForm = Literal["hash", "text"]
HASHED = "hmac-sha256:"
PLAIN = "text:"
ERASED = "erased"
ROWS_AT_ONCE = 1000  # so that a long deletion does not keep searches from being written


@dataclass(frozen=True)
class Asked:
    """Which rows are wanted: all that is given must hold; ``since`` is included, ``before`` not."""

    since: datetime | None = None
    before: datetime | None = None
    key_id: str | None = None
    crop_id: str | None = None
    query: str | None = None


class SearchStore:
    """The table of searches; ``form`` says how the queries of new rows are stored."""

    def __init__(self, database: Database, form: QueryForm = "hash") -> None:
        self._database = database
        self._form = form
        self._secret = database.secret()

    def hashed(self, query: str) -> str:
        """Return the HMAC of a query: equal for equal queries, and for nobody else to compute."""
        digest = hmac.new(self._secret, query.encode(), hashlib.sha256)
        return HASHED + digest.hexdigest()

    def write(self, rows: Sequence[SearchRow]) -> None:
        """Write rows in one transaction."""
        values = [
            {**asdict(row), "query": self._stored(row.query), "returned": json.dumps(row.returned)}
            for row in rows
        ]
        with self._database.writing() as session:
            session.execute(insert(Search), values)

    def _stored(self, query: str) -> str:
        return PLAIN + query if self._form == "text" else self.hashed(query)

    def rows(self, asked: Asked, limit: int | None = None) -> Iterator[Search]:
        """Give the rows that are wanted, latest first, without holding them all."""
        wanted = select(Search).where(*self._conditions(asked))
        ordered = wanted.order_by(Search.time.desc(), Search.number.desc()).limit(limit)
        with self._database.reading() as session:
            yield from session.scalars(ordered.execution_options(yield_per=ROWS_AT_ONCE))

    def _conditions(self, asked: Asked) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if asked.since is not None:
            found.append(Search.time >= asked.since)
        if asked.before is not None:
            found.append(Search.time < asked.before)
        if asked.key_id is not None:
            found.append(Search.key_id == asked.key_id)
        if asked.crop_id is not None:
            found.append(Search.returned.contains(json.dumps(asked.crop_id), autoescape=True))
        if asked.query is not None:
            found.append(Search.query.in_([PLAIN + asked.query, self.hashed(asked.query)]))
        return found

    def prune(self, before: datetime) -> int:
        """Delete the rows of searches before a moment; return how many there were."""
        oldest = select(Search.number).where(Search.time < before).limit(ROWS_AT_ONCE)
        pruned = 0
        while True:
            with self._database.writing() as session:
                numbers = session.scalars(oldest).all()
                session.execute(delete(Search).where(Search.number.in_(numbers)))
            pruned += len(numbers)
            if len(numbers) < ROWS_AT_ONCE:
                break
        if pruned:
            self._database.forget_removed()
        return pruned

    def erase(self, crop_id: str) -> int:
        """Put ``erased`` for a crop's id wherever it stands; return the number of rows changed."""
        columns = (Search.returned, Search.filters, Search.query)
        with self._database.writing() as session:
            names = or_(*(column.contains(crop_id, autoescape=True) for column in columns))
            numbers = session.scalars(select(Search.number).where(names)).all()
            session.execute(
                update(Search)
                .where(names)
                .values({column: func.replace(column, crop_id, ERASED) for column in columns})
            )
        self._database.forget_removed()
        return len(numbers)

    def holds(self, crop_id: str) -> bool:
        """Tell whether the id stands in a row, or anywhere in the files of an SQLite database."""
        columns = (Search.returned, Search.filters, Search.query)
        names = or_(*(column.contains(crop_id, autoescape=True) for column in columns))
        with self._database.reading() as session:
            if session.scalars(select(Search.number).where(names).limit(1)).first() is not None:
                return True
        file = self._database.file
        if file is None:
            return False
        beside = (file, file.with_name(f"{file.name}-wal"))
        return any(each.exists() and crop_id.encode() in each.read_bytes() for each in beside)
