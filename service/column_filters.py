"""Conditions on columns as JSON says them, and whether one crop meets them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import model_validator as check_together

from indexer.gallery import Condition, Crop, Filters
from models.errors import ConfigurationInvalid
from models.schema import Schema

VALUES_LIMIT = 1000
COLUMNS_LIMIT = 20

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
# The limit also makes pydantic refuse what cannot be encoded.
Name = Annotated[str, Field(max_length=1000)]
Bound = Whole | Number | Name
Value = bool | Whole | Number | Name
Values = Annotated[tuple[Value, ...], Field(min_length=1, max_length=VALUES_LIMIT)]

_TIME = TypeAdapter(datetime)
_TIMES = "captured_at"


class ColumnCondition(Schema):
    """What the value of one column must be; all that is given must hold."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"gte": "2026-03-14T08:00:00Z"}]})

    among: Values | None = Field(default=None, alias="in", description="it is one of these")
    not_among: Values | None = Field(
        default=None, alias="not_in", description="it is none of these; no value meets that too"
    )
    gte: Bound | None = Field(default=None, description="it is at least that, or not earlier")
    lt: Bound | None = Field(default=None, description="it is less, or earlier")
    exists: bool | None = Field(default=None, description="there is a value, or there is none")

    @check_together(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("a condition says nothing: give in, not_in, gte, lt or exists")
        return self


def _as_condition(given: object) -> object:
    """Let one value, or a list of values, stand for ``{"in": [...]}``."""
    if isinstance(given, list):
        return {"in": given}
    if isinstance(given, bool | int | float | str):
        return {"in": [given]}
    return given


_Wire = ColumnCondition | Value | Values

ColumnFilters = Annotated[
    dict[Name, Annotated[ColumnCondition, BeforeValidator(_as_condition, _Wire)]],
    Field(max_length=COLUMNS_LIMIT),
]


def filters_of(conditions: Mapping[str, ColumnCondition]) -> Filters:
    """Return the filters that conditions on columns are.

    Times are those of ``captured_at``, in ISO 8601; without an offset they are in UTC.

    Raises:
        ConfigurationInvalid: If a value of ``captured_at`` is no time.
    """
    return Filters(columns={name: _condition(name, each) for name, each in conditions.items()})


def meets(crop: Crop, filters: Filters) -> bool:
    """Say whether a crop meets all conditions, as the gallery's search would.

    The values must be of their columns' types, which a search with the filters has checked.
    """
    return all(_meets(_value(crop, name), each) for name, each in filters.columns.items())


def _condition(name: str, given: ColumnCondition) -> Condition:
    said: dict[str, object] = {
        "among": given.among,
        "not_among": given.not_among,
        "at_least": given.gte,
        "below": given.lt,
        "exists": given.exists,
    }
    if name == _TIMES:
        said = {key: _timed(value) for key, value in said.items()}
    elif any(isinstance(bound, str) for bound in (given.gte, given.lt)):
        raise ConfigurationInvalid(
            f"column {name!r} is compared with text by gte or lt: give numbers, or the values "
            "themselves with in"
        )
    # Not given and None are the same to a condition; only what is said is handed on.
    return Condition.model_validate({k: v for k, v in said.items() if v is not None})


def _timed(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_timed(each) for each in value)
    if value is None or isinstance(value, bool):
        return value
    try:
        time = _TIME.validate_python(value) if isinstance(value, str) else None
        utc = time and (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
    except (ValidationError, OverflowError):
        utc = None
    if utc is None:
        raise ConfigurationInvalid(
            f"column 'captured_at' is compared with {value!r}, which is no time: write ISO 8601, "
            "for example 2026-03-14T08:00:00+01:00"
        )
    return utc


def _value(crop: Crop, column: str) -> object:
    fixed = {
        "id": crop.id,
        "camera": crop.camera,
        _TIMES: crop.captured_at,
        "track_id": crop.track_id,
    }
    # The fixed columns win, as they do in the gallery.
    return fixed[column] if column in fixed else crop.extra.get(column)


def _meets(value: object, condition: Condition) -> bool:
    if condition.exists is not None and condition.exists != (value is not None):
        return False
    if condition.not_among is not None and value in condition.not_among:
        return False
    if condition.among is not None and (value is None or value not in condition.among):
        return False
    return _is_within(value, condition)


def _is_within(value: object, condition: Condition) -> bool:
    if condition.at_least is None and condition.below is None:
        return True
    if isinstance(value, datetime):
        low, high = condition.at_least, condition.below
        return (not isinstance(low, datetime) or value >= low) and (
            not isinstance(high, datetime) or value < high
        )
    if not isinstance(value, int | float):
        return False
    low, high = condition.at_least, condition.below
    return (not isinstance(low, int | float) or value >= low) and (
        not isinstance(high, int | float) or value < high
    )
