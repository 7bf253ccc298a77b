"""Formulas of losses, one number at a time and in double precision; and how losses are probed."""

from collections.abc import Callable, Sequence

import torch

Row = Sequence[torch.Tensor]
Loss = Callable[..., torch.Tensor]


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.stack([x * y for x, y in zip(a, b, strict=True)]).sum()


def length(a: torch.Tensor) -> torch.Tensor:
    return dot(a, a).sqrt()


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return dot(a, b) / (length(a) * length(b))


def log_softmax(row: Row) -> list[torch.Tensor]:
    normaliser = torch.stack([x.exp() for x in row]).sum().log()
    return [x - normaliser for x in row]


def cross_entropy(rows: Sequence[Row], answers: Sequence[int]) -> torch.Tensor:
    losses = [-log_softmax(row)[answer] for row, answer in zip(rows, answers, strict=True)]
    return torch.stack(losses).mean()


def divergence(rows: Sequence[Row], targets: Sequence[Sequence[float]]) -> torch.Tensor:
    """KL(softmax(row) || target), with 1e-8 added to the target, averaged over the rows."""
    total = torch.zeros((), dtype=torch.float64)
    for row, target in zip(rows, targets, strict=True):
        for log_p, q in zip(log_softmax(row), target, strict=True):
            total = total + log_p.exp() * (log_p - torch.tensor(q + 1e-8).double().log())
    return total / len(rows)


def matching_rows(identities: Sequence[int], power: int) -> list[list[float]]:
    """Rows of equal identities, divided by their norm of that power."""
    rows = [[float(a == b) for b in identities] for a in identities]
    return [[x / sum(row) ** (1 / power) for x in row] for row in rows]


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def value_and_gradients(
    loss: Loss, inputs: Sequence[torch.Tensor]
) -> tuple[float, list[torch.Tensor]]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    value = loss(*leaves)
    gradients = torch.autograd.grad(value, leaves)
    return value.item(), list(gradients)


def worst_difference(loss: Loss, slow: Loss, inputs: Sequence[torch.Tensor]) -> float:
    """Of value and gradients between a loss and its transcription, beside 1 + their size."""
    value, gradients = value_and_gradients(loss, inputs)
    expected, slow_gradients = value_and_gradients(slow, [x.double() for x in inputs])
    differences = [abs(value - expected) / (1 + abs(expected))]
    for found, right in zip(gradients, slow_gradients, strict=True):
        differences.append(((found - right).abs() / (1 + right.abs())).max().item())
    return max(differences)


def is_finite_with_gradients(loss: Loss, inputs: Sequence[torch.Tensor]) -> bool:
    value, gradients = value_and_gradients(loss, inputs)
    return all(torch.isfinite(x).all().item() for x in [torch.tensor(value), *gradients])
