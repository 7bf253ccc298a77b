"""The crops of a generation, one row each, as an Arrow file that is read where it lies."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from indexer.crop_selection import matching_rows
from indexer.filters import Filters
from indexer.records import ColumnType, Crop
from models.errors import BundleDamaged

_ROWS_PER_BATCH = 8192
_FIELDS = (
    pa.field("id", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("content_sha256", pa.string(), nullable=False),
    pa.field("media_type", pa.string(), nullable=False),
    pa.field("size_bytes", pa.int64(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("height", pa.int32(), nullable=False),
    pa.field("camera", pa.string()),
    pa.field("captured_at", pa.timestamp("us", tz="UTC")),
    pa.field("track_id", pa.string()),
)
_EXTRA_TYPES = {
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
    """The rows of a written table, memory-mapped; safe to read from many threads."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            BundleDamaged: If it cannot be read or lacks a column.
        """
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (OSError, pa.ArrowException) as error:
            raise BundleDamaged(
                f"{path} cannot be read as an Arrow file: {error}. Build the index again."
            ) from error
        if table.schema.names[: len(_FIELDS)] != [field.name for field in _FIELDS]:
            raise BundleDamaged(f"{path} lacks columns of a crop table. Build the index again.")
        self._table = table
        self._batches: list[pa.RecordBatch] = table.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self.extra_names = tuple(table.schema.names[len(_FIELDS) :])
        self.size: int = table.num_rows
        ids = np.asarray(table.column("id").to_pylist(), dtype=np.bytes_)
        self._rows_by_id = np.argsort(ids, kind="stable")
        self._sorted_ids = ids[self._rows_by_id]

    def crop(self, row: int) -> Crop:
        """Return the crop of one row."""
        return self.crops(np.array([row]))[0]

    def crops(self, rows: npt.NDArray[np.int64]) -> list[Crop]:
        """Return the crops of some rows, in the order of ``rows``."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        found: dict[int, Crop] = {}
        for number in np.unique(numbers):
            places = np.flatnonzero(numbers == number)
            taken = self._batches[number].take(pa.array(rows[places] - self._starts[number]))
            crops = map(self._crop, taken.to_pylist())
            found.update(zip(places.tolist(), crops, strict=True))
        return [found[place] for place in range(len(rows))]

    def _crop(self, values: dict[str, Any]) -> Crop:
        extra = {name: values.pop(name) for name in self.extra_names}
        time: datetime | None = values.pop("captured_at")
        return Crop(captured_at=time and time.astimezone(UTC), extra=extra, **values)

    def matching(self, filters: Filters) -> npt.NDArray[np.int64]:
        """Return the rows that meet filters, in ascending order.

        Raises:
            ConfigurationInvalid: If there is no such column, or a value is not of its type.
        """
        return matching_rows(self._table, filters, self.extra_names)

    def ids_by_path(self) -> dict[str, str]:
        """Return the id of every crop by its path."""
        columns = (self._table.column(name).to_pylist() for name in ("path", "id"))
        return dict(zip(*columns, strict=True))

    def find(self, crop_id: str) -> tuple[int, Crop] | None:
        """Return row and crop of an id, or None."""
        place = int(np.searchsorted(self._sorted_ids, crop_id.encode(errors="replace")))
        if place == self.size:
            return None
        row = int(self._rows_by_id[place])
        crop = self.crop(row)
        return (row, crop) if crop.id == crop_id else None
