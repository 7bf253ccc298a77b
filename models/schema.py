"""The base of every configuration, file and wire type."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Immutable after validation; an unknown field is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
