"""Find the rows of a crop table that meet conditions, column by column."""

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from indexer.filters import Condition, Filters
from models.errors import ConfigurationInvalid, first_few

FILTERED_COLUMNS = ("id", "camera", "captured_at", "track_id")
"""Beside those of the metadata file."""


def matching_rows(
    table: pa.Table, filters: Filters, extra_names: tuple[str, ...]
) -> npt.NDArray[np.int64]:
    """Return the rows that meet every condition, in ascending order.

    Args:
        table: The crops.
        filters: The conditions.
        extra_names: The columns of the metadata file.

    Raises:
        ConfigurationInvalid: If there is no such column, or a value is not of its type.
    """
    known = (*FILTERED_COLUMNS, *extra_names)
    kept = np.ones(table.num_rows, bool)
    for name, condition in filters.columns.items():
        if name not in known:
            raise ConfigurationInvalid(
                f"there is no column {name!r} to filter by: the gallery has {', '.join(known)}"
            )
        column = table.column(name)
        _check_values(name, column.type, condition)
        kept &= _meets(column, condition)
    return np.flatnonzero(kept)


def _meets(column: pa.ChunkedArray, condition: Condition) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(column), bool)
    if condition.among is not None:
        kept &= _is_in(column, condition.among)
    if condition.not_among is not None:
        kept &= ~_is_in(column, condition.not_among)
    if condition.at_least is not None:
        kept &= _as_mask(pc.greater_equal(column, _scalar(condition.at_least, column.type)))
    if condition.below is not None:
        kept &= _as_mask(pc.less(column, _scalar(condition.below, column.type)))
    if condition.exists is not None:
        kept &= _as_mask(pc.is_valid(column)) == condition.exists
    return kept


def _is_in(column: pa.ChunkedArray, values: tuple[object, ...]) -> npt.NDArray[np.bool_]:
    kind = column.type
    if pa.types.is_integer(kind):
        values = tuple(value for value in values if _is_possible(value))
    wanted = pa.array([_converted(value, kind) for value in values], kind)
    return _as_mask(pc.is_in(column, value_set=wanted))


def _is_possible(value: object) -> bool:
    """Say whether a whole number of 64 bits can equal a number."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and -(2**63) <= value < 2**63  # type: ignore[operator]  # a number, as checked


def _as_mask(answer: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    # What is compared with nothing is neither true nor false.
    return np.asarray(answer.fill_null(fill_value=False)).astype(bool)


def _scalar(value: float | datetime, kind: pa.DataType) -> pa.Scalar:
    comparable = _comparable(kind)
    return pa.scalar(_converted(value, comparable), comparable)


def _comparable(kind: pa.DataType) -> pa.DataType:
    # A bound of 2.5 on whole numbers is compared as it is.
    return pa.float64() if pa.types.is_integer(kind) else kind


def _converted(value: object, kind: pa.DataType) -> object:
    if pa.types.is_floating(kind) and isinstance(value, int):
        return float(value)
    if pa.types.is_integer(kind) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check_values(name: str, kind: pa.DataType, condition: Condition) -> None:
    wrong = [repr(value) for value in condition.values if not _fits(value, kind)]
    if wrong:
        raise ConfigurationInvalid(
            f"column {name!r} holds {_called(kind)}, and cannot be compared with "
            f"{first_few(wrong)}: give {_called(kind)}"
        )
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        bounds = [bound for bound in (condition.at_least, condition.below) if bound is not None]
        if bounds:
            raise ConfigurationInvalid(
                f"column {name!r} holds {_called(kind)}, which has no order to filter by: use among"
            )


def _fits(value: object, kind: pa.DataType) -> bool:
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if pa.types.is_string(kind):
        return isinstance(value, str)
    if pa.types.is_timestamp(kind):
        return isinstance(value, datetime)
    return isinstance(value, int | float)


def _called(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_string(kind):
        return "text"
    if pa.types.is_timestamp(kind):
        return "times"
    return "numbers"
