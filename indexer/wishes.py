"""What a user asks of the index of a gallery."""

from typing import Literal

from pydantic import Field

from models.schema import Schema

DEFAULT_RECALL = 0.99


class IndexWishes(Schema):
    """What the user asks of an index; ``memory`` is the most a build may take of its own."""

    kind: Literal["auto", "flat", "ivf"] = "auto"
    memory: int | None = Field(default=None, ge=1)
    recall: float = Field(default=DEFAULT_RECALL, gt=0, le=1)


DEFAULT_WISHES = IndexWishes()
