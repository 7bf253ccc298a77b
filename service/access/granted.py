"""What one request may: its scopes and cameras, and what that means for filters and crops."""

from dataclasses import dataclass
from typing import Literal, get_args

from fastapi import Request

from indexer.gallery import Condition, Crop, Filters

Scope = Literal["search", "ingest", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Access:
    """Who asks, from where, and what they may; ``cameras`` is None where they may see all.

    ``key_id`` is None where no key was needed.
    """

    key_id: str | None
    scopes: frozenset[Scope]
    cameras: frozenset[str] | None
    client: str

    def sees(self, crop: Crop) -> bool:
        """Tell whether the crop may be shown; one of no camera is shown to nobody restricted."""
        return self.cameras is None or crop.camera in self.cameras


def access_of(request: Request) -> Access:
    """Return what the gate has granted to the request."""
    granted: Access = request.state.access
    return granted


def restrict(filters: Filters, access: Access) -> Filters:
    """Return filters that a crop meets if it meets ``filters`` and ``access`` may see it."""
    if access.cameras is None:
        return filters
    allowed = Condition(among=tuple(sorted(access.cameras)))
    asked = filters.columns.get("camera", allowed)
    names = access.cameras if asked.among is None else access.cameras & set(asked.among)
    camera = asked.model_copy(update={"among": tuple(sorted(names))})
    return Filters(columns={**filters.columns, "camera": camera})
