"""Which crops may answer: conditions on the columns of a gallery.

The columns are ``id``, ``camera``, ``captured_at``, ``track_id`` and those of the metadata file.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from models.schema import Schema

FilterValue = bool | int | float | AwareDatetime | str


class Condition(Schema):
    """What the value of one column must be; all that is given must hold.

    A crop that has no value in the column meets ``not_among`` and ``exists=False``, and nothing
    else.
    """

    among: tuple[FilterValue, ...] | None = None
    """It is one of these."""
    not_among: tuple[FilterValue, ...] | None = None
    """It is none of these."""
    at_least: int | float | AwareDatetime | None = None
    below: int | float | AwareDatetime | None = None
    """It is less, or earlier."""
    exists: bool | None = None
    """There is a value, or there is none."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set or all(
            getattr(self, name) is None for name in self.model_fields_set
        ):
            raise ValueError("a condition is empty: give among, not_among, at_least, below, exists")
        return self

    @property
    def values(self) -> tuple[FilterValue | datetime, ...]:
        """Everything that the column is compared with."""
        bounds = (bound for bound in (self.at_least, self.below) if bound is not None)
        return (*(self.among or ()), *(self.not_among or ()), *bounds)


class Filters(Schema):
    """Conditions by column; a crop may answer if it meets all of them."""

    columns: Mapping[str, Condition] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether there is any condition."""
        return bool(self.columns)


ALL_CROPS = Filters()
