"""People and sightings to order, for the tests of the renderer."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np

from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.population import member
from training.datasets.rendered_people.sighting import Camera, Light, Sighting, sample_sighting

SEED = 3
FACING = {"front": 0.0, "left": -np.pi / 2, "back": np.pi, "right": np.pi / 2}
NEUTRAL = Camera(
    white_balance=(1.0, 1.0, 1.0),
    exposure=1.0,
    haze=0.0,
    tone=0.0,
    contrast=1.0,
    brightness=0.0,
    saturation=1.0,
    height=330,
    blur=0.0,
    noise=0.0,
    jpeg_quality=98,
    sharpened=False,
)
DAYLIGHT = Light((0.0, 0.6, 0.8), 0.5, 0.5, 0.0, 1.0, 0.3)


def find(wanted: Callable[[Person], bool]) -> Person:
    """Return the first person of the test population that is wanted."""
    return next(person for person in (member(SEED, i) for i in count()) if wanted(person))


def wearing(**attributes: str) -> Person:
    """Return the first person with some attributes."""
    return find(
        lambda person: all(person.attributes[name] == value for name, value in attributes.items())
    )


def clear_view(person: Person, view: str) -> Sighting:
    """Return a person standing, straight from one side, head to toe, with a good camera."""
    sighting = sample_sighting(person, np.random.default_rng(SEED), view=view)
    pose = replace(sighting.pose, name="standing", stride=0.0, knee_bend=0.0, lean=0.0, head_yaw=0)
    viewpoint = replace(
        sighting.viewpoint,
        yaw=FACING[view],
        pitch=0.1,
        roll=0.0,
        distance=8.0,
        fill=0.9,
        zoom=1.0,
        shift_x=0.0,
        shift_y=0.0,
    )
    return replace(
        sighting,
        viewpoint=viewpoint,
        pose=pose,
        camera=NEUTRAL,
        light=DAYLIGHT,
        occluder=0,
    )
