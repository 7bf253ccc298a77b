"""Order captions so that every batch holds several of each person in it.

Sources: the sampling of Hermans et al., In Defense of the Triplet Loss for Person
Re-Identification, 2017 (https://arxiv.org/abs/1703.07737, section 2), as the code of Jiang and
Ye, IRRA, CVPR 2023 (https://github.com/anosorae/IRRA) has it, down to the order of the draws.
Departs from it in that the order of an epoch can be had from its number alone, so that a run can
be resumed and divided between processes.
"""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from models.errors import ConfigurationInvalid
from models.schema import Schema


class IdentitySampling(Schema):
    """What batches are drawn."""

    batch_size: int = Field(ge=1)
    """Of one process."""
    per_identity: int = Field(ge=1)
    """How many captions of one person a batch holds."""
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _batches_hold_whole_people(self) -> "IdentitySampling":
        if self.batch_size % self.per_identity:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of per_identity "
                f"{self.per_identity}"
            )
        return self


def identity_order(
    identities: Sequence[int],
    *,
    batch_size: int,
    per_identity: int,
    repeats: np.random.RandomState,
    rng: random.Random,
) -> list[int]:
    """Return the numbers of the captions in the order in which batches take them.

    Each person's captions are shuffled and cut into groups of ``per_identity``; what is left over
    is dropped, and who has fewer is filled up by repetition. Batches take one group each of
    people drawn anew, until there are too few people left with a group.

    Args:
        identities: Whom each caption is about.
        batch_size: Captions a batch.
        per_identity: Captions a person and batch.
        repeats: Draws the repetitions.
        rng: Draws all else.
    """
    people_per_batch = batch_size // per_identity
    groups = _groups(identities, per_identity, repeats, rng)
    available = list(groups)
    order: list[int] = []
    while len(available) >= people_per_batch:
        for identity in rng.sample(available, people_per_batch):
            order += groups[identity].pop(0)
            if not groups[identity]:
                available.remove(identity)
    return order


def epoch_batches(
    identities: Sequence[int], sampling: IdentitySampling, epoch: int
) -> npt.NDArray[np.int64]:
    """Return the batches of an epoch, the same at every call: ``(b, batch_size)``.

    Args:
        identities: Whom each caption is about.
        sampling: What batches to draw.
        epoch: Counted from 0.

    Raises:
        ConfigurationInvalid: If there are fewer people than one batch needs.
    """
    needed = sampling.batch_size // sampling.per_identity
    people = len(set(identities))
    if people < needed:
        raise ConfigurationInvalid(
            f"a batch of {sampling.batch_size} captions, {sampling.per_identity} a person, needs "
            f"{needed} people, and the data has {people}: lower batch_size or raise per_identity"
        )
    state = np.random.SeedSequence((sampling.seed, epoch)).generate_state(2)
    order = identity_order(
        identities,
        batch_size=sampling.batch_size,
        per_identity=sampling.per_identity,
        repeats=np.random.RandomState(state[0]),
        rng=random.Random(int(state[1])),  # noqa: S311 - shuffles, keeps no secret
    )
    return np.array(order, np.int64).reshape(-1, sampling.batch_size)


def batches_of_rank(
    batches: npt.NDArray[np.int64], rank: int, world_size: int
) -> npt.NDArray[np.int64]:
    """Return the batches of one of several processes, equally many for each.

    The processes' k-th batches are neighbours in ``batches``; at most ``world_size - 1`` of the
    last are dropped.

    Raises:
        ConfigurationInvalid: If there is no batch for every process, or no such process.
    """
    if not 0 <= rank < world_size:
        raise ConfigurationInvalid(f"rank {rank} must be in 0..{world_size - 1}")
    steps = len(batches) // world_size
    if steps == 0:
        raise ConfigurationInvalid(
            f"{len(batches)} batches cannot be divided between {world_size} processes: "
            "use fewer processes or smaller batches"
        )
    return batches[: steps * world_size][rank::world_size]


def _groups(
    identities: Sequence[int],
    per_identity: int,
    repeats: np.random.RandomState,
    rng: random.Random,
) -> dict[int, list[list[int]]]:
    captions: dict[int, list[int]] = {}
    for caption, identity in enumerate(identities):
        captions.setdefault(identity, []).append(caption)
    groups = {}
    for identity, own in captions.items():
        shuffled = own
        if len(own) < per_identity:
            shuffled = repeats.choice(own, size=per_identity, replace=True).tolist()
        rng.shuffle(shuffled)
        whole = len(shuffled) - len(shuffled) % per_identity
        groups[identity] = [shuffled[i : i + per_identity] for i in range(0, whole, per_identity)]
    return groups
