"""What a step looks like, as a function of the samples seen: image size and learning rate.

Counted in samples and not in time, so that a run is the same on a slow and on a fast machine.
"""

import math

from training.config import OptimiserConfig, Phase


def phase_at(phases: tuple[Phase, ...], samples: int) -> Phase:
    """Return the phase in which the sample after ``samples`` falls; the last one at the end."""
    end = 0
    for phase in phases:
        end += phase.samples
        if samples < end:
            return phase
    return phases[-1]


def learning_rate_at(optimiser: OptimiserConfig, samples: int, total: int) -> float:
    """Return the rate of the step that begins after ``samples`` of ``total``.

    A linear warm-up times a half cosine from 1 to 0 (Loshchilov and Hutter, SGDR, 2017,
    equation 5 without restarts).
    """
    warmup = min(1.0, (samples + 1) / max(1, optimiser.warmup_samples))
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, samples / total))
    return optimiser.learning_rate * warmup * cosine
