"""Draws by weight, in which rare values can be made more frequent."""

from dataclasses import dataclass

import numpy as np

from training.datasets.rendered_people.wardrobe import Weights, choose


@dataclass(frozen=True)
class Dice:
    """Draw values from ``rng``; ``evenness`` 0 keeps weights, 1 makes every value as frequent.

    In between, a weight ``w`` counts as ``w ** (1 - evenness)``. What weighs nothing never comes.
    """

    rng: np.random.Generator
    evenness: float = 0.0

    def choose(self, weights: Weights) -> str:
        """Return one key, drawn by its evened weight."""
        if self.evenness == 0:
            return choose(self.rng, weights)
        return choose(self.rng, {name: self._evened(weight) for name, weight in weights.items()})

    def chance(self, likelihood: float) -> bool:
        """Whether something happens; ``likelihood`` is evened against that of its contrary."""
        if self.evenness > 0:
            for_it, against = self._evened(likelihood), self._evened(1 - likelihood)
            likelihood = for_it / (for_it + against)
        return bool(self.rng.random() < likelihood)

    def _evened(self, weight: float) -> float:
        return weight ** (1 - self.evenness) if weight > 0 else 0.0
