"""The wire types: what the service takes and gives, version 1."""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from models.schema import Schema

TEXT_LENGTH_LIMIT = 1000
RESULT_LIMIT = 200

# Unicode categories of characters that show nothing: format and control characters, separators.
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})

MetadataValue = str | int | float | bool | None


def clean_text(text: str) -> str:
    """Return the description without white space around it, runs of it inside made one space.

    Raises:
        PydanticCustomError: If it holds half a surrogate pair, or a control character other than
            tab and line breaks; if nothing visible is left; or if it is longer than 1000
            characters.
    """
    _refuse_characters(text)
    stripped = text.strip()
    if all(unicodedata.category(character) in INVISIBLE for character in stripped):
        raise PydanticCustomError(
            "text_empty", 'text is empty: describe a person, for example "woman in red coat"'
        )
    if len(stripped) > TEXT_LENGTH_LIMIT:
        raise PydanticCustomError(
            "text_too_long",
            "text has {length} characters, at most {limit} are allowed: shorten the description",
            {"length": len(stripped), "limit": TEXT_LENGTH_LIMIT},
        )
    return " ".join(stripped.split())


def _refuse_characters(text: str) -> None:
    for position, character in enumerate(text):
        category = unicodedata.category(character)
        found = {"code": f"{ord(character):04X}", "position": position}
        if category == "Cc" and character not in "\t\n\r":
            raise PydanticCustomError(
                "text_control_character",
                "text has the control character U+{code} at position {position}: remove it",
                found,
            )
        if category == "Cs":  # JSON can write it, but no encoding can carry it further
            raise PydanticCustomError(
                "text_surrogate",
                "text has half a surrogate pair, U+{code}, at position {position}: remove it",
                found,
            )


Text = Annotated[
    str,
    AfterValidator(clean_text),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": TEXT_LENGTH_LIMIT,
            "description": "What the person looks like. Counted without white space around it; "
            "control characters other than tab and line breaks are refused.",
            "examples": ["woman in red coat"],
        }
    ),
]


class IndexIdentity(Schema):
    """Which index answered."""

    name: str
    generation: int
    size: int = Field(description="number of crops")


class ModelIdentity(Schema):
    """Which model encoded the description."""

    name: str
    fingerprint: str


class ShownPhrase(Schema):
    """A phrase of the query, and how strongly a crop shows it."""

    phrase: str
    wanted: bool = Field(description="false for what the query is against")
    strength: float = Field(
        description="standard deviations above the mean of the query's best 100 crops; a hint, no "
        "proof: among crops that all show it, half are below the mean"
    )
    present: bool = Field(description="whether the strength is above 0")


class SearchResult(Schema):
    """One ranked crop."""

    rank: int = Field(description="1 is the best")
    id: str
    score: float = Field(description="what the order follows: the cosine of query and crop, "
                         "-1..1, moved by the second stage where it was applied; comparable only "
                         "within one answer")  # fmt: skip
    first_stage_rank: int | None = Field(
        description="null: the first stage's best lacked it, its visual neighbours brought it up"
    )
    first_stage_score: float = Field(description="cosine of query and crop, -1..1")
    second_stage_score: float | None = Field(
        description="how well its parts fit the text, on its own scale; null if not compared"
    )
    neighbour_overlap: float | None = Field(
        description="share of its visual neighbours among the query's best, 0..1; null if not asked"
    )
    crop_url: str
    thumbnail_url: str
    path: str = Field(description="where the crop lies in the indexed folder")
    camera: str | None
    captured_at: datetime | None
    track_id: str | None
    metadata: dict[str, MetadataValue] = Field(description="the free columns of the metadata file")
    phrases: tuple[ShownPhrase, ...] = Field(description="only with `explain`")


class Timings(Schema):
    """Milliseconds spent inside the service."""

    encode: float
    search: float
    rerank: float = Field(description="the second stage, with the encoding it needs")
    total: float


class SearchResponse(Schema):
    """One page of the ranked answer to a query."""

    query_id: UUID
    index: IndexIdentity
    model: ModelIdentity
    results: list[SearchResult]
    matching: int = Field(description="number of crops that meet the filters")
    reranked_by: tuple[Literal["parts", "visual_neighbours"], ...] = Field(
        description="the steps of the second stage that made the order; empty: the first stage's"
    )
    next_cursor: str | None = Field(
        description="send it with the same query for the next page; null: this is the last one"
    )
    timings_ms: Timings
    warnings: list[str] = Field(
        description="what makes the ranking doubtful, each a code, a colon and a sentence; empty "
        "as a rule. Codes: `no_known_words` (no word, or none that the model learned), "
        "`unknown_words` (some it never learned), `only_stop_words` (nothing but words such as "
        "*the*), `text_truncated` (longer than the model reads). Not every model can tell which "
        "words it learned.",
        examples=[["unknown_words: poncho (the model never learned them, only the others)"]],
    )


class Info(Schema):
    """What is served here."""

    index: IndexIdentity
    model: ModelIdentity
    indexed_at: datetime


class Alive(Schema):
    """The process answers."""

    status: str = "alive"


class Check(Schema):
    """One condition of being ready, and what was found."""

    name: str
    passed: bool
    detail: str


class Readiness(Schema):
    """Whether searches can be sent here."""

    ready: bool
    checks: tuple[Check, ...]


class FieldError(Schema):
    """One value that was refused."""

    field: str
    code: str
    message: str
    value: str | None = Field(description="the value as JSON, shortened; null if it is missing")


class Problem(Schema):
    """An error as RFC 9457 describes it, with the id under which the service logged it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="path of the request")
    request_id: str
    errors: tuple[FieldError, ...] = ()
    checks: tuple[Check, ...] = Field(default=(), description="only where readiness was asked")
