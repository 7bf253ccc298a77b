"""What can be said of a model that was read: for people and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod

from pydantic import JsonValue

from models.loading import StoredModel


def describe(model: StoredModel) -> dict[str, JsonValue]:
    """Return what a model is: card, layout, sizes, parameters, what was left out."""
    card = model.card
    return {
        "name": card.name,
        "method": card.method,
        "architecture": card.architecture,
        "fingerprint": card.fingerprint(),
        "layout": getattr(model, "layout", "Descry's model directory"),
        "image": f"{card.image.height} x {card.image.width}",
        "embedding_width": card.embedding_width,
        "sizes": dict(card.sizes),
        "tensors": len(model.shapes),
        "parameters": sum(prod(shape) for shape in model.shapes.values()),
        "classes": getattr(model, "classes", None),
        "training_only": {**_by_head(getattr(model, "training_only", ()))},
        "files": [*sorted(model.files)],
    }


def description_lines(description: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield the description as aligned lines of text."""
    for key, value in description.items():
        said = value
        if isinstance(value, Mapping):
            said = ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
        elif isinstance(value, list):
            said = ", ".join(map(str, value)) or "none"
        elif isinstance(value, int) and key == "parameters":
            said = f"{value:,}"
        yield f"{key.replace('_', ' ') + ':':<17}{'unknown' if said is None else said}"


def _by_head(names: tuple[str, ...]) -> Counter[str]:
    """Count tensors by the head they belong to, the first part of their names."""
    return Counter(name.split(".")[0] for name in names)
