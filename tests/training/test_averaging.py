import pytest
import torch
from torch import nn

from training.averaging import WeightAverage


def test_average_follows_the_formula_and_copies_counters() -> None:
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0.5)
    assert network.num_batches_tracked is not None
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.num_batches_tracked.fill_(7)
    average.update(network, step=1)  # ramp-up: decay min(0.5, 2 / 11)
    expected = 1.0 * (2 / 11) + 3.0 * (9 / 11)
    assert average.tensors["weight"].item() == pytest.approx(expected)
    assert average.tensors["num_batches_tracked"].item() == 7
    average.update(network, step=100)  # decay 0.5
    assert average.tensors["weight"].item() == pytest.approx((expected + 3.0) / 2)


def test_average_is_not_the_network_itself() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, decay=0.5)
    before = average.tensors["weight"].item()
    with torch.no_grad():
        network.weight.add_(1)
    assert average.tensors["weight"].item() == before
