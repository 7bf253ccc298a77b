"""People and their sightings by number: the same for a seed, in whatever order they are drawn."""

import numpy as np

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.rendering import Rendering, render
from training.datasets.rendered_people.sampling import sample_person
from training.datasets.rendered_people.sighting import sample_sighting


def member(seed: int, person_id: int) -> Person:
    """Return one person of the population that ``seed`` makes."""
    return sample_person(person_id, _generator(seed, person_id))


def sight(seed: int, person: Person, index: int, size: tuple[int, int]) -> Rendering:
    """Return the crop of one sighting of a person; ``size`` is its width and height."""
    rng = _generator(seed, person.person_id, index)
    return render(person, sample_sighting(person, rng), rng, size)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
