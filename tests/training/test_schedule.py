import pytest

from training.config import OptimiserConfig, Phase
from training.schedule import learning_rate_at, phase_at

PHASES = (
    Phase(height=8, width=8, people_per_batch=2, samples=100),
    Phase(height=16, width=8, people_per_batch=2, samples=50),
)
OPTIMISER = OptimiserConfig(
    learning_rate=0.4, weight_decay=0, warmup_samples=10, gradient_norm=1, average_decay=0.9
)


@pytest.mark.parametrize(
    ("samples", "height"), [(0, 8), (99, 8), (100, 16), (149, 16), (150, 16), (999, 16)]
)
def test_phase_changes_at_its_sample(samples: int, height: int) -> None:
    assert phase_at(PHASES, samples).height == height


def test_rate_warms_up_and_then_follows_a_half_cosine() -> None:
    assert learning_rate_at(OPTIMISER, 0, 150) == pytest.approx(0.4 * 0.1, rel=1e-3)
    assert learning_rate_at(OPTIMISER, 50, 150) == pytest.approx(0.4 * 0.75)  # cos(pi / 3) = 1 / 2
    assert learning_rate_at(OPTIMISER, 75, 150) == pytest.approx(0.4 * 0.5)
    assert learning_rate_at(OPTIMISER, 150, 150) == pytest.approx(0)
    assert learning_rate_at(OPTIMISER, 200, 150) == pytest.approx(0)
