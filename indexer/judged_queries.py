"""Descriptions with the crops that fit them, as a user judged them.

A file of them is jsonl (``{"text": ..., "relevant": [...]}`` a line), JSON (a list of such), or
csv (``text,relevant``, one line for each pair). Crops are named by their id or by their path.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from models.errors import MetadataInvalid, first_few
from models.schema import Schema

FORMATS = (".jsonl", ".json", ".csv")


class JudgedQuery(Schema):
    """A description and the ids or paths of the crops that fit it."""

    text: str = Field(min_length=1)
    relevant: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    place: str
    value: object


_QUERY = TypeAdapter(JudgedQuery)


def read_judged_queries(path: Path) -> list[JudgedQuery]:
    """Read a file of judged queries; its suffix names its format.

    Raises:
        MetadataInvalid: If it is missing, of another format, damaged, or holds no query.
    """
    readers = {".jsonl": _lines, ".json": _list, ".csv": _pairs}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise MetadataInvalid(
            f"queries {str(path)!r} have the suffix {path.suffix!r}: use {', '.join(FORMATS)}"
        )
    try:
        entries = list(reader(path))
    except UnicodeDecodeError as error:
        raise MetadataInvalid(
            f"queries {str(path)!r} are not UTF-8 at byte {error.start}: save them as UTF-8"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise MetadataInvalid(f"queries {str(path)!r} cannot be read: {error}") from error
    queries = [_validated(path, entry) for entry in entries]
    if not queries:
        raise MetadataInvalid(f"queries {str(path)!r} hold none: give text and relevant crops")
    return queries


def _validated(path: Path, entry: _Entry) -> JudgedQuery:
    try:
        return _QUERY.validate_python(entry.value, strict=False)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the entry"
        raise MetadataInvalid(
            f"queries {str(path)!r}, {entry.place}: {where}: {problem['msg']}. "
            'Give {"text": "a description", "relevant": ["id or path", ...]}'
        ) from error


def _lines(path: Path) -> Iterator[_Entry]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.strip():
            yield _Entry(f"line {number}", json.loads(line))


def _list(path: Path) -> Iterator[_Entry]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, list):
        raise ValueError("it is no list of queries")  # noqa: TRY004 - of the file's content
    for number, value in enumerate(content, start=1):
        yield _Entry(f"entry {number}", value)


def _pairs(path: Path) -> Iterator[_Entry]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        columns = tuple(reader.fieldnames or ())
        if set(columns) != {"text", "relevant"}:
            raise ValueError(f"its columns are {first_few(columns)}, not text, relevant")
        relevant: dict[str, list[str]] = {}
        for row in reader:
            relevant.setdefault(row["text"], []).append(row["relevant"])
    for text, crops in relevant.items():
        yield _Entry(f"query {text!r}", {"text": text, "relevant": crops})
