"""An exponential moving average of a network's weights: what is exported in the end.

Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992, in the
exponential form of Mean Teacher (https://arxiv.org/abs/1703.01780), with its ramp-up: the first
steps count less.
"""

import torch
from torch import nn


class WeightAverage:
    """The average of every tensor of a network; counters are copied."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's weights after step ``step`` (the first is 1)."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.tensors[name].lerp_(value, share)
            else:
                self.tensors[name].copy_(value)
