"""What a picture shows of a person's attributes, counted from the pixels that are left of them.

A slot is unseen (``None``) if too little of what it is about is in the picture: outside the
frame, behind something, on the far side, or too small for the camera's resolution.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people.attributes import NONE, SLOT_NAMES
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.sighting import Sighting

_HEAD_PARTS = (Part.FACE, Part.HAIR, Part.HEADWEAR, Part.MASK, Part.GLASSES)
_LEAST_SHARE = 0.0007  # of all pixels: 13 of a crop of 80 x 240
_LEAST_PIXELS = 4.0  # of the camera
_LEAST_GARMENT = 0.006
_LEAST_HEAD = 0.003
_FACE_PIXELS = 30.0  # of the camera, below which glasses and beards are a guess
_HIDES_HAIR = ("hood", "headscarf")
_HIDES_SHORT_HAIR = ("helmet", "beanie")

Seen = dict[str, str | None]


class _Census:
    """How much of each part a picture shows."""

    def __init__(self, parts: npt.NDArray[np.int8], camera_height: int) -> None:
        self._counts = np.bincount(parts.ravel(), minlength=len(Part))
        self._total = parts.size
        self._scale: float = min(1.0, camera_height / parts.shape[0]) ** 2

    def share(self, *parts: Part) -> float:
        """Return the share of the picture that shows any of ``parts``."""
        return sum(int(self._counts[part]) for part in parts) / self._total

    def pixels(self, *parts: Part) -> float:
        """Return how many camera pixels show any of ``parts``."""
        return self.share(*parts) * self._total * self._scale

    def shows(self, *parts: Part) -> bool:
        """Whether a small thing can be made out."""
        return self.share(*parts) >= _LEAST_SHARE and self.pixels(*parts) >= _LEAST_PIXELS


def seen_attributes(
    person: Person, sighting: Sighting, parts: npt.NDArray[np.int8]
) -> dict[str, str | None]:
    """Return every slot of ``SLOTS`` with its value, or ``None`` where the picture does not tell.

    Args:
        person: Who it is.
        sighting: From where, and with which camera.
        parts: The part at each pixel ``(h, w)``, 0 where something hides the person.
    """
    seen: Seen = {**person.attributes, "pose": sighting.pose.name}
    seen["view"] = sighting.viewpoint.view
    census = _Census(parts, sighting.camera.height)
    _judge_upper(seen, person, sighting, census)
    _judge_lower(seen, person, census)
    _judge_head(seen, person.attributes, sighting, census)
    _judge_belongings(seen, person.attributes, census)
    return {name: seen[name] for name in SLOT_NAMES}


def _hide(seen: Seen, *slots: str) -> None:
    for slot in slots:
        seen[slot] = None


def _judge_upper(seen: Seen, person: Person, sighting: Sighting, census: _Census) -> None:
    attributes, view = person.attributes, sighting.viewpoint.view
    if census.share(Part.UPPER, Part.SLEEVE, Part.INNER) < _LEAST_GARMENT:
        _hide(
            seen, "upper_type", "upper_colour", "upper_shade", "upper_pattern",
            "upper_second_colour", "sleeve", "front", "inner_colour", "scarf_colour",
        )  # fmt: skip
        return
    if not census.shows(Part.SLEEVE, Part.ARM, Part.INNER):
        _hide(seen, "sleeve")
    if view == "back":
        _hide(seen, "front")
    if attributes["inner_colour"] != NONE and not census.shows(Part.INNER):
        _hide(seen, "inner_colour")
    printed_side = "back" if person.style.weave.print_on_back else "front"
    if attributes["upper_pattern"] == "graphic" and (view == "back") != (printed_side == "back"):
        _hide(seen, "upper_pattern", "upper_second_colour")
    if attributes["scarf_colour"] != NONE and not census.shows(Part.SCARF):
        _hide(seen, "scarf_colour")


def _judge_lower(seen: Seen, person: Person, census: _Census) -> None:
    kind = person.attributes["lower_type"]
    garment = Part.UPPER if kind == "dress" else Part.LOWER
    if census.share(garment) < _LEAST_GARMENT:
        _hide(seen, "lower_type", "lower_colour", "lower_shade", "lower_pattern")
    # A hem is seen if what comes out below it is.
    below = (Part.LEG, Part.SHOE) if kind in ("skirt", "dress") else (Part.LOWER, Part.SHOE)
    if not census.shows(*below) or seen["lower_type"] is None:
        _hide(seen, "hem_length")
    if not census.shows(Part.SHOE):
        _hide(seen, "shoe_type", "shoe_colour", "pose")


def _judge_head(
    seen: Seen, attributes: Mapping[str, str], sighting: Sighting, census: _Census
) -> None:
    view, headwear, hair = (
        sighting.viewpoint.view,
        attributes["headwear"],
        attributes["hair_length"],
    )
    if census.share(*_HEAD_PARTS) < _LEAST_HEAD:
        _hide(seen, "headwear", "headwear_colour", "hair_length", "hair_colour")
        _hide(seen, "glasses", "mask", "beard", "age")
        return
    if headwear != NONE and not census.shows(Part.HEADWEAR):
        _hide(seen, "headwear", "headwear_colour")
    _judge_face(seen, attributes, view, census)
    covered = headwear in _HIDES_HAIR or (
        headwear in _HIDES_SHORT_HAIR and hair in ("short", "bald")
    )
    if covered or (view == "front" and hair in ("ponytail", "bun")):
        _hide(seen, "hair_length")
    if hair == "bald" or not census.shows(Part.HAIR):
        _hide(seen, "hair_colour")


def _judge_face(seen: Seen, attributes: Mapping[str, str], view: str, census: _Census) -> None:
    if view == "back":
        _hide(seen, "glasses", "mask", "beard")
    elif census.pixels(Part.FACE, Part.MASK, Part.GLASSES) < _FACE_PIXELS:
        _hide(seen, "glasses", "beard")
    if attributes["mask"] == "yes":
        _hide(seen, "beard")
        if not census.shows(Part.MASK):
            _hide(seen, "mask")
    worn = attributes["glasses"] != NONE
    if worn and census.pixels(Part.GLASSES) < _LEAST_PIXELS:
        _hide(seen, "glasses")


def _judge_belongings(seen: Seen, attributes: Mapping[str, str], census: _Census) -> None:
    if attributes["bag"] != NONE and not census.shows(Part.BAG):
        _hide(seen, "bag_colour")
        if not census.shows(Part.STRAP):
            _hide(seen, "bag")
    if attributes["carried"] != NONE and not census.shows(Part.CARRIED):
        _hide(seen, "carried", "carried_colour")
