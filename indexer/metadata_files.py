"""Read the lines of a csv, jsonl or parquet file as they stand, with their numbers."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.records import ColumnType
from models.errors import MetadataInvalid

if TYPE_CHECKING:
    import _csv

FORMATS = (".csv", ".jsonl", ".parquet")
_ONE_A_LINE = 'write one {"path": ...} on each line'


@dataclass(frozen=True)
class SourceRow:
    """One line: where it stands (``line 3``, ``row 3``) and its values by column."""

    place: str
    values: dict[str, object]


@dataclass(frozen=True)
class SourceTable:
    """All lines of a metadata file; a column may be missing from a line of jsonl."""

    columns: tuple[str, ...]
    rows: tuple[SourceRow, ...]


def read_source(path: Path) -> SourceTable:
    """Read a metadata file; its suffix names its format.

    Raises:
        MetadataInvalid: If it is missing, of another format, or cannot be parsed.
    """
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise MetadataInvalid(
            f"metadata file {str(path)!r} has the suffix {path.suffix!r}: use {', '.join(FORMATS)}"
        )
    if not path.is_file():
        raise MetadataInvalid(
            f"metadata file {str(path)!r} is missing or no regular file: name an existing one"
        )
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise MetadataInvalid(
            f"metadata file {str(path)!r} is not UTF-8 at byte {error.start}: save it as UTF-8"
        ) from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise MetadataInvalid(f"metadata file {str(path)!r} cannot be read: {error}") from error


def _read_csv(path: Path) -> SourceTable:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        columns = tuple(name.strip() for name in next(lines, []))
        return SourceTable(columns, tuple(_csv_rows(path, lines, columns)))


def _csv_rows(path: Path, lines: "_csv.Reader", columns: tuple[str, ...]) -> Iterator[SourceRow]:
    begin = lines.line_num + 1  # not that of its end: a quoted name may contain line breaks
    for fields in lines:
        place, begin = f"line {begin}", lines.line_num + 1
        if not fields:
            continue
        if len(fields) != len(columns):
            raise MetadataInvalid(
                f"{path}, {place}: {len(fields)} values for {len(columns)} columns: "
                "quote values that contain a comma"
            )
        values = zip(columns, fields, strict=True)
        yield SourceRow(place, {name: text or None for name, text in values})


def _read_jsonl(path: Path) -> SourceTable:
    rows = []
    columns: dict[str, None] = {}  # a set in the order of first appearance
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                values = json_object(f"{path}, line {number}", line, _ONE_A_LINE)
                columns.update(dict.fromkeys(values))
                rows.append(SourceRow(f"line {number}", values))
    return SourceTable(tuple(columns), tuple(rows))


def json_object(where: str, text: str | bytes, remedy: str) -> dict[str, object]:
    """Parse one JSON object.

    Raises:
        MetadataInvalid: If it is none, or holds a key twice, NaN or an infinity.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MetadataInvalid(f"{where}: not a JSON object: {error}") from error
    if not isinstance(value, dict):
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise MetadataInvalid(f"{where}: {shown.strip()[:60]!r} is not a JSON object: {remedy}")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError(f"a key is there twice among {[key for key, _ in pairs]}")
    return values


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _read_parquet(path: Path) -> SourceTable:
    with pq.ParquetFile(path) as file:
        table = file.read()
    columns = tuple(str(name) for name in table.column_names)
    values = [
        plain_values(str(path), name, column)
        for name, column in zip(columns, table.columns, strict=True)
    ]
    rows = (
        SourceRow(f"row {number}", dict(zip(columns, row, strict=True)))
        for number, row in enumerate(zip(*values, strict=True), start=1)
    )
    return SourceTable(columns, tuple(rows))


def plain_type(where: str, name: str, kind: pa.DataType) -> ColumnType:
    """Return what ``plain_values`` of an Arrow column are.

    Raises:
        MetadataInvalid: If the column is of a type that has no plain values.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_boolean(kind):
        return "boolean"
    if _is_plain(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "text"
    raise MetadataInvalid(_unsupported(where, name, kind))


def plain_values(where: str, name: str, column: pa.Array | pa.ChunkedArray) -> list[object]:
    """Return one column as str, int, float, bool or None; times become ISO-8601 text.

    Raises:
        MetadataInvalid: If the column is of another type.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_timestamp(kind):
        # An offset is kept as UTC; a time without one stays without.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        return [None if time is None else time.isoformat() for time in column.to_pylist()]
    if pa.types.is_date(kind):
        return [None if day is None else day.isoformat() for day in column.to_pylist()]
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_finite(column), column, None)
    elif not _is_plain(kind):
        raise MetadataInvalid(_unsupported(where, name, kind))
    plain: list[object] = column.to_pylist()
    return plain


def _unsupported(where: str, name: str, kind: pa.DataType) -> str:
    return (
        f"{where}, column {name!r}: type {kind} is not supported: "
        "use text, integers, floats, booleans, dates or timestamps"
    )


def _is_plain(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)
