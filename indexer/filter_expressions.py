"""Filters as they are written on a command line: ``camera=c1,c2``, ``captured_at<2024-05-01``."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from indexer.filters import Condition, Filters, FilterValue
from indexer.records import ColumnType
from models.errors import ConfigurationInvalid

_EXPRESSION = re.compile(r"(?P<column>[^=!<>?]+?)(?P<sign>!=|>=|=|<|!\?|\?)(?P<values>.*)", re.S)
_AGE = re.compile(r"(?P<count>[0-9]+)(?P<unit>[dh])")
_KINDS: Mapping[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}
_HOW = (
    "write COLUMN=A,B (one of these), COLUMN!=A,B (none of these), COLUMN>=A, COLUMN<A, COLUMN? "
    "(has a value) or COLUMN!? (has none)"
)


def parse_filters(
    expressions: Sequence[str], extra_types: Mapping[str, ColumnType]
) -> Filters | None:
    """Return the filters that all expressions together are; None for none.

    Args:
        expressions: One condition each; several of one column must all hold.
        extra_types: The types of the free metadata columns.

    Raises:
        ConfigurationInvalid: If one cannot be read, or holds no value of its column's type.
    """
    if not expressions:
        return None
    found: dict[str, dict[str, object]] = {}
    for expression in expressions:
        matched = _EXPRESSION.fullmatch(expression)
        if matched is None:
            raise ConfigurationInvalid(f"{expression!r} is no condition: {_HOW}")
        column, sign, text = matched.group("column", "sign", "values")
        if ("?" in sign) == bool(text):
            raise ConfigurationInvalid(f"{expression!r} is no condition: {_HOW}")
        kind = _kind(column, extra_types)
        said, before = _said(expression, sign, text, kind), found.setdefault(column, {})
        if said.keys() & before.keys():
            raise ConfigurationInvalid(
                f"{expression!r} says of column {column!r} what another condition says already: "
                "name all values in one, as in camera=c1,c2"
            )
        before.update(said)
    return Filters(columns={name: Condition.model_validate(said) for name, said in found.items()})


def parse_age(text: str, now: datetime) -> datetime:
    """Return the moment that ``30d``, ``12h`` (before now) or an ISO-8601 time names.

    Raises:
        ConfigurationInvalid: If it is none of them.
    """
    matched = _AGE.fullmatch(text)
    try:
        if matched is not None:
            count = int(matched["count"])
            days = timedelta(days=count) if matched["unit"] == "d" else timedelta(hours=count)
            return now - days
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationInvalid(
            f"{text!r} is no age and no time: write 30d, 12h, or 2024-05-01T17:30:00+02:00"
        ) from error


def _kind(column: str, extra_types: Mapping[str, ColumnType]) -> type:
    return datetime if column == "captured_at" else _KINDS[extra_types.get(column, "text")]


def _said(expression: str, sign: str, text: str, kind: type) -> dict[str, object]:
    if sign == "?":
        return {"exists": True}
    if sign == "!?":
        return {"exists": False}
    if sign in (">=", "<"):
        return {"at_least" if sign == ">=" else "below": _value(expression, text, kind)}
    values = [_value(expression, part, kind) for part in text.split(",")]
    return {"among" if sign == "=" else "not_among": values}


def _value(expression: str, text: str, kind: type) -> FilterValue:
    if kind is datetime:
        return parse_age(text, datetime.now(UTC))
    try:
        value: FilterValue = TypeAdapter(kind).validate_strings(text)
    except ValidationError as error:
        raise ConfigurationInvalid(
            f"{expression!r} compares with {text!r}, where the column holds {kind.__name__}"
        ) from error
    return value
