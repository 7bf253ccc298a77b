import pytest

from service.deadlines import Deadline, DeadlineMissed, StepCosts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def run(costs: StepCosts, clock: Clock, seconds: float, ends_at: float | None = None) -> None:
    def work() -> None:
        clock.now += seconds

    Deadline(costs, ends_at, clock).run("score", 10, work)


def test_the_cost_of_scoring_grows_with_the_crops() -> None:
    costs, clock = StepCosts(), Clock()
    assert costs.predict("score", 10) == 0
    run(costs, clock, 0.5)
    assert costs.predict("score", 20) == pytest.approx(1)
    assert costs.predict("prepare", 20) == 0


def test_newer_costs_count_for_a_fifth() -> None:
    costs, clock = StepCosts(), Clock()
    run(costs, clock, 1)
    run(costs, clock, 2)
    assert costs.predict("score", 10) == pytest.approx(1.2)


def test_a_step_that_would_end_too_late_does_not_begin() -> None:
    costs, clock = StepCosts(), Clock()
    run(costs, clock, 0.5)
    run(costs, clock, 0.5, ends_at=clock.now + 0.51)
    with pytest.raises(DeadlineMissed, match="score"):
        run(costs, clock, 0.5, ends_at=clock.now + 0.49)
    assert clock.now == 101  # the third work was not begun


def test_a_deadline_that_is_over_lets_nothing_begin() -> None:
    with pytest.raises(DeadlineMissed):
        run(StepCosts(), Clock(), 0, ends_at=99.9)


def test_without_a_deadline_costs_are_learnt_and_nothing_is_refused() -> None:
    costs, clock = StepCosts(), Clock()
    for _ in range(3):
        run(costs, clock, 50)
    assert costs.predict("score", 10) == pytest.approx(50)
