"""From parameter groups to an optimiser."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from pydantic import Field

from models.errors import ConfigurationInvalid
from models.schema import Schema
from training.contracts import ParameterGroup


class OptimiserConfig(Schema):
    """Which optimiser moves the groups of a method; rates and decays are the groups' own."""

    kind: Literal["adam", "adamw", "sgd"] = "adam"
    """``adam`` adds the decay to the gradient, ``adamw`` takes it off the weight."""
    learning_rate: float = Field(gt=0)
    """Of the method's main group; the method derives the others from it."""
    weight_decay: float = Field(default=0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of ``sgd`` alone."""
    fused: bool = False
    """One pass over all weights: faster, and equal up to rounding."""


def make_optimiser(
    groups: Sequence[ParameterGroup], config: OptimiserConfig
) -> torch.optim.Optimizer:
    """Return an optimiser over the groups; ``initial_lr`` of each is its rate before a schedule.

    Raises:
        ConfigurationInvalid: If a parameter is in two groups, or there is none.
    """
    _check(groups)
    described = [
        {
            "params": list(group.parameters),
            "lr": group.learning_rate,
            "initial_lr": group.learning_rate,
            "weight_decay": group.weight_decay,
            "name": group.name,
        }
        for group in groups
    ]
    if config.kind == "sgd":
        return torch.optim.SGD(
            described, lr=config.learning_rate, momentum=config.momentum, fused=config.fused
        )
    kind = torch.optim.Adam if config.kind == "adam" else torch.optim.AdamW
    return kind(
        described,
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=config.fused,
    )


def _check(groups: Sequence[ParameterGroup]) -> None:
    identities = [id(parameter) for parameter in _all(groups)]
    if not identities or len(set(identities)) != len(identities):
        raise ConfigurationInvalid(
            f"{len(identities)} parameters in {len(groups)} groups, {len(set(identities))} of them "
            "different: every trained parameter must be in exactly one group"
        )


def _all(groups: Iterable[ParameterGroup]) -> Iterable[torch.nn.Parameter]:
    return (parameter for group in groups for parameter in group.parameters)
