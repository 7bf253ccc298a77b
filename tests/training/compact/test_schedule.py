import pytest

from training.compact.schedule import sample_factor


def test_rate_warms_up_and_then_follows_a_half_cosine() -> None:
    assert sample_factor(0, 150, 10) == pytest.approx(0.1, rel=1e-3)
    assert sample_factor(4, 150, 10) == pytest.approx(0.5, rel=2e-3)
    assert sample_factor(50, 150, 10) == pytest.approx(0.75)  # cos(pi / 3) = 1 / 2
    assert sample_factor(75, 150, 10) == pytest.approx(0.5)


def test_rate_ends_at_zero_and_stays_there() -> None:
    assert sample_factor(150, 150, 10) == pytest.approx(0)
    assert sample_factor(200, 150, 10) == pytest.approx(0)


def test_without_a_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert sample_factor(0, 150, 0) == 1
