"""How the learning rate varies with the epoch in the published recipes, as factors on it.

Sources: the codes of IRRA (https://github.com/anosorae/IRRA), NAFS
(https://github.com/TencentYoutuResearch/PersonReID-NAFS) and MIA
(https://github.com/cuiaiyu/Text-to-Image-ReIdentification). The warm-up is that of Luo et al.,
Bag of Tricks and a Strong Baseline for Deep Person Re-Identification, 2019
(https://arxiv.org/abs/1903.07071, equation 1), the cosine that of Loshchilov and Hutter, SGDR,
2017 (https://arxiv.org/abs/1608.03983, equation 5). ``training/schedule.py`` is our own,
counted in samples.
"""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from models.schema import Schema


class EpochSchedule(Schema):
    """A learning rate that changes between epochs, after a warm-up."""

    decay: Literal["cosine", "linear", "poly", "exp", "step"]
    epochs: int = Field(ge=1)
    warmup: Literal["linear", "constant"] = "linear"
    """Whether the factor rises from ``warmup_factor`` to 1, or stays there and then jumps."""
    warmup_epochs: int = Field(default=0, ge=0)
    warmup_factor: float = Field(default=0.1, gt=0, le=1)
    milestones: tuple[int, ...] = ()
    """For ``step``: from which epochs on, counted from 0, the rate is multiplied by ``gamma``."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    power: float = Field(default=0.9, gt=0, le=1)
    """For ``poly`` and ``exp``: what is raised to the share of epochs to come, or gone."""

    @field_validator("milestones")
    @classmethod
    def _in_order(cls, milestones: tuple[int, ...]) -> tuple[int, ...]:
        if list(milestones) != sorted(set(milestones)):
            raise ValueError(f"milestones {milestones} must rise")
        return milestones

    @model_validator(mode="after")
    def _warm_in_time(self) -> "EpochSchedule":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs} must be fewer than epochs {self.epochs}"
            )
        return self


IRRA = EpochSchedule(decay="cosine", epochs=60, warmup_epochs=5)
NAFS = EpochSchedule(
    decay="step", epochs=60, warmup_epochs=10, warmup_factor=0.01, milestones=(20, 25, 35)
)
MIA_IDENTITY = EpochSchedule(decay="step", epochs=10)
"""Its first stage; the rate would fall after ten epochs, when the stage is over."""
MIA_MATCHING = EpochSchedule(decay="step", epochs=20, milestones=(10,))
"""Its second stage, whose optimiser starts anew at the milestone."""
MIA_PART_PART = EpochSchedule(decay="step", epochs=15)
"""Its third stage, of which only a sketch is published."""


def learning_rate_factor(schedule: EpochSchedule, epoch: int) -> float:
    """Return what the learning rate is multiplied by in an epoch, counted from 0: in 0..1."""
    if epoch < schedule.warmup_epochs:
        share = epoch / schedule.warmup_epochs if schedule.warmup == "linear" else 0.0
        return schedule.warmup_factor * (1 - share) + share
    gone = (epoch - schedule.warmup_epochs) / (schedule.epochs - schedule.warmup_epochs)
    return _decayed(schedule, epoch, min(1.0, gone))


def _decayed(schedule: EpochSchedule, epoch: int, gone: float) -> float:
    """Return the factor after a share of the epochs that follow the warm-up."""
    if schedule.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * gone))
    if schedule.decay == "linear":
        return 1 - gone
    if schedule.decay == "poly":
        # Thus the authors: a power of a constant, where a polynomial's decay is meant.
        return float(schedule.power ** (1 - gone))
    if schedule.decay == "exp":
        return float(schedule.power**gone)
    return float(schedule.gamma ** sum(milestone <= epoch for milestone in schedule.milestones))
