"""Saying that somebody has no such thing, and what exactly that denies.

"No hat" is true of a bare head and of a helmet, and false of every hat; a picture that does not
show the head says nothing about it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from training.datasets.rendered_people.attributes import NONE, SLOTS
from training.datasets.rendered_people.garment_words import LOWER, UPPER
from training.datasets.rendered_people.person_words import BAGS, HEADWEAR
from training.datasets.rendered_people.phrases import Describer, with_article
from training.datasets.rendered_people.wording import permitted_by


def _all(slot: str) -> tuple[str, ...]:
    return tuple(value for value in SLOTS[slot] if value not in (NONE, "no"))


@dataclass(frozen=True)
class Absence:
    """Nouns for a thing, and the values of each slot that having none of it denies."""

    nouns: tuple[str, ...]
    denied: dict[str, tuple[str, ...]]
    worn: bool = True
    plural: bool = False
    often: int = 1
    applies: Callable[[Describer], bool] = field(default=lambda _: True)

    def holds(self, describer: Describer) -> bool:
        """Return whether the picture shows that there is none."""
        values = {slot: describer.attributes[slot] for slot in self.denied}
        return self.applies(describer) and all(
            value is not None and value not in self.denied[slot] for slot, value in values.items()
        )

    def claim(self, describer: Describer) -> None:
        """Claim that there is none."""
        for slot, values in self.denied.items():
            describer.deny(slot, values)


def _is_a_grown_man(describer: Describer) -> bool:
    return describer.attributes["gender"] == "man" and describer.attributes["age"] != "child"


def _hat(noun: str, *others: str) -> Absence:
    return Absence((noun, *others), {"headwear": permitted_by(noun, HEADWEAR)})


def _bag(noun: str, *others: str) -> Absence:
    return Absence((noun, *others), {"bag": permitted_by(noun, BAGS)}, worn=False)


def _thing(kind: str, *nouns: str) -> Absence:
    return Absence(nouns, {"carried": (kind,)}, worn=False)


_ABSENCES = (
    Absence(("bag", "bag of any kind", "bag"), {"bag": _all("bag")}, worn=False, often=8),
    Absence(("bags",), {"bag": _all("bag")}, worn=False, plural=True, often=2),
    _bag("backpack", "rucksack"),
    _bag("suitcase"),
    Absence(
        ("hat", "hat", "hat or cap"), {"headwear": permitted_by("hat", HEADWEAR)}, often=6
    ),
    _hat("cap", "baseball cap"),
    _hat("helmet", "hard hat"),
    Absence(("headgear", "headwear"), {"headwear": _all("headwear")}, plural=True, often=2),
    Absence(("glasses", "spectacles"), {"glasses": _all("glasses")}, plural=True, often=5),
    Absence(("sunglasses", "shades"), {"glasses": ("sunglasses",)}, plural=True),
    Absence(("scarf",), {"scarf_colour": _all("scarf_colour")}, often=2),
    Absence(("mask", "face mask", "face covering"), {"mask": ("yes",)}, often=2),
    Absence(("beard",), {"beard": ("yes",)}, applies=_is_a_grown_man, often=2),
    Absence(("facial hair",), {"beard": ("yes",)}, plural=True, applies=_is_a_grown_man),
    _thing("umbrella", "umbrella", "brolly"),
    _thing("phone", "phone", "mobile phone"),
    _thing("box", "box", "parcel"),
    Absence(("jacket",), {"upper_type": permitted_by("jacket", UPPER)}, often=3),
    Absence(("coat",), {"upper_type": permitted_by("coat", UPPER)}),
    Absence(("hoodie",), {"upper_type": permitted_by("hoodie", UPPER)}),
    Absence(("dress",), {"upper_type": ("dress",)}),
    Absence(("skirt",), {"lower_type": permitted_by("skirt", LOWER)}),
    Absence(("jeans", "denims"), {"lower_type": permitted_by("jeans", LOWER)}, plural=True),
    Absence(("shorts",), {"lower_type": permitted_by("shorts", LOWER)}, plural=True),
)  # fmt: skip
_WEIGHTED = tuple(absence for absence in _ABSENCES for _ in range(absence.often))
_HELD_BAGS = ("handbag", "plastic bag", "briefcase", "suitcase")
_EMPTY_HANDS = Absence((), {"carried": _all("carried"), "bag": _HELD_BAGS})
_CARRIES_NOTHING = Absence((), {"carried": _all("carried"), "bag": _all("bag")})
_BARE_HEAD = Absence((), {"headwear": _all("headwear")})
_WHOLE: tuple[tuple[Absence, tuple[str, ...]], ...] = (
    (_EMPTY_HANDS, ("with nothing in the hands", "with empty hands", "hands empty")),
    (
        _CARRIES_NOTHING,
        ("not carrying anything", "carrying nothing", "without anything to carry",
         "with nothing to carry", "not holding or carrying anything"),
    ),
    (_BARE_HEAD, ("bareheaded", "with a bare head", "with nothing on the head", "bare headed")),
    (
        Absence((), {"beard": ("yes",)}, applies=_is_a_grown_man),
        ("clean shaven", "clean-shaven", "beardless", "with a shaved face"),
    ),
)  # fmt: skip


def _one_absence(describer: Describer) -> Absence | None:
    """Return something that the picture shows to be missing; None if a few guesses fail."""
    for _ in range(4):
        absence = describer.pick(_WEIGHTED)
        if absence.holds(describer):
            absence.claim(describer)
            return absence
    return None


def lacking(describer: Describer) -> str:
    """Return what a person has not, as "no hat"; empty where nothing is known to be missing."""
    absence = _one_absence(describer)
    return f"no {describer.pick(absence.nouns)}" if absence else ""


def without(describer: Describer) -> str:
    """Return what a person has not, to follow the person: "without a hat", "not wearing a hat"."""
    if describer.chance(0.2):
        absence, wordings = describer.pick(_WHOLE)
        if absence.holds(describer):
            absence.claim(describer)
            return describer.pick(wordings)
    missing = _one_absence(describer)
    if missing is None:
        return ""
    noun = describer.pick(missing.nouns)
    one = noun if missing.plural else with_article(noun)
    no_article = describer.pick((one, one, noun))
    verb = "wearing" if missing.worn else "carrying"
    if "beard" in missing.denied:
        return describer.pick((f"with no {noun}", f"without {one}", f"no {noun}"))
    return describer.pick(
        (
            f"without {no_article}", f"without {one}", f"with no {noun}", f"no {noun}",
            f"not {verb} {no_article}", f"lacking {one}", f"not {verb} any {noun}"
            if missing.plural else f"who has no {noun}", f"minus {one}",
        )
    )  # fmt: skip
