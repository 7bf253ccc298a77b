"""What a search may ask for: the request's wire types, and what they mean."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic import model_validator as check_together

from models.schema import Schema
from service.column_filters import ColumnFilters
from service.schemas import RESULT_LIMIT, TEXT_LENGTH_LIMIT, Text

RERANK_LIMIT = 500
EXAMPLES_LIMIT = 10
ID_LENGTH_LIMIT = 64
CURSOR_LENGTH_LIMIT = 1000
PURPOSE_LENGTH_LIMIT = 200

_CROP_ID = re.compile(r"[0-9a-f]{20}")

Method = Literal["none", "rvn", "nafs", "mia", "auto"]
Order = Literal["relevance", "time"]
Weight = Annotated[float, Field(strict=True, ge=0, le=10, allow_inf_nan=False)]
CropId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_LIMIT)]


def _listed(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _one_or_more(item: dict[str, object], description: str) -> WithJsonSchema:
    several = {"type": "array", "items": item, "maxItems": EXAMPLES_LIMIT}
    return WithJsonSchema({"anyOf": [item, several], "description": description})


CropIds = Annotated[
    tuple[CropId, ...],
    BeforeValidator(_listed),
    Field(max_length=EXAMPLES_LIMIT),
    _one_or_more(
        {"type": "string", "minLength": 1, "maxLength": ID_LENGTH_LIMIT},
        "Id of a stored crop, or several: crops that look like these.",
    ),
]
Negatives = Annotated[
    tuple[Text, ...],
    BeforeValidator(_listed),
    Field(max_length=EXAMPLES_LIMIT),
    _one_or_more(
        {"type": "string", "minLength": 1, "maxLength": TEXT_LENGTH_LIMIT},
        "What the person should not look like: descriptions, or ids of stored crops (20 "
        "hexadecimal digits). Moves the query away from them; excludes nothing for certain.",
    ),
]


class Rerank(Schema):
    """How the best crops of the first stage are put into a better order."""

    method: Method = Field(
        default="none",
        description="`nafs` and `mia` compare the parts of crops with the text, if the index was "
        "made with that model and stores parts; `rvn` raises crops whose visual neighbours fit "
        "too; `auto` does whatever the index has stored for, parts first",
    )
    k: int = Field(
        default=100, strict=True, ge=1, le=RERANK_LIMIT, description="how many crops are compared"
    )
    alpha: Weight | None = Field(
        default=None, description="weight of the parts' standardised score; 0 leaves the order"
    )
    beta: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="what a full overlap of visual neighbours adds to a cosine"
    )
    deadline_ms: (
        Annotated[float, Field(strict=True, gt=0, le=60_000, allow_inf_nan=False)] | None
    ) = Field(
        default=None,
        description="milliseconds from the start of the search: a step of the second stage begins "
        "only if, by what it took before, it will end by then; else the first stage's order is "
        "the answer, with a warning",
    )

    @check_together(mode="after")
    def _weights_have_a_use(self) -> Self:
        if self.alpha is not None and self.method in ("none", "rvn"):
            raise ValueError(f"alpha weighs parts, which method {self.method!r} does not compare")
        if self.beta is not None and self.method == "none":
            raise ValueError("beta weighs visual neighbours, which method 'none' does not compare")
        return self


class SearchOptions(Schema):
    """Everything a search can be told; which parts it has is the business of its kinds."""

    text: Text = Field(default_factory=str)
    like: CropIds = ()
    unlike: Negatives = Field(default=(), alias="not")
    text_weight: Weight = 1.0
    like_weight: Weight = 1.0
    not_weight: Weight = 0.5
    filters: ColumnFilters = Field(
        default_factory=dict,
        description="Conditions by column: `id`, `camera`, `captured_at`, `track_id` or a column "
        "of the metadata file. A value or a list is short for `in`. All must hold.",
        examples=[{"camera": ["c1", "c2"], "captured_at": {"gte": "2026-03-14T08:00:00Z"}}],
    )
    limit: Annotated[int, Field(strict=True, ge=1, le=RESULT_LIMIT)] = 20
    cursor: Annotated[str, Field(min_length=1, max_length=CURSOR_LENGTH_LIMIT)] | None = Field(
        default=None,
        description="`next_cursor` of an answer to the same query: goes on behind its last crop",
    )
    sort: Order = Field(
        default="relevance",
        description="`time`: the best 1000 matches, newest first, those without a time last",
    )
    min_score: Annotated[float, Field(strict=True, ge=-1, le=1, allow_inf_nan=False)] | None = (
        Field(default=None, description="crops whose first-stage cosine is lower are left out")
    )
    rerank: Rerank | None = Field(default=None, description="none: as the service is set up")
    explain: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="say of each crop how strongly it shows each phrase"
    )
    purpose: Annotated[str, Field(min_length=1, max_length=PURPOSE_LENGTH_LIMIT)] | None = Field(
        default=None, description="why somebody searches; kept for those who account for searches"
    )


class SearchRequest(SearchOptions):
    """What to look for, and how; ``text`` or ``like`` is needed, all else may be left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "woman in red coat"}],
            "anyOf": [{"required": ["text"]}, {"required": ["like"]}],
        }
    )

    @check_together(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.text and not self.like:
            raise ValidationError.from_exception_data(
                type(self).__name__, [{"type": "missing", "loc": ("text",), "input": None}]
            )
        return self


class ImageSearchRequest(SearchOptions):
    """What to look for beside the picture, and how; everything may be left out."""

    image_weight: Weight = 1.0


def is_crop_id(text: str) -> bool:
    """Say whether a text is written as ids of crops are, and so is none."""
    return _CROP_ID.fullmatch(text) is not None


class QueryRefused(ValueError):
    """A query that this index cannot answer; ``field`` is what to change."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
