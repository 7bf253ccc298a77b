"""Noun phrases about one person, with what they claim."""

from training.datasets.rendered_people import person_words
from training.datasets.rendered_people.clothing import ClothingSpeaker
from training.datasets.rendered_people.speaker import with_article

__all__ = ["Describer", "with_article"]


class Describer(ClothingSpeaker):
    """Makes phrases about what one picture shows, and remembers what they claim.

    A phrase is empty where the picture does not show the thing, or the person has none.
    """

    def subject(self, anybody: float = 0.1) -> str:
        """Return a word for the person; with probability ``anybody`` one that claims nothing."""
        gender = self.attributes["gender"]
        if gender is None or self.chance(anybody):
            return self.pick(person_words.ANYBODY)
        noun = self.pick(person_words.PEOPLE[gender, self.attributes["age"]])
        if noun.genders:
            self.claim("gender", noun.genders)
        if noun.ages:
            self.claim("age", noun.ages)
        return noun.words

    def pronouns(self) -> tuple[str, str]:
        """Return "he" and "his", "she" and "her", or "they" and "their"; claims nothing yet."""
        gender = self.attributes["gender"]
        if gender is None or self.chance(0.15):
            return "they", "their"
        return ("he", "his") if gender == "man" else ("she", "her")

    def hair(self) -> str:
        """Return the hair, as "long black hair" or "a ponytail"."""
        length = self.attributes["hair_length"]
        if length == "bald":
            self.claim("hair_length", ("bald",))
            return self.pick(person_words.HAIR_LENGTH["bald"])
        colour = ""
        if self.attributes["hair_colour"] is not None and (length is None or self.chance(0.85)):
            colour = self.name("hair_colour", person_words.HAIR_COLOUR)
        if length is None or (colour and self.chance(0.12)):
            return f"{colour} hair" if colour else ""
        self.claim("hair_length", (length,))
        if length in person_words.TIED and self.chance(0.4):
            words = self.pick(person_words.TIED[length]).format(colour).strip()
            return with_article(words)
        hair = f"{colour} hair".strip()
        return self.pick(person_words.HAIR_LENGTH[length]).format(hair)

    def bag(self) -> str:
        """Return the bag with its article."""
        name = self.name("bag", person_words.BAGS)
        if not name:
            return ""
        colour = self.colour("bag_colour") if self.chance(0.8) else ""
        return with_article(f"{colour} {name}".strip())

    def headwear(self) -> str:
        """Return what is on the head, with its article."""
        if self.attributes["headwear"] == "hood":
            self.claim("headwear", ("hood",))
            return self.pick(person_words.HOODS)
        name = self.name("headwear", person_words.HEADWEAR)
        if not name:
            return ""
        colour = self.colour("headwear_colour") if self.chance(0.8) else ""
        return with_article(f"{colour} {name}".strip())

    def glasses(self) -> str:
        """Return the glasses."""
        return self.name("glasses", person_words.GLASSES)

    def carried(self) -> str:
        """Return the thing in the hands, with its article."""
        words = self.name("carried", person_words.CARRIED)
        if "{colour}" not in words:
            return words
        colour = self.colour("carried_colour") if self.chance(0.6) else ""
        words = words.format(colour=f"{colour} " if colour else "")
        return with_article(words.split(" ", 1)[1])

    def around_the_neck(self) -> str:
        """Return a scarf."""
        colour = self.colour("scarf_colour")
        return with_article(f"{colour} {self.pick(person_words.SCARVES)}") if colour else ""

    def on_the_face(self) -> str:
        """Return a mask or a beard."""
        if self.attributes["mask"] == "yes":
            self.claim("mask", ("yes",))
            return self.pick(person_words.MASKS)
        if self.attributes["beard"] == "yes":
            self.claim("beard", ("yes",))
            return self.pick(person_words.BEARDS)
        return ""

    def doing(self) -> str:
        """Return pose, view or both, as "walking away from the camera"."""
        pose, view = self.attributes["pose"], self.attributes["view"]
        moving = ""
        if pose is not None:
            moving = self.pick(person_words.POSES[pose])
            self.claim("pose", (pose,))
        if view is None or (moving and self.chance(0.4)):
            return moving
        facing = self._facing(view)
        separator = " " if facing.startswith(("facing", "turned")) else ", "
        return f"{moving}{separator}{facing}" if moving else facing

    def _facing(self, view: str) -> str:
        if self.attributes["pose"] in person_words.MOVING and self.chance(0.15):
            self.claim("view", (view,))
            self.claim("pose", person_words.MOVING)
            return self.pick(person_words.GOING[view])
        if view in ("left", "right") and self.chance(0.6):
            self.claim("view", ("left", "right"))
            return self.pick(person_words.FACING["side"])
        self.claim("view", (view,))
        return self.pick(person_words.FACING[view])
