"""A user's own crops: a folder of images, and a table with a line for each caption.

The table (csv, jsonl or parquet) has the columns ``path`` (of the image), ``caption``,
``person_id`` and ``split`` (train, val or test); further columns are not read. Several lines of
one path are several captions of it.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import MetadataInvalid
from training.datasets.annotation_files import (
    TABLE_FORMATS,
    Table,
    TableRow,
    fault_of_path,
    find_annotations,
    is_unicode,
    read_table,
    shown,
)
from training.datasets.captioned_crops import (
    SPLITS,
    Annotations,
    CaptionedCrop,
    CaptionedCrops,
    Counts,
    PersonId,
    Split,
)

NAME = "captioned folder"
COLUMNS = ("path", "caption", "person_id", "split")
PUBLISHED_COUNTS: Mapping[Split, Counts] = {}
"""Nobody has published a user's own data."""

_DIGITS = 18  # as many as any 64-bit number can have
_TABLE_NAMES = tuple(f"captions{suffix}" for suffix in TABLE_FORMATS)


@dataclass(frozen=True)
class _Line:
    """A line in which nothing is wrong."""

    place: str
    path: str
    caption: str
    person_id: PersonId
    split: Split


@dataclass
class _Gathered:
    """The lines of one path."""

    first: _Line
    captions: list[str] = field(default_factory=list)


def survey(root: Path, *, images: Path | None = None) -> Annotations:
    """Read what can be read, and name what cannot.

    Raises:
        MetadataInvalid: If there is no such table, or it lacks a column or has no line.
    """
    source = find_annotations((root,), _TABLE_NAMES) if root.is_dir() else root
    table = read_table(source)
    _check_columns(source, table)
    problems = list(table.problems)
    lines = []
    for row in table.rows:
        line, faults = _line(row)
        problems += [f"{row.place}, {fault}" for fault in faults]
        if line is not None:
            lines.append(line)
    crops = _gather(_with_ids_of_one_kind(lines), problems)
    return Annotations(
        crops=CaptionedCrops(NAME, source.parent if images is None else images, **crops),
        source=source,
        problems=tuple(problems),
    )


def read(root: Path, *, images: Path | None = None) -> CaptionedCrops:
    """Read a table of captions.

    Args:
        root: The table, or a folder with ``captions.csv``, ``.jsonl`` or ``.parquet``.
        images: What paths are relative to; by default the table's folder.

    Raises:
        MetadataInvalid: If there is no such table, it lacks a column, or any line cannot be used;
            the message names line and column.
    """
    return survey(root, images=images).whole()


def _check_columns(source: Path, table: Table) -> None:
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise MetadataInvalid(
            f"{source} has no column {', '.join(map(repr, missing))}, only {list(table.columns)}: "
            f"a line needs {', '.join(COLUMNS)}"
        )
    twice = sorted({name for name in COLUMNS if table.columns.count(name) > 1})
    if twice:
        raise MetadataInvalid(f"{source}: column {twice[0]!r} is there twice: rename one of them")
    if not table.rows and not table.problems:
        raise MetadataInvalid(f"{source} has no line: add one for each caption")


def _line(row: TableRow) -> tuple[_Line | None, list[str]]:
    faults: list[str] = []
    path = _text(row, "path", faults)
    fault = None if path is None else fault_of_path(path)
    if fault is not None:
        faults.append(f"column 'path': {fault}")
    caption = _text(row, "caption", faults)
    person_id = _person_id(row, faults)
    split = _split(row, faults)
    if faults or path is None or caption is None or person_id is None or split is None:
        return None, faults
    return _Line(row.place, posixpath.normpath(path), caption, person_id, split), []


def _text(row: TableRow, column: str, faults: list[str]) -> str | None:
    value = row.values.get(column)
    if isinstance(value, str) and value.strip() and is_unicode(value):
        return value
    empty = value is None or (isinstance(value, str) and not value.strip())
    faults.append(f"column {column!r}: {'empty' if empty else f'{shown(value)} is not text'}")
    return None


def _person_id(row: TableRow, faults: list[str]) -> PersonId | None:
    value = row.values.get("person_id")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None or isinstance(value, str):
        return _text(row, "person_id", faults)
    faults.append(f"column 'person_id': {shown(value)} is neither text nor an integer")
    return None


def _split(row: TableRow, faults: list[str]) -> Split | None:
    value = row.values.get("split")
    for split in SPLITS:
        if value == split:
            return split
    what = "empty" if value is None else f"{shown(value)} is no split"
    faults.append(f"column 'split': {what}: use train, val or test")
    return None


def _with_ids_of_one_kind(lines: list[_Line]) -> Iterator[_Line]:
    """Yield the lines with numbers for person ids, or with text where one of them is no number.

    ``7`` and ``007`` are two people: such ids stay text.
    """
    all_numbers = all(_is_number(line.person_id) for line in lines)
    for line in lines:
        person_id = int(line.person_id) if all_numbers else str(line.person_id)
        yield _Line(line.place, line.path, line.caption, person_id, line.split)


def _is_number(person_id: PersonId) -> bool:
    if isinstance(person_id, int):
        return True
    digits = person_id.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        return False
    return str(int(person_id)) == person_id


def _gather(lines: Iterator[_Line], problems: list[str]) -> dict[Split, tuple[CaptionedCrop, ...]]:
    """Return the crops by split, in the order of their first lines."""
    gathered: dict[str, _Gathered] = {}
    for line in lines:
        crop = gathered.setdefault(line.path, _Gathered(line))
        faults = list(_contradictions(line, crop.first))
        problems += faults
        if not faults:
            crop.captions.append(line.caption)
    return {
        split: tuple(
            CaptionedCrop(crop.first.path, crop.first.person_id, tuple(crop.captions))
            for crop in gathered.values()
            if crop.first.split == split
        )
        for split in SPLITS
    }


def _contradictions(line: _Line, first: _Line) -> Iterator[str]:
    pairs = (
        ("person_id", line.person_id, first.person_id),
        ("split", line.split, first.split),
    )
    for column, value, before in pairs:
        if value != before:
            yield (
                f"{line.place}, column {column!r}: {shown(value)}, but {line.path} has "
                f"{shown(before)} in {first.place}: an image has one {column}"
            )
