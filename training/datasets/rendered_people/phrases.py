"""Noun phrases about one person, with what they claim."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.datasets.rendered_people import garments
from training.datasets.rendered_people.attributes import (
    ANY,
    NONE,
    SHADES,
    SLOT_INDEX,
    SLOTS,
    Attributes,
    permit,
)
from training.datasets.rendered_people.wording import SHADE_WORDS, Wordings

_VOWELS = "aeiou"


def with_article(words: str) -> str:
    """Return ``words`` after "a" or "an"."""
    return ("an " if words[:1].lower() in _VOWELS else "a ") + words


class Describer:
    """Makes phrases about what one picture shows, and remembers what they claim.

    A phrase is empty where the picture does not show the thing, or the person has none.
    """

    def __init__(self, attributes: Attributes, rng: np.random.Generator) -> None:
        self.attributes = attributes
        self.rng = rng
        self.claims: npt.NDArray[np.int32] = np.full(len(SLOTS), ANY, np.int32)

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def pick(self, options: Sequence[str]) -> str:
        """Return one of the options."""
        return options[int(self.rng.integers(len(options)))]

    def claim(self, slot: str, values: Sequence[str]) -> None:
        """Remember that ``slot`` is said to have one of ``values``."""
        self.claims[SLOT_INDEX[slot]] &= permit(slot, values)

    def has(self, slot: str) -> bool:
        """Return whether the picture shows the thing and the person has one."""
        return self.attributes[slot] not in (None, NONE)

    def _say(self, slot: str, wordings: Wordings) -> str:
        words, values = wordings[int(self.rng.integers(len(wordings)))]
        self.claim(slot, [value for value in values if value in SLOTS[slot]])
        return words

    def _named(self, slot: str, names: dict[str, Wordings]) -> str:
        value = self.attributes[slot]
        return "" if value is None or value not in names else self._say(slot, names[value])

    def _plain_colour(self, slot: str) -> str:
        value = self.attributes[slot]
        if value is None or value == NONE:
            return ""
        self.claim(slot, (value,))
        return "gray" if value == "grey" and self.chance(0.3) else value

    def shade(self, part: str) -> str:
        """Return a colour word for the ``upper`` or ``lower`` garment."""
        return self._named(f"{part}_shade", SHADE_WORDS)

    def subject(self, anybody: float = 0.1) -> str:
        """Return a word for the person; with probability ``anybody`` one that claims nothing."""
        gender, age = self.attributes["gender"], self.attributes["age"]
        if gender is None or self.chance(anybody):
            return self.pick(garments.ANYBODY)
        words = self.pick(garments.PEOPLE[gender, age or "adult"])
        if age is not None and age != "adult" and words not in ("man", "woman"):
            self.claim("age", (age,))
        if words not in ("kid", "child"):
            self.claim("gender", (gender,))
        return words

    def pronouns(self) -> tuple[str, str]:
        """Return "he" and "his", "she" and "her", or "they" and "their"; claims nothing yet."""
        gender = self.attributes["gender"]
        if gender is None or self.chance(0.15):
            return "they", "their"
        return ("he", "his") if gender == "man" else ("she", "her")

    def upper(self, detail: float = 1.0) -> str:
        """Return the upper garment without an article, as "striped red t-shirt"."""
        name = self._named("upper_type", garments.UPPER)
        colour = self.shade("upper")
        if not name:
            return f"{colour} top" if colour else ""
        after = ""
        pattern = ""
        if self.attributes["upper_pattern"] not in (None, "plain") and self.chance(0.8 * detail):
            pattern = self._named("upper_pattern", garments.PATTERN)
            if colour and self.chance(0.5):
                colour += self._second_colour()
        if self.chance(0.25 * detail) and "sleeve" not in name and "vest" not in name:
            pattern = " ".join(filter(None, (self._sleeve(), pattern)))
        if self.has("inner_colour") and self.chance(0.4 * detail):
            inner = self._plain_colour("inner_colour")
            link = self.pick((" over {}", " with {} underneath", " on top of {}", " and {} inside"))
            after = link.format(with_article(f"{inner} {self.pick(('shirt', 'top', 't-shirt'))}"))
        front = ""
        if self.attributes["front"] == "open" and self.chance(0.15 * detail):
            self.claim("front", ("open",))
            front = self.pick(("open", "unzipped", "unbuttoned"))
        first, second = (pattern, colour) if self.chance(0.3) else (colour, pattern)
        length = self._hem_length("dress", "coat") if self.chance(0.4 * detail) else ""
        return " ".join(filter(None, (front, length, first, second, name))) + after

    def _second_colour(self) -> str:
        first, second = self.attributes["upper_shade"], self.attributes["upper_second_colour"]
        if first is None or second in (None, NONE, SHADES[first].colour):
            return ""  # two shades of one colour: nobody says "blue and blue"
        return f" and {self._plain_colour('upper_second_colour')}"

    def _sleeve(self) -> str:
        sleeve = self.attributes["sleeve"]
        if sleeve is None or self.attributes["upper_type"] not in (
            "t-shirt",
            "shirt",
            "blouse",
            "dress",
        ):
            return ""
        self.claim("sleeve", (sleeve,))
        if sleeve == "sleeveless":
            return "sleeveless"
        return self.pick((f"{sleeve}-sleeved", f"{sleeve} sleeved", f"{sleeve} sleeve"))

    def _hem_length(self, *garment_types: str) -> str:
        length = self.attributes["hem_length"]
        worn = (self.attributes["upper_type"], self.attributes["lower_type"])
        if length in (None, NONE) or not set(worn) & set(garment_types):
            return ""
        self.claim("hem_length", (length,))
        return str(length)

    def lower(self) -> str:
        """Return the lower garment with its article if it takes one; empty under a dress."""
        kind = self.attributes["lower_type"]
        if kind == "dress":
            return ""
        name = self._named("lower_type", garments.LOWER)
        colour = self.shade("lower")
        if not name:
            return f"{colour} bottoms" if colour else ""
        pattern = ""
        if self.has("lower_pattern") and self.attributes["lower_pattern"] != "plain":
            pattern = self._named("lower_pattern", garments.PATTERN)
        length = self._hem_length("skirt") if self.chance(0.4) else ""
        words = " ".join(filter(None, (length, colour, pattern, name)))
        if name == "skirt":
            return with_article(words)
        return f"a pair of {words}" if self.chance(0.2) else words

    def shoes(self) -> str:
        """Return the shoes, as "white sneakers"."""
        name = self._named("shoe_type", garments.SHOES)
        colour = self._plain_colour("shoe_colour") if name else ""
        return " ".join(filter(None, (colour, name)))

    def shoe_colour(self) -> str:
        """Return the colour of the shoes."""
        return self._plain_colour("shoe_colour")

    def hair(self) -> str:
        """Return the hair, as "long black hair" or "a ponytail"."""
        length = self.attributes["hair_length"]
        if length == "bald":
            self.claim("hair_length", ("bald",))
            return self.pick(("a bald head", "no hair", "a shaved head"))
        colour = ""
        if self.attributes["hair_colour"] is not None and (length is None or self.chance(0.85)):
            colour = self._named("hair_colour", garments.HAIR_COLOUR)
        if length is None or (colour and self.chance(0.12)):
            return f"{colour} hair" if colour else ""
        self.claim("hair_length", (length,))
        hair = f"{colour} hair".strip()
        options: tuple[str, ...]
        if length == "ponytail":
            options = (
                with_article(f"{colour} ponytail".strip()),
                f"{hair} in a ponytail",
                f"{hair} tied back in a ponytail",
            )
        elif length == "bun":
            options = (
                with_article(f"{colour} bun".strip()),
                f"{hair} in a bun",
                f"{hair} up in a bun",
            )
        elif length == "medium":
            options = (f"medium length {hair}", f"shoulder length {hair}", f"medium {hair}")
        else:
            options = (f"{length} {hair}",)
        return self.pick(options)

    def bag(self) -> str:
        """Return the bag with its article."""
        name = self._named("bag", garments.BAGS)
        if not name:
            return ""
        colour = self._plain_colour("bag_colour") if self.chance(0.8) else ""
        return with_article(f"{colour} {name}".strip())

    def headwear(self) -> str:
        """Return what is on the head, with its article."""
        if self.attributes["headwear"] == "hood":
            self.claim("headwear", ("hood",))
            return self.pick(("a hood up", "a hood over the head", "the hood up"))
        name = self._named("headwear", garments.HEADWEAR)
        if not name:
            return ""
        colour = self._plain_colour("headwear_colour") if self.chance(0.8) else ""
        return with_article(f"{colour} {name}".strip())

    def glasses(self) -> str:
        """Return the glasses."""
        kind = self.attributes["glasses"]
        if kind is None or kind == NONE:
            return ""
        self.claim("glasses", (kind,))
        if kind == "glasses":
            return self.pick(("glasses", "eyeglasses", "spectacles", "a pair of glasses"))
        return self.pick(("sunglasses", "dark glasses", "a pair of sunglasses", "shades"))

    def carried(self) -> str:
        """Return the thing in the hands, with its article."""
        thing = self.attributes["carried"]
        if thing is None or thing == NONE:
            return ""
        self.claim("carried", (thing,))
        words = self.pick(garments.CARRIED[thing])
        if "{colour}" not in words:
            return words
        colour = self._plain_colour("carried_colour") if self.chance(0.6) else ""
        words = words.format(colour=f"{colour} " if colour else "")
        return with_article(words.split(" ", 1)[1])

    def around_the_neck(self) -> str:
        """Return a scarf."""
        colour = self._plain_colour("scarf_colour")
        return with_article(f"{colour} scarf") if colour else ""

    def on_the_face(self) -> str:
        """Return a mask or a beard."""
        if self.attributes["mask"] == "yes":
            self.claim("mask", ("yes",))
            return self.pick(("a face mask", "a mask", "a surgical mask"))
        if self.attributes["beard"] == "yes":
            self.claim("beard", ("yes",))
            return self.pick(("a beard", "facial hair"))
        return ""

    def doing(self) -> str:
        """Return pose, view or both, as "walking away from the camera"."""
        pose, view = self.attributes["pose"], self.attributes["view"]
        moving = ""
        if pose is not None:
            words = {
                "walking": ("walking", "strolling"),
                "standing": ("standing",),
                "running": ("running", "jogging"),
            }
            moving = self.pick(words[pose])
            self.claim("pose", (pose,))
        if view is None or (moving and self.chance(0.4)):
            return moving
        return f"{moving} {self._facing(view)}".strip()

    def _facing(self, view: str) -> str:
        if view == "front":
            self.claim("view", ("front",))
            return self.pick(("facing the camera", "facing forward", "seen from the front"))
        if view == "back":
            self.claim("view", ("back",))
            return self.pick(("facing away", "seen from behind", "with the back to the camera"))
        if self.chance(0.6):
            self.claim("view", ("left", "right"))
            return self.pick(("seen from the side", "in profile", "in side view"))
        self.claim("view", (view,))
        return self.pick((f"facing {view}", f"facing to the {view}"))
