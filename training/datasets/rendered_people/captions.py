"""Captions of rendered people that are true of their pictures, with what exactly they claim."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import Attributes
from training.datasets.rendered_people.phrases import Describer
from training.datasets.rendered_people.queries import KINDS, opening
from training.datasets.rendered_people.sentences import speak
from training.datasets.rendered_people.spelling import type_caption, type_query
from training.datasets.rendered_people.templates import HELD_OUT, TRAINING

_KIND_CHANCES = np.cumsum([chance for _, chance in KINDS])


@dataclass(frozen=True)
class Caption:
    """A text, and the bit mask ``(s,)`` of the values it permits for each slot of ``SLOTS``."""

    text: str
    claims: npt.NDArray[np.int32]


def full_caption(
    attributes: Attributes, rng: np.random.Generator, *, held_out: bool = False
) -> Caption:
    """Describe everything worth saying about a picture, in about 20 words.

    Args:
        attributes: What the picture shows; what is None is never mentioned.
        rng: Source of every choice.
        held_out: Use the templates that training never uses.
    """
    describer = Describer(attributes, rng)
    template = describer.pick(HELD_OUT if held_out else TRAINING)
    text = speak(describer, template)
    return Caption(type_caption(text, rng), describer.claims)


def short_query(attributes: Attributes, rng: np.random.Generator) -> Caption:
    """Describe one to four things about a picture, as people type it into a search box."""
    while True:
        describer = Describer(attributes, rng)
        kind = int(np.searchsorted(_KIND_CHANCES, rng.random() * _KIND_CHANCES[-1]))
        query = KINDS[kind][0](describer)
        if query:
            return Caption(type_query(opening(describer, query), rng), describer.claims)
