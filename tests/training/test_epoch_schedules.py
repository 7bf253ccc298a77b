import warnings
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.training.recorded_training import irra, nafs
from training.epoch_schedules import (
    IRRA,
    MIA_IDENTITY,
    MIA_MATCHING,
    MIA_PART_PART,
    NAFS,
    EpochSchedule,
    learning_rate_factor,
)

IRRA_RATE = 1e-5
NAFS_RATE = 1.1e-3


def rates(schedule: EpochSchedule, base: float) -> list[float]:
    return [base * learning_rate_factor(schedule, epoch) for epoch in range(schedule.epochs)]


@pytest.mark.parametrize(
    ("recorded", "changes"),
    [
        ("cosine-60", {}),
        ("cosine-40", {"epochs": 40}),
        ("step-60", {"decay": "step", "milestones": (20, 50)}),
        ("linear-60", {"decay": "linear"}),
        ("poly-60", {"decay": "poly"}),
        ("exp-60", {"decay": "exp"}),
        ("cosine-60-constwarm", {"warmup": "constant"}),
    ],
)
def test_rates_of_irra_are_the_recorded_ones(recorded: str, changes: dict[str, Any]) -> None:
    schedule = EpochSchedule.model_validate(IRRA.model_dump() | changes)
    assert rates(schedule, IRRA_RATE) == pytest.approx(irra()["lr"][recorded], rel=1e-12)


def test_rates_of_nafs_are_the_recorded_ones() -> None:
    recorded = nafs()["lr_per_epoch_group0"]
    assert len(recorded) == NAFS.epochs
    assert rates(NAFS, NAFS_RATE) == pytest.approx(recorded, rel=1e-12)


@pytest.mark.parametrize("schedule", [MIA_IDENTITY, MIA_MATCHING])
def test_rates_of_mia_are_those_of_torch_s_step_schedule(schedule: EpochSchedule) -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2e-4)
    steps = torch.optim.lr_scheduler.StepLR(optimiser, step_size=10)
    expected = []
    for _ in range(schedule.epochs):
        expected.append(steps.get_last_lr()[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # there is nothing to optimise before a step
            steps.step()
    assert rates(schedule, 2e-4) == pytest.approx(expected, rel=1e-12)


def test_the_rate_of_the_reconstructed_stage_of_mia_stays() -> None:
    assert set(rates(MIA_PART_PART, 1.0)) == {1.0}


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_after_the_last_epoch_the_rate_stays_at_zero(decay: str) -> None:
    schedule = EpochSchedule.model_validate({"decay": decay, "epochs": 4})
    factors = [learning_rate_factor(schedule, epoch) for epoch in (0, 2, 4, 7)]
    assert factors == pytest.approx([1, 0.5, 0, 0], abs=1e-12)


def test_milestones_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="must rise"):
        EpochSchedule(decay="step", epochs=9, milestones=(5, 2))


def test_a_warm_up_without_an_end_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be fewer than epochs 5"):
        EpochSchedule(decay="cosine", epochs=5, warmup_epochs=5)
