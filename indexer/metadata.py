"""What a user says about the crops beside their pixels: camera, time, track, free columns."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.metadata_files import SourceRow, read_source
from indexer.records import ColumnType, JsonScalar
from models.errors import MetadataInvalid

KNOWN_COLUMNS = ("path", "camera", "captured_at", "track_id")
RESERVED_COLUMNS = frozenset(
    {
        *("id", "content_sha256", "media_type", "size_bytes", "width", "height"),
        *("rank", "score", "crop_url", "thumbnail_url", "extra"),
    }
)
_TIME_REMEDY = "write it as 2024-05-01T17:30:00+02:00 (without an offset it is UTC)"
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class CropMetadata:
    """The metadata of one crop; ``captured_at`` is in UTC."""

    camera: str | None
    captured_at: datetime | None
    track_id: str | None
    extra: Mapping[str, JsonScalar]


@dataclass(frozen=True)
class Metadata:
    """A valid metadata file: the crops by relative path, and the types of its free columns."""

    columns: tuple[str, ...]
    crops: Mapping[str, CropMetadata]
    extra_types: Mapping[str, ColumnType]


NO_METADATA = Metadata((), {}, {})


def read_metadata(path: Path) -> Metadata:
    """Read a csv, jsonl or parquet file with a line for each crop.

    ``path`` is relative to the crops folder; ``captured_at`` is ISO-8601, and in UTC where it has
    no offset. A free column is text (always, in csv), integers, numbers or booleans.

    Raises:
        MetadataInvalid: If the file cannot be read, lacks a column or holds a bad value; the
            message names file, line and value.
    """
    source = read_source(path)
    if "path" not in source.columns:
        raise MetadataInvalid(
            f"{path} has no column 'path', only {list(source.columns)}: "
            "add the path of each crop, relative to the crops folder"
        )
    check_columns(str(path), source.columns)
    extra_types = column_types(str(path), source.columns, source.rows)
    crops: dict[str, CropMetadata] = {}
    places: dict[str, str] = {}
    for row in source.rows:
        where = f"{path}, {row.place}"
        relative = crop_path(where, row.values.get("path"))
        if relative in crops:
            raise MetadataInvalid(
                f"{where}: path {relative!r} is already in {places[relative]}: keep one of them"
            )
        places[relative] = row.place
        crops[relative] = crop_metadata(where, row.values, extra_types)
    return Metadata(source.columns, crops, extra_types)


def check_columns(where: str, columns: Sequence[str]) -> None:
    """Refuse columns that have no name of their own.

    Raises:
        MetadataInvalid: If a name is empty, there twice, or that of a field of the index.
    """
    for name in columns:
        if not name or columns.count(name) > 1:
            raise MetadataInvalid(f"{where}: column {name!r} is empty or there twice: rename it")
        if name in RESERVED_COLUMNS:
            raise MetadataInvalid(
                f"{where}: column {name!r} would hide a field of the index itself: rename it"
            )


def column_types(
    where: str, columns: Iterable[str], rows: Sequence[SourceRow]
) -> dict[str, ColumnType]:
    """Return the one type that holds every value, for each free column.

    Raises:
        MetadataInvalid: If a column mixes types, or holds what no column can.
    """
    return {name: _column_type(where, name, rows) for name in columns if name not in KNOWN_COLUMNS}


def _column_type(where: str, name: str, rows: Sequence[SourceRow]) -> ColumnType:
    found: ColumnType | None = None
    for row in rows:
        value = row.values.get(name)
        if value is None:
            continue
        kind = _value_type(f"{where}, {row.place}", name, value)
        if found is None or {found, kind} == {"integer", "number"}:
            found = kind if found is None else "number"
        elif found != kind:
            raise MetadataInvalid(
                f"{where}, {row.place}: column {name!r} holds {value!r} ({kind}) "
                f"where earlier lines hold {found}: use one type for a column"
            )
    return found or "text"


def require_types(
    where: str, values: Mapping[str, object], extra_types: Mapping[str, ColumnType]
) -> None:
    """Check the free values of one crop against the types its source has.

    Raises:
        MetadataInvalid: If a column is unknown, or a value is of another type than its column.
    """
    for name, value in values.items():
        if name in KNOWN_COLUMNS or value is None:
            continue
        if name not in extra_types:
            raise MetadataInvalid(
                f"{where}: column {name!r} is not among those of the source, "
                f"{sorted(extra_types)}: give every crop the same columns"
            )
        kind, expected = _value_type(where, name, value), extra_types[name]
        if kind != expected and (kind, expected) != ("integer", "number"):
            raise MetadataInvalid(
                f"{where}: column {name!r} holds {str(value)[:60]!r} ({kind}) in a column "
                f"of type {expected}: use one type for a column"
            )


def _value_type(where: str, name: str, value: object) -> ColumnType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) and value in _INT64:
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str) and _is_unicode(value):
        return "text"
    raise MetadataInvalid(
        f"{where}: column {name!r} holds {str(value)[:60]!r}: "
        "use text, a 64-bit integer, a number, true, false or null"
    )


def crop_path(where: str, value: object) -> str:
    """Return a relative path in its shortest form.

    Raises:
        MetadataInvalid: If it is no text, empty, absolute, or leads upwards.
    """
    if not isinstance(value, str) or not value or not _is_unicode(value) or "\0" in value:
        raise MetadataInvalid(f"{where}: path {value!r} is no file name: give a relative path")
    if value.startswith("/") or ".." in value.split("/"):
        raise MetadataInvalid(
            f"{where}: path {value!r} is absolute or contains '..': "
            "give it relative to the crops folder"
        )
    return posixpath.normpath(value)


def crop_metadata(
    where: str, values: Mapping[str, object], extra_types: Mapping[str, ColumnType]
) -> CropMetadata:
    """Return the metadata of one crop, whose free values are of ``extra_types``.

    Raises:
        MetadataInvalid: If camera, time or track cannot be read.
    """
    return CropMetadata(
        camera=_label(where, "camera", values.get("camera")),
        captured_at=_time(where, values.get("captured_at")),
        track_id=_label(where, "track_id", values.get("track_id")),
        extra={name: _extra(values.get(name), kind) for name, kind in extra_types.items()},
    )


def _extra(value: object, kind: ColumnType) -> JsonScalar:
    if isinstance(value, int) and kind == "number":
        return float(value)
    return value if isinstance(value, str | int | float | bool) else None


def _label(where: str, name: str, value: object) -> str | None:
    """Return text as it is and an integer as its digits.

    Raises:
        MetadataInvalid: If the value is neither.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise MetadataInvalid(f"{where}: {name} {value!r} is neither text nor an integer")
    text = str(value)
    if not _is_unicode(text):
        raise MetadataInvalid(f"{where}: {name} {text!r} is not Unicode text")
    return text


def _time(where: str, value: object) -> datetime | None:
    if value is None or value == "":
        return None
    where = f"{where}: captured_at {value!r}"
    if not isinstance(value, str):
        raise MetadataInvalid(f"{where} is no text: {_TIME_REMEDY}")
    try:
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MetadataInvalid(f"{where} is no ISO-8601 time: {_TIME_REMEDY}") from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as "\ud800" in JSON
        return False
    return True
