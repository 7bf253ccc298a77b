"""People and their sightings by number: the same for a seed, in whatever order they are drawn."""

from dataclasses import dataclass, replace

import numpy as np

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.rendering import Rendering, render
from training.datasets.rendered_people.sampling import sample_person
from training.datasets.rendered_people.settings import (
    SETTING_NAMES,
    Setting,
    SettingName,
    setting_of,
)
from training.datasets.rendered_people.siblings import sibling_of
from training.datasets.rendered_people.sighting import Sighting, sample_sighting

# Apart from those of people (seed, person) and of sightings (seed, person, index). What an
# export draws for cameras and times has the number 1.
_SIBLING_STREAM, _SCENE_STREAM, _FOLD_STREAM = 2, 3, 4


@dataclass(frozen=True)
class Population:
    """All the people that a seed makes; another setting makes others of the same seed.

    ``evenness`` is 0 for everyday frequencies, up to 1 to make rare things as frequent as common
    ones. ``siblings`` is the share, up to 0.5, of people who equal the one before them but for
    one thing; both are then seen in the same places, from the same sides, in the same light.
    """

    seed: int
    setting_name: SettingName = "training"
    evenness: float = 0.0
    siblings: float = 0.0

    @property
    def setting(self) -> Setting:
        """What the distributions of bodies, scenes and cameras are."""
        return setting_of(self.setting_name)

    def member(self, person_id: int) -> Person:
        """Return one person."""
        rng = self._sibling_draws(person_id)
        if rng is not None:
            return sibling_of(self.member(person_id - 1), person_id, rng)
        return sample_person(person_id, self._rng(person_id), self.setting, self.evenness)

    def original_of(self, person_id: int) -> int:
        """Return whom somebody is a sibling of; himself if of nobody."""
        return person_id if self._sibling_draws(person_id) is None else person_id - 1

    def sight(self, person: Person, index: int, size: tuple[int, int]) -> Rendering:
        """Return the crop of one sighting of a person; ``size`` is its width and height."""
        if self.siblings == 0:
            rng = self._rng(person.person_id, index)
            return render(person, sample_sighting(person, rng, self.setting), rng, size)
        original = self.original_of(person.person_id)
        sighting = self._shared_sighting(person, original, index)
        # Generators of their own: what a figure draws for its folds must not shift the scene.
        folds = self._rng(original, index, _FOLD_STREAM)
        return render(person, sighting, folds, size, self._rng(original, index, _SCENE_STREAM))

    def _shared_sighting(self, person: Person, original: int, index: int) -> Sighting:
        """Return the sighting of the original, with arms that carry what this person carries."""
        own = sample_sighting(person, self._rng(original, index), self.setting)
        if person.person_id == original:
            return own
        first = sample_sighting(self.member(original), self._rng(original, index), self.setting)
        pose = replace(
            first.pose,
            left_arm=own.pose.left_arm,
            right_arm=own.pose.right_arm,
            carrying_side=own.pose.carrying_side,
        )
        return replace(first, pose=pose)

    def _sibling_draws(self, person_id: int) -> np.random.Generator | None:
        """Return what a sibling draws from; None for who is nobody's."""
        # Only every other person, so that families are pairs.
        if self.siblings == 0 or person_id % 2 == 0:
            return None
        rng = self._rng(person_id, 0, _SIBLING_STREAM)
        return rng if rng.random() < 2 * self.siblings else None

    def _rng(self, *key: int) -> np.random.Generator:
        number = SETTING_NAMES.index(self.setting_name)
        # The first setting had no number yet, and its people are to stay as they are.
        entropy = self.seed if number == 0 else (self.seed, number)
        return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))


def member(seed: int, person_id: int) -> Person:
    """Return one person of the population that ``seed`` makes by default."""
    return Population(seed).member(person_id)


def sight(seed: int, person: Person, index: int, size: tuple[int, int]) -> Rendering:
    """Return the crop of one sighting of a person; ``size`` is its width and height."""
    return Population(seed).sight(person, index, size)
