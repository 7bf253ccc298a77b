"""A model as it is stored: its card, its tensors, and the files it needs beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError

from models.card import ModelCard, file_sha256
from models.errors import CheckpointMismatch, CheckpointUnreadable, first_few
from models.schema import Schema

SizesT = TypeVar("SizesT", bound=Schema)


@dataclass(frozen=True)
class StoredModel:
    """What an encoder is assembled from, whatever the layout on disk.

    ``tensors`` have the names and shapes of our network, in the types they are stored in.
    ``files`` maps the names of further files of a model directory (a vocabulary) to where they
    are. ``source`` is the file that held the tensors, for messages.
    """

    card: ModelCard
    tensors: Mapping[str, torch.Tensor]
    files: Mapping[str, Path]
    source: Path

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}

    def sizes(self, kind: type[SizesT]) -> SizesT:
        """Return the dimensions the card states, as an architecture's own.

        Raises:
            CheckpointUnreadable: If they are incomplete or make no such model.
        """
        try:
            return kind.model_validate(self.card.sizes)
        except ValidationError as error:
            raise CheckpointUnreadable(
                f"the sizes of model {self.card.name!r} make no {self.card.architecture}: {error}. "
                "Export the model again, or name another model directory."
            ) from error

    def file(self, name: str, sha256: str) -> Path:
        """Return where a further file is, which the card describes by its checksum.

        Raises:
            CheckpointUnreadable: If it is missing or another one.
        """
        path = self.files.get(name)
        if path is None:
            raise CheckpointUnreadable(
                f"{self.source.parent} holds no {name}, which model {self.card.name!r} needs. "
                "Copy the whole model directory."
            )
        try:
            found = file_sha256(path)
        except OSError as error:
            raise CheckpointUnreadable(
                f"{path} cannot be read: {error}. Copy the whole model directory."
            ) from error
        if found != sha256:
            raise CheckpointUnreadable(
                f"{path} is damaged or belongs to another card: its SHA-256 is {found}, the card "
                f"says {sha256}. Copy or export the model again."
            )
        return path


@dataclass(frozen=True)
class PublishedModel(StoredModel):
    """A checkpoint in the layout of its authors, understood.

    ``classes`` is the number of identities its classifier knew, None without one.
    ``training_only`` names, as the file does, every tensor that inference does not need.
    """

    layout: str
    classes: int | None
    training_only: tuple[str, ...]


def require_finite(model: StoredModel) -> None:
    """Check that every weight is a number.

    Raises:
        CheckpointMismatch: If a tensor holds NaN or infinity.
    """
    broken = [
        f"{name} ({int((~torch.isfinite(tensor)).sum())} of {tensor.numel()} values)"
        for name, tensor in sorted(model.tensors.items())
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]
    if broken:
        raise CheckpointMismatch(
            f"{model.source} holds NaN or infinity in {len(broken)} tensors: {first_few(broken)}. "
            "The training run diverged or the file is damaged: name another checkpoint of it."
        )
