"""The learning rate as a function of the samples seen.

Counted in samples and not in time, so that a run is the same on a slow and on a fast machine.
"""

import math


def sample_factor(samples: int, total: int, warmup_samples: int) -> float:
    """Return the factor of the step that begins after ``samples`` of ``total``: in 0..1.

    A linear warm-up times a half cosine from 1 to 0 (Loshchilov and Hutter, SGDR, 2017,
    equation 5 without restarts).
    """
    warmup = min(1.0, (samples + 1) / max(1, warmup_samples))
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, samples / total))
    return warmup * cosine
