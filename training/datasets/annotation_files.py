"""Read annotation files as they stand: JSON lists, and tables of csv, jsonl or parquet."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import MetadataInvalid

TABLE_FORMATS = (".csv", ".jsonl", ".parquet")
_SHOWN = 60


@dataclass(frozen=True)
class TableRow:
    """One line: where it stands (``line 3``, ``row 3``) and its values by column."""

    place: str
    values: dict[str, object]


@dataclass(frozen=True)
class Table:
    """The lines of a table that could be read, and what is wrong with the others."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    problems: tuple[str, ...]


def find_annotations(folders: Sequence[Path], names: Sequence[str]) -> Path:
    """Return the first file there is of some names in some folders.

    Raises:
        MetadataInvalid: If there is none.
    """
    candidates = [folder / name for folder in folders for name in names]
    for path in candidates:
        if path.is_file():
            return path
    raise MetadataInvalid(
        f"found no annotations: none of {', '.join(map(str, candidates))} is a file; "
        "name the folder that the data set was unpacked into"
    )


def read_json_list(path: Path) -> list[object]:
    """Read a JSON file that holds a list of records.

    Raises:
        MetadataInvalid: If it is missing, no JSON, no list, or an empty one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise MetadataInvalid(f"{path} is missing: name an existing annotation file") from error
    except UnicodeDecodeError as error:
        raise MetadataInvalid(
            f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        raise MetadataInvalid(
            f"{path} is not JSON: {error}; it may be damaged or a page saved in its place: "
            "download it again"
        ) from error
    except OSError as error:
        raise MetadataInvalid(f"{path} cannot be read: {error}") from error
    if not isinstance(content, list):
        raise MetadataInvalid(
            f"{path} holds a JSON {type(content).__name__}, not a list of records: "
            "name the file of annotations"
        )
    if not content:
        raise MetadataInvalid(f"{path} holds no record at all: name the file of annotations")
    return content


def read_table(path: Path) -> Table:
    """Read a table; its suffix names its format.

    Raises:
        MetadataInvalid: If it is missing, of another format, or cannot be read at all.
    """
    if not path.exists():
        raise MetadataInvalid(f"{path} is missing: name an existing table")
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise MetadataInvalid(
            f"{path} has the suffix {path.suffix!r}: use {', '.join(TABLE_FORMATS)}"
        )
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise MetadataInvalid(
            f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8"
        ) from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise MetadataInvalid(f"{path} cannot be read: {error}") from error


def shown(value: object) -> str:
    """Return a value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _read_csv(path: Path) -> Table:
    rows, problems = [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        columns = tuple(name.strip() for name in next(lines, []))
        begin = lines.line_num + 1  # not that of its end: a quoted caption may hold line breaks
        for fields in lines:
            place, begin = f"line {begin}", lines.line_num + 1
            if len(fields) == len(columns):
                values = zip(columns, fields, strict=True)
                rows.append(TableRow(place, {name: text or None for name, text in values}))
            elif fields:
                problems.append(
                    f"{place}: {len(fields)} values for {len(columns)} columns: "
                    "quote captions that contain a comma"
                )
    return Table(columns, tuple(rows), tuple(problems))


def _read_jsonl(path: Path) -> Table:
    rows, problems = [], []
    columns: dict[str, None] = {}  # a set in the order of first appearance
    with path.open(encoding="utf-8-sig") as file:
        for place, line in _lines(file):
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.append(f"{place}: not JSON: {error}")
                continue
            if isinstance(values, dict):
                columns.update(dict.fromkeys(values))
                rows.append(TableRow(place, values))
            else:
                problems.append(f"{place}: {shown(values)} is not a JSON object")
    return Table(tuple(columns), tuple(rows), tuple(problems))


def _lines(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield f"line {number}", line


def _read_parquet(path: Path) -> Table:
    with pq.ParquetFile(path) as file:
        table = file.read()
    rows = (
        TableRow(f"row {number}", {str(name): value for name, value in values.items()})
        for number, values in enumerate(table.to_pylist(), start=1)
    )
    return Table(tuple(map(str, table.column_names)), tuple(rows), ())


def is_unicode(text: str) -> bool:
    """Return whether a text can be written as UTF-8; half a character in JSON cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def fault_of_path(path: str) -> str | None:
    """Return what keeps a path from being a crop's, relative to the image root; None if nothing."""
    if not path or "\0" in path or not is_unicode(path):
        return f"{shown(path)} is no file name"
    if path.startswith("/") or ".." in path.split("/"):
        return f"{shown(path)} is absolute or contains '..': give it relative to the image root"
    return None
