"""Crops, one row each, as Arrow files that are read where they lie."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from indexer.crop_selection import matching_rows
from indexer.filters import Filters
from indexer.records import ColumnType, Crop
from models.errors import BundleDamaged, ConfigurationInvalid

Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]

_ROWS_PER_BATCH = 8192
_ID_PREFIX = 16  # hexadecimal digits: as many as 64 bits hold
_FIELDS = (
    pa.field("id", pa.string(), nullable=False),
    pa.field("root", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("other_paths", pa.list_(pa.string()), nullable=False),
    pa.field("content_sha256", pa.string(), nullable=False),
    pa.field("media_type", pa.string(), nullable=False),
    pa.field("size_bytes", pa.int64(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("height", pa.int32(), nullable=False),
    pa.field("camera", pa.string()),
    pa.field("captured_at", pa.timestamp("us", tz="UTC")),
    pa.field("track_id", pa.string()),
)
_EXTRA_TYPES: Mapping[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


class CropTableWriter:
    """Appends crops; ``extra_types`` names the free metadata columns."""

    def __init__(self, path: Path, extra_types: Mapping[str, ColumnType]) -> None:
        extras = [pa.field(name, _EXTRA_TYPES[kind]) for name, kind in extra_types.items()]
        self._schema = pa.schema([*_FIELDS, *extras])
        self._sink = path.open("wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        self._pending: list[dict[str, object]] = []

    def append(self, crop: Crop) -> None:
        """Add the next row."""
        fields = {field.name: getattr(crop, field.name) for field in _FIELDS}
        self._pending.append({**fields, **crop.extra})
        if len(self._pending) == _ROWS_PER_BATCH:
            self._write_batch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._pending:
            self._write_batch()
        self._writer.close()
        self._sink.close()

    def _write_batch(self) -> None:
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._pending, self._schema))
        self._pending.clear()


class CropTable:
    """The rows of one or more written tables, memory-mapped; safe to read from many threads."""

    def __init__(self, *paths: Path, deleted: Int64Array | None = None) -> None:
        """Open the files.

        Args:
            paths: Their rows follow each other; a column that one lacks has no values there.
            deleted: Rows that no search and no lookup finds, in ascending order.

        Raises:
            BundleDamaged: If one cannot be read or lacks a column.
        """
        table = joined([_read(path) for path in paths])
        self._table = table
        self._batches: list[pa.RecordBatch] = table.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self.extra_names = tuple(table.schema.names[len(_FIELDS) :])
        self.size: int = table.num_rows
        self.deleted = np.zeros(0, np.int64) if deleted is None else deleted
        self._lock = threading.Lock()
        self._rows_by_id: tuple[UInt64Array, Int64Array] | None = None

    @property
    def extra_types(self) -> dict[str, ColumnType]:
        """The types of the free metadata columns."""
        names: dict[pa.DataType, ColumnType] = {kind: name for name, kind in _EXTRA_TYPES.items()}
        return {name: names[self._table.schema.field(name).type] for name in self.extra_names}

    @property
    def rows(self) -> Int64Array:
        """The rows that are not deleted, in ascending order."""
        return np.delete(np.arange(self.size), self.deleted)

    def crop(self, row: int) -> Crop:
        """Return the crop of one row."""
        return self.crops(np.array([row]))[0]

    def crops(self, rows: Int64Array) -> list[Crop]:
        """Return the crops of some rows, in the order of ``rows``."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        found: dict[int, Crop] = {}
        for number in np.unique(numbers):
            places = np.flatnonzero(numbers == number)
            taken = self._batches[number].take(pa.array(rows[places] - self._starts[number]))
            crops = map(self._crop, taken.to_pylist())
            found.update(zip(places.tolist(), crops, strict=True))
        return [found[place] for place in range(len(rows))]

    def each(self) -> Iterator[tuple[int, Crop]]:
        """Yield row and crop of everything that is not deleted, in ascending order."""
        gone = set(self.deleted.tolist())
        row = 0
        for batch in self._batches:
            for values in batch.to_pylist():
                if row not in gone:
                    yield row, self._crop(values)
                row += 1

    def content_digests(self) -> list[str]:
        """Return the SHA-256 of the content of every row, deleted ones included."""
        digests: list[str] = self._table.column("content_sha256").to_pylist()
        return digests

    def matching(self, filters: Filters) -> Int64Array:
        """Return the rows that meet filters and are not deleted, in ascending order.

        Raises:
            ConfigurationInvalid: If there is no such column, or a value is not of its type.
        """
        rows = matching_rows(self._table, filters, self.extra_names)
        return np.setdiff1d(rows, self.deleted, assume_unique=True) if len(self.deleted) else rows

    def ids_of(self, rows: Int64Array) -> list[str]:
        """Return the ids of some rows, in the order of ``rows``."""
        ids: list[str] = self._table.column("id").take(pa.array(rows)).to_pylist()
        return ids

    def rows_of(self, ids: Sequence[str]) -> Int64Array:
        """Return the row of every id ``(n,)``, -1 where there is none."""
        numbers, rows = self._by_id()
        asked = np.array([int(each[:_ID_PREFIX], 16) for each in ids], np.uint64)
        places = np.searchsorted(numbers, asked)
        inside = np.minimum(places, max(0, len(numbers) - 1))
        there = np.zeros(len(asked), bool) if not len(numbers) else numbers[inside] == asked
        found = np.full(len(asked), -1, np.int64)
        found[there] = rows[inside[there]]
        return found

    def with_paths(self, root: str, paths: Sequence[str]) -> Int64Array:
        """Return the rows, in ascending order, whose file is one of these below a root."""
        wanted = pa.array(paths, pa.string())
        same = pc.and_(
            pc.is_in(self._table.column("path"), value_set=wanted),
            pc.equal(self._table.column("root"), root),
        )
        return np.setdiff1d(np.flatnonzero(np.asarray(same)), self.deleted)

    def ids_by_path(self) -> dict[str, str]:
        """Return the id of every crop by each of its paths."""
        return {path: crop.id for _, crop in self.each() for path in (crop.path, *crop.other_paths)}

    def find(self, crop_id: str) -> tuple[int, Crop] | None:
        """Return row and crop of an id, or None."""
        try:
            number = np.uint64(int(crop_id[:_ID_PREFIX], 16))
        except (ValueError, OverflowError):  # no id at all
            return None
        numbers, rows = self._by_id()
        place = int(np.searchsorted(numbers, number))
        while place < len(numbers) and numbers[place] == number:
            crop = self.crop(int(rows[place]))
            if crop.id == crop_id:
                return int(rows[place]), crop
            place += 1
        return None

    def _by_id(self) -> tuple[UInt64Array, Int64Array]:
        """Return the beginnings of all ids as numbers, sorted, and their rows; made when asked."""
        with self._lock:
            if self._rows_by_id is None:
                starts = pc.utf8_slice_codeunits(self._table.column("id"), 0, _ID_PREFIX)
                rows = self.rows
                numbers = _numbers_of_hex(starts)[rows]
                order = np.argsort(numbers, kind="stable")
                self._rows_by_id = (numbers[order], rows[order])
            return self._rows_by_id

    def _crop(self, values: dict[str, Any]) -> Crop:
        extra = {name: values.pop(name) for name in self.extra_names}
        time: datetime | None = values.pop("captured_at")
        others = tuple(values.pop("other_paths"))
        return Crop(
            captured_at=time and time.astimezone(UTC), other_paths=others, extra=extra, **values
        )


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables below each other; a column that one lacks is empty there.

    Raises:
        ConfigurationInvalid: If a column is of another type in another table.
    """
    if not tables:
        return pa.schema(_FIELDS).empty_table()
    try:
        return pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise ConfigurationInvalid(
            f"the crops cannot be put below those already indexed: {error}. Give the column the "
            "type it has there, or another name"
        ) from error


def _read(path: Path) -> pa.Table:
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException) as error:
        raise BundleDamaged(
            f"{path} cannot be read as an Arrow file: {error}. Build the index again."
        ) from error
    if table.schema.names[: len(_FIELDS)] != [field.name for field in _FIELDS]:
        raise BundleDamaged(f"{path} lacks columns of a crop table. Build the index again.")
    return table


def _numbers_of_hex(texts: pa.ChunkedArray) -> UInt64Array:
    """Return the numbers ``(n,)`` that texts of 16 hexadecimal digits are."""
    parts = [np.zeros(0, np.uint64)]
    for chunk in texts.chunks:
        fixed = chunk.cast(pa.binary()).cast(pa.binary(_ID_PREFIX))
        size = (fixed.offset + len(fixed)) * _ID_PREFIX
        digits = np.frombuffer(fixed.buffers()[1], np.uint8, size)[fixed.offset * _ID_PREFIX :]
        digits = digits.reshape(-1, _ID_PREFIX)
        values = np.where(digits >= ord("a"), digits - ord("a") + 10, digits - ord("0"))
        numbers = np.zeros(len(values), np.uint64)
        for column in range(_ID_PREFIX):
            numbers = numbers << np.uint64(4) | values[:, column].astype(np.uint64)
        parts.append(numbers)
    return np.concatenate(parts)
