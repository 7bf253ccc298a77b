"""The terms of a loss, by name."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class LossTerms:
    """Scalars with their weights; what is optimised is their weighted sum."""

    terms: dict[str, tuple[float, torch.Tensor]]

    def total(self) -> torch.Tensor:
        """Return the weighted sum: a scalar."""
        return torch.stack([weight * value for weight, value in self.terms.values()]).sum()

    def values(self) -> dict[str, float]:
        """Return each unweighted term as a number."""
        return {name: value.item() for name, (_, value) in self.terms.items()}
