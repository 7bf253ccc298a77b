import pytest
import torch
from torch import nn

from models.errors import ConfigurationInvalid
from training.contracts import ParameterGroup
from training.optimisers import OptimiserConfig, make_optimiser


def weights(*values: float) -> list[nn.Parameter]:
    return [nn.Parameter(torch.tensor([float(value)])) for value in values]


def moved(config: OptimiserConfig, *, decay: float, gradients: tuple[float, ...]) -> float:
    """Where a weight of 2 is after steps at a rate of 0.1."""
    (weight,) = weights(2.0)
    optimiser = make_optimiser([ParameterGroup("one", (weight,), 0.1, decay)], config)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimiser.step()
    return weight.item()


def test_groups_keep_their_names_rates_and_decays() -> None:
    one, two, three = weights(1, 2, 3)
    groups = [ParameterGroup("a", (one, two), 0.5, 0.0), ParameterGroup("b", (three,), 0.25, 0.75)]
    config = OptimiserConfig(learning_rate=9.0, weight_decay=9.0)
    found = make_optimiser(groups, config).param_groups
    assert [(g["name"], g["lr"], g["initial_lr"], g["weight_decay"]) for g in found] == [
        ("a", 0.5, 0.5, 0.0),
        ("b", 0.25, 0.25, 0.75),
    ]
    assert [len(g["params"]) for g in found] == [2, 1]


def test_sgd_adds_decay_to_the_gradient_and_keeps_momentum() -> None:
    config = OptimiserConfig(kind="sgd", learning_rate=1, momentum=0.5)
    # First 4 + 0.25 * 2 = 4.5; then 4 + 0.25 * 1.55 + 0.5 * 4.5 = 6.6375.
    assert moved(config, decay=0.25, gradients=(4.0,)) == pytest.approx(2 - 0.45)
    assert moved(config, decay=0.25, gradients=(4.0, 4.0)) == pytest.approx(1.55 - 0.66375)


def test_adam_s_first_step_is_its_rate_whatever_the_gradient_and_decay() -> None:
    config = OptimiserConfig(kind="adam", learning_rate=1)
    assert moved(config, decay=0.0, gradients=(0.01,)) == pytest.approx(1.9, abs=1e-5)
    assert moved(config, decay=0.5, gradients=(0.01,)) == pytest.approx(1.9, abs=1e-5)


def test_adamw_takes_decay_off_the_weight() -> None:
    config = OptimiserConfig(kind="adamw", learning_rate=1)
    assert moved(config, decay=0.5, gradients=(0.01,)) == pytest.approx(2 * (1 - 0.05) - 0.1, 1e-4)


def test_epsilon_and_betas_are_those_of_the_configuration() -> None:
    config = OptimiserConfig(kind="adam", learning_rate=1, betas=(0.5, 0.75), epsilon=1.0)
    # Both moments are corrected to the gradient itself: 3 / (3 + 1).
    assert moved(config, decay=0, gradients=(3.0,)) == pytest.approx(2 - 0.1 * 0.75)
    # m = 3/4 * 0 ..: m = 0.5 * 1.5 + 0.5 * 1 = 1.25 of 0.75; v = 0.75 * 2.25 + 0.25 of 0.4375.
    second = (1.25 / 0.75) / ((1.9375 / 0.4375) ** 0.5 + 1)
    assert moved(config, decay=0, gradients=(3.0, 1.0)) == pytest.approx(1.925 - 0.1 * second)


def test_a_parameter_in_two_groups_is_refused() -> None:
    one, two = weights(1, 2)
    groups = [ParameterGroup("a", (one, two), 1, 0), ParameterGroup("b", (two,), 1, 0)]
    with pytest.raises(ConfigurationInvalid, match="3 parameters in 2 groups, 2 of them different"):
        make_optimiser(groups, OptimiserConfig(learning_rate=1))


@pytest.mark.parametrize("groups", [[], [ParameterGroup("a", (), 1, 0)]])
def test_nothing_to_train_is_refused(groups: list[ParameterGroup]) -> None:
    with pytest.raises(ConfigurationInvalid, match="0 parameters"):
        make_optimiser(groups, OptimiserConfig(learning_rate=1))


def test_a_group_without_parameters_beside_others_is_no_hindrance() -> None:
    groups = [ParameterGroup("a", (), 1, 0), ParameterGroup("b", tuple(weights(1)), 1, 0)]
    assert len(make_optimiser(groups, OptimiserConfig(learning_rate=1)).param_groups) == 2
