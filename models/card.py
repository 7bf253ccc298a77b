"""The card of a model: what its weights are and how its inputs are prepared."""

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from models.errors import CheckpointUnreadable
from models.schema import Schema

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"


class ImagePreprocessing(Schema):
    """How a crop becomes a tensor: convert to RGB, resize, scale to 0..1, normalise."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


class ModelCard(Schema):
    """What a set of weights is; stored as ``card.json`` beside ``model.safetensors``.

    ``architecture`` is the name of a file in ``models/encoders``; ``sizes`` are that
    architecture's dimensions, validated by it. ``weights_sha256`` is the checksum of the file
    the weights were read from; where that file was converted from another,
    ``converted_from_sha256`` is the checksum of the original. ``provenance`` says where the
    weights come from: free text by topic (data, command, configuration, licence), shown to
    people and never read by code.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    architecture: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    method: str = Field(min_length=1)
    embedding_width: int = Field(ge=1)
    image: ImagePreprocessing
    sizes: dict[str, JsonValue]
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    converted_from_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    provenance: dict[str, str] = Field(default_factory=dict)

    def fingerprint(self) -> str:
        """Return the 64 hexadecimal digits that identify this model's vectors.

        Two cards with equal fingerprints give the same vectors for the same inputs: the digest
        covers architecture, sizes, preprocessing and weights, not name or provenance. A
        converted model has the fingerprint of its original.
        """
        identity = self.model_dump(
            mode="json", include={"architecture", "sizes", "image", "embedding_width"}
        ) | {"weights_sha256": self.converted_from_sha256 or self.weights_sha256}
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(directory: Path) -> ModelCard:
    """Read ``card.json`` of a model directory.

    Raises:
        CheckpointUnreadable: If the file is missing or does not describe a model.
    """
    path = directory / CARD_FILE
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckpointUnreadable(
            f"{path} is not a readable model card: {error}. "
            "Export the model again, or name another model directory."
        ) from error
