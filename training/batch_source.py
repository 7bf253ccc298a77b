"""Batches by their number: what step k sees depends on the seed and on k alone.

So a run that was stopped goes on with the batch it would have had, whatever the number of loader
processes, and nothing about random draws need be stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Generic, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from models.errors import DescryError

BatchT = TypeVar("BatchT")
BatchT_co = TypeVar("BatchT_co", covariant=True)


@dataclass(frozen=True)
class Drawn(Generic[BatchT_co]):
    """The batch of a step, and what stands in for it in reports.

    ``size`` counts its crops; ``skipped`` names the images that could not be read, with reasons.
    """

    batch: BatchT_co
    size: int
    skipped: tuple[str, ...] = ()


class BatchSource(Protocol[BatchT_co]):
    """All batches of a run, in order."""

    def __len__(self) -> int:
        """Return how many steps the whole run has."""
        ...

    def __getitem__(self, step: int) -> Drawn[BatchT_co]:
        """Return the batch of a step; the same for the same step, in any process."""
        ...

    def epoch(self, step: int) -> int:
        """Return the epoch in which a step falls, from 0."""
        ...

    @property
    def samples(self) -> int:
        """How many crops the whole run sees, repetitions included."""
        ...


@dataclass(frozen=True)
class _Failed:
    error: DescryError


class _Steps(Dataset[Drawn[BatchT] | _Failed]):
    def __init__(self, source: BatchSource[BatchT]) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, step: int) -> Drawn[BatchT] | _Failed:
        try:
            return self._source[step]
        except DescryError as error:
            # A loader process would hand on its whole stack as the message.
            return _Failed(error)


def draw_from(
    source: BatchSource[BatchT], first_step: int, *, workers: int
) -> Iterator[Drawn[BatchT]]:
    """Yield the batches from a step to the end; ``workers`` processes prepare them ahead.

    Raises:
        DescryError: If the source raised it for a batch, when the turn of that batch has come.
    """
    loader: DataLoader[Drawn[BatchT] | _Failed] = DataLoader(
        _Steps(source),
        batch_size=None,
        sampler=range(first_step, len(source)),
        num_workers=workers,
        # A forked child of a process with threads can hang, and Python 3.12 warns of it.
        multiprocessing_context="forkserver" if workers else None,
        # The draws of a step seed themselves; the loader must not move the global generator.
        generator=torch.Generator(),
    )
    for drawn in loader:
        if isinstance(drawn, _Failed):
            raise drawn.error
        yield drawn


def to_device(batch: BatchT, device: torch.device) -> BatchT:
    """Return a copy of a dataclass of tensors (nested or in tuples) on a device."""
    moved: BatchT = _moved(batch, device)  # type: ignore[assignment]  # the type is kept
    return moved


def as_dictionaries(batch: object) -> object:
    """Return a dataclass of tensors as dictionaries, which ``torch.load`` trusts."""
    if is_dataclass(batch) and not isinstance(batch, type):
        return {field.name: as_dictionaries(getattr(batch, field.name)) for field in fields(batch)}
    if isinstance(batch, tuple):
        if hasattr(batch, "_asdict"):
            return {name: as_dictionaries(item) for name, item in batch._asdict().items()}
        return tuple(as_dictionaries(item) for item in batch)
    return batch


def _moved(value: object, device: torch.device) -> object:
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{field.name: _moved(getattr(value, field.name), device) for field in fields(value)},
        )
    if isinstance(value, tuple):
        items = [_moved(item, device) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    return value
