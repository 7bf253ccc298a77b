"""The batches of a run on captioned crops, by their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from models.errors import ConfigurationInvalid, CropUnreadable, first_few
from models.schema import Schema
from training.batch_source import Drawn
from training.contracts import BatchMaker, Sample
from training.crop_images import open_image
from training.identity_sampling import IdentitySampling, epoch_batches

BatchT = TypeVar("BatchT")
SMALLEST_BATCH = 2  # what a contrastive loss compares


class BatchesConfig(Schema):
    """How many samples a step sees, and which."""

    size: int = Field(ge=SMALLEST_BATCH)
    """Of all processes together."""
    epochs: int = Field(ge=1)
    sampler: Literal["random", "identity"] = "random"
    """``random``: every caption once an epoch. ``identity``: several of each person of a batch."""
    images_per_person: int = Field(default=4, ge=2)
    """Of the ``identity`` sampler."""
    drop_last: bool = False
    """Leave out the incomplete batch at the end of an epoch."""
    accumulate: int = Field(default=1, ge=1)
    """Batches an optimiser step; a contrastive loss still compares within one batch only."""
    on_bad_image: Literal["stop", "skip"] = "stop"
    """What an image does that cannot be read: end the run, or be left out and reported."""


@dataclass(frozen=True)
class Share:
    """Which part of each batch this process sees."""

    rank: int = 0
    world: int = 1


class CaptionedBatches(Generic[BatchT]):
    """Samples in the order of their epoch, decoded and made into batches."""

    def __init__(
        self,
        samples: Sequence[Sample],
        maker: BatchMaker[BatchT],
        config: BatchesConfig,
        seed: int,
        share: Share = Share(),
    ) -> None:
        self._samples = samples
        self._maker = maker
        self._config = config
        self._seed = seed
        self._share = share
        _check(samples, config, share)
        first = self._order_of(0)
        self._kept = (0, first)  # the order of one epoch, for all its steps
        self.steps_per_epoch = len(self._batches(first))

    def __len__(self) -> int:
        return self.steps_per_epoch * self._config.epochs

    def __getitem__(self, step: int) -> Drawn[BatchT]:
        """Return the batch of a step.

        Raises:
            CropUnreadable: If an image cannot be read and the run is to stop then, or none can.
        """
        start, end = self._batches(self._order(self.epoch(step)))[step % self.steps_per_epoch]
        positions = self._order(self.epoch(step))[start:end]
        own = np.array_split(positions, self._share.world)[self._share.rank]
        samples, images, skipped = [], [], []
        for sample in (self._samples[position] for position in own):
            try:
                images.append(open_image(sample.image))
                samples.append(sample)
            except CropUnreadable as error:
                if self._config.on_bad_image == "stop":
                    raise
                skipped.append(str(error))
        if len(samples) < SMALLEST_BATCH:
            raise CropUnreadable(
                f"of the {len(own)} images of step {step} only {len(samples)} could be read: "
                f"{first_few(skipped)}. Run `python -m training check` on the data"
            )
        seed = int(
            np.random.SeedSequence((self._seed, step, self._share.rank)).generate_state(1)[0]
        )
        return Drawn(self._maker(samples, images, seed), len(samples), tuple(skipped))

    @property
    def samples(self) -> int:
        """How many crops the whole run sees, repetitions included."""
        batches = self._batches(self._order(0))
        return self._config.epochs * sum(end - start for start, end in batches)

    def epoch(self, step: int) -> int:
        """Return the epoch in which a step falls, from 0."""
        return step // self.steps_per_epoch

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._kept[0] != epoch:
            self._kept = (epoch, self._order_of(epoch))
        return self._kept[1]

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._config.sampler == "random":
            return np.random.default_rng((self._seed, epoch)).permutation(len(self._samples))
        first = self._drawn_by_person(0)
        order = first if epoch == 0 else self._drawn_by_person(epoch)
        # How many batches a draw has is chance, but every epoch has those of the first.
        for more in count(1):
            if len(order) >= len(first):
                break
            further = self._drawn_by_person(epoch + more * self._config.epochs)
            order = np.concatenate([order, further])
        return order[: len(first)]

    def _drawn_by_person(self, number: int) -> npt.NDArray[np.int64]:
        sampling = IdentitySampling(
            batch_size=self._config.size,
            per_identity=self._config.images_per_person,
            seed=self._seed,
        )
        labels = [sample.label for sample in self._samples]
        return epoch_batches(labels, sampling, number).reshape(-1)

    def _batches(self, order: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
        size, world = self._config.size, self._share.world
        bounds = [(start, min(start + size, len(order))) for start in range(0, len(order), size)]
        start, end = bounds[-1]
        # Every process needs as many samples as the others, and each loss at least two.
        end -= (end - start) % world
        incomplete = end - start < size
        if end - start < SMALLEST_BATCH * world or (incomplete and self._config.drop_last):
            return bounds[:-1]
        return [*bounds[:-1], (start, end)]


def _check(samples: Sequence[Sample], config: BatchesConfig, share: Share) -> None:
    if config.size % share.world:
        raise ConfigurationInvalid(
            f"batches of {config.size} cannot be shared by {share.world} processes: choose a "
            f"multiple of {share.world}"
        )
    if config.size < SMALLEST_BATCH * share.world:
        raise ConfigurationInvalid(
            f"batches of {config.size} leave {share.world} processes fewer than {SMALLEST_BATCH} "
            f"captions each: choose a size of at least {SMALLEST_BATCH * share.world}"
        )
    if config.on_bad_image == "skip" and share.world > 1:
        raise ConfigurationInvalid(
            "on_bad_image = 'skip' works in one process alone: of several, each would have to "
            "leave out as many. Take what `python -m training check` names out of the data, and "
            "use 'stop'"
        )
    if len({sample.label for sample in samples}) < 2:
        raise ConfigurationInvalid(
            "the training split shows fewer than two people: nothing can be learned to tell apart"
        )
    if config.size > len(samples):
        raise ConfigurationInvalid(
            f"batches of {config.size} are larger than the training split of {len(samples)} "
            f"captions: choose a size of at most {len(samples)}"
        )


__all__ = ["BatchesConfig", "CaptionedBatches", "Share"]
