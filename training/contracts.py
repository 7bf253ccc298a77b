"""What the training loop needs of a method and of the data, whatever they are.

A method is one file of ``training/methods``. It holds the networks as one module whose forward
maps a batch to ``LossTerms``, and a ``BatchMaker`` that turns samples into such batches. The
maker runs in loader processes: it must hold no network and draw only from the generator it is
given, so that a batch depends on the seed and its number alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from PIL import Image
from torch import nn

from models.contracts import PersonEncoder
from models.stored_model import StoredModel
from training.terms import LossTerms

BatchT_co = TypeVar("BatchT_co", covariant=True)


@dataclass(frozen=True)
class Sample:
    """One caption of one training crop.

    ``label`` is the dense number of the person, ``image_id`` that of the crop; ``phrases`` are
    the caption's noun phrases where the annotations have them.
    """

    image: Path
    caption: str
    phrases: tuple[str, ...]
    label: int
    image_id: int


class BatchMaker(Protocol[BatchT_co]):
    """Turns samples and their decoded crops into the tensors of a batch."""

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> BatchT_co:
        """Return a dataclass of CPU tensors; every random draw comes from ``seed``."""
        ...


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate and a weight decay.

    ``name`` says what they are, for the report; ``learning_rate`` is before the schedule.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    learning_rate: float
    weight_decay: float


class TrainingMethod(Protocol):
    """A model with its training-only heads, and how it is trained."""

    @property
    def network(self) -> nn.Module:
        """All weights; its forward maps a batch to ``LossTerms``."""
        ...

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """Return what the optimiser moves, and how fast; the rest is frozen."""
        ...

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        """Return the model to export, made of ``weights`` in the network's names.

        Heads that only training needs are left out.
        """
        ...

    def encoder(self) -> PersonEncoder:
        """Return an encoder over the network's present weights, for validation."""
        ...


class CaptionedMethod(TrainingMethod, Protocol[BatchT_co]):
    """A method that trains on captioned crops."""

    @property
    def batch_maker(self) -> BatchMaker[BatchT_co]:
        """Makes the batches that the network's forward takes."""
        ...


__all__ = [
    "BatchMaker", "CaptionedMethod", "LossTerms", "ParameterGroup", "Sample", "TrainingMethod",
]  # fmt: skip
