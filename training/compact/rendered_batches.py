"""The batches of a run on rendered people, by their number."""

import numpy as np

from models.errors import ConfigurationInvalid
from training.batch_source import Drawn
from training.compact.batches import Batch, draw_batch
from training.compact.config import CompactDualConfig, Phase
from training.compact.corpus import Corpus
from training.gathering import processes


class RenderedBatches:
    """Two sightings of each person of a batch, in the image size of the phase it falls in.

    Raises:
        ConfigurationInvalid: If a batch needs more people than there are, or several processes
            would train on the same batches.
    """

    def __init__(self, corpus: Corpus, config: CompactDualConfig, seed: int) -> None:
        _check(corpus, config)
        self._corpus = corpus
        self._config = config
        self._seed = seed
        self._phases = list(_phases(config))  # of every step

    def __len__(self) -> int:
        return len(self._phases)

    def __getitem__(self, step: int) -> Drawn[Batch]:
        rng = np.random.default_rng((self._seed, step))
        config = self._config
        phase = self._phases[step]
        batch = draw_batch(self._corpus, phase, config.augmentation, config.objective, rng)
        return Drawn(batch, len(batch.pixels))

    @property
    def samples(self) -> int:
        """How many crops the whole run sees, repetitions included."""
        return self.samples_before(len(self))

    def samples_before(self, step: int) -> int:
        """Return how many crops have been seen before a step."""
        return sum(2 * phase.people_per_batch for phase in self._phases[:step])

    def epoch(self, step: int) -> int:
        """Return how often all crops have been seen before a step."""
        return self.samples_before(step) // self._corpus.people.size


def _check(corpus: Corpus, config: CompactDualConfig) -> None:
    people = max(phase.people_per_batch for phase in config.phases)
    if people > len(corpus.people):
        raise ConfigurationInvalid(
            f"people_per_batch {people} is more than the {len(corpus.people)} people of the data: "
            "lower it, or render more people"
        )
    if processes() > 1:
        raise ConfigurationInvalid(
            f"{processes()} processes were started, and rendered people are trained on in one: "
            "start it without torchrun"
        )


def _phases(config: CompactDualConfig) -> list[Phase]:
    steps: list[Phase] = []
    samples = end = 0
    for phase in config.phases:
        end += phase.samples
        while samples < end:
            steps.append(phase)
            samples += 2 * phase.people_per_batch
    return steps
