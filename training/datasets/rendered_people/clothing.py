"""Noun phrases about what a person wears from the neck down, with what they claim."""

from training.datasets.rendered_people import garment_words as garments
from training.datasets.rendered_people.attributes import NONE, SHADES
from training.datasets.rendered_people.speaker import Speaker, with_article
from training.datasets.rendered_people.wording import NOUNS, SHADE_WORDS

_SLEEVED = ("t-shirt", "shirt", "blouse", "dress")
_SAYS_ITS_SLEEVES = ("sleeve", "vest", "strappy", "racerback", "polo", "singlet", "tank", "cami")
_INNER = (" over {}", " with {} underneath", " and {} inside", " worn over {}",
          " with {} beneath", " layered over {}", " with {} showing under it")  # fmt: skip


class ClothingSpeaker(Speaker):
    """Makes phrases about garments and shoes, empty where the picture does not show them."""

    def shade(self, part: str) -> str:
        """Return a colour word for the ``upper`` or ``lower`` garment."""
        return self.name(f"{part}_shade", SHADE_WORDS)

    def upper(self, detail: float = 1.0, *, colour_last: bool = False) -> str:
        """Return the upper garment without an article, as "striped red t-shirt".

        With ``colour_last`` it may be a "t-shirt in red", which nothing with a colour may follow:
        "a t-shirt in red and blue jeans" has two meanings.
        """
        name = self.name("upper_type", garments.UPPER)
        colour = self.shade("upper")
        if not name:
            return f"{colour} {self.pick(('garment', 'piece of clothing'))}" if colour else ""
        before, after = self._upper_pattern(name, detail)
        plain = self.attributes["upper_pattern"] == "plain"
        if before and not plain and colour in NOUNS and self.chance(0.5):
            colour += self._second_colour()
        sleeve = self._sleeve(name) if self.chance(0.25 * detail) else ""
        front = self._front() if self.chance(0.15 * detail) else ""
        length = self._upper_length() if not sleeve and self.chance(0.4 * detail) else ""
        after += self._inner() if not after and self.chance(0.4 * detail) else ""
        if colour_last and not after and colour in NOUNS and self.chance(0.1):
            colour, after = "", f" in {colour}"
        if length == "mini":
            length, name = "", f"mini {name}"
        first, second = (before, colour) if plain or self.chance(0.3) else (colour, before)
        return " ".join(filter(None, (front, length, sleeve, first, second, name))) + after

    def _upper_pattern(self, name: str, detail: float) -> tuple[str, str]:
        """Return the pattern, to be said before the garment or after it."""
        pattern = self.attributes["upper_pattern"]
        if pattern is None or not self.chance((0.1 if pattern == "plain" else 0.8) * detail):
            return "", ""
        if name.startswith(("hi-v", "reflective")):
            return "", ""  # it has stripes of its own, which are not meant
        if pattern != "plain" and self.chance(0.2):
            return "", f" with {self.name('upper_pattern', garments.PRINTED_WITH)}"
        return self.name("upper_pattern", garments.PATTERN), ""

    def _second_colour(self) -> str:
        first, second = self.attributes["upper_shade"], self.attributes["upper_second_colour"]
        if first is None or second in (None, NONE, SHADES[first].colour):
            return ""  # two shades of one colour: nobody says "blue and blue"
        self.claim("upper_second_colour", (second,))
        return f" and {second}"

    def _sleeve(self, name: str) -> str:
        sleeve = self.attributes["sleeve"]
        if sleeve is None or self.attributes["upper_type"] not in _SLEEVED:
            return ""
        if any(word in name for word in _SAYS_ITS_SLEEVES):
            return ""
        self.claim("sleeve", (sleeve,))
        return self.pick(garments.SLEEVES[sleeve])

    def _front(self) -> str:
        if self.attributes["front"] != "open":
            return ""
        self.claim("front", ("open",))
        return self.pick(garments.OPEN)

    def _inner(self) -> str:
        if not self.has("inner_colour"):
            return ""
        inner = with_article(f"{self.colour('inner_colour')} {self.pick(garments.INNER)}")
        return self.pick(_INNER).format(inner)

    def _upper_length(self) -> str:
        # The hem of a coat over a skirt is the skirt's.
        kind, lower = self.attributes["upper_type"], self.attributes["lower_type"]
        if kind == "coat" and lower in (None, "skirt"):
            return ""
        return self._hem_length(kind)

    def _hem_length(self, kind: str | None) -> str:
        length = self.attributes["hem_length"]
        if kind is None or length is None or (kind, length) not in garments.LENGTHS:
            return ""
        self.claim("hem_length", (length,))
        return self.pick(garments.LENGTHS[kind, length])

    def lower(self, *, colour_last: bool = False) -> str:
        """Return the lower garment with its article if it takes one; empty under a dress.

        With ``colour_last`` it may be "jeans in blue".
        """
        kind = self.attributes["lower_type"]
        if kind == "dress":
            return ""
        name = self.name("lower_type", garments.LOWER)
        colour = self.shade("lower")
        if not name:
            return f"{colour} {self.pick(('bottoms', 'legwear'))}" if colour else ""
        pattern = self._lower_pattern()
        length = self._hem_length(kind) if name.endswith("skirt") and self.chance(0.4) else ""
        after = ""
        if colour_last and colour in NOUNS and self.chance(0.1):
            colour, after = "", f" in {colour}"
        if length == "mini":
            length, name = "", "miniskirt"
        plain = self.attributes["lower_pattern"] == "plain"
        first, second = (pattern, colour) if plain else (colour, pattern)
        words = " ".join(filter(None, (length, first, second, name))) + after
        if name.endswith("skirt"):
            return with_article(words)
        return f"a pair of {words}" if name != "bottoms" and self.chance(0.15) else words

    def _lower_pattern(self) -> str:
        pattern = self.attributes["lower_pattern"]
        if pattern in (None, NONE) or (pattern == "plain" and not self.chance(0.05)):
            return ""
        return self.name("lower_pattern", garments.PATTERN)

    def shoes(self) -> str:
        """Return the shoes, as "white sneakers"."""
        name = self.name("shoe_type", garments.SHOES)
        colour = self.colour("shoe_colour") if name else ""
        words = " ".join(filter(None, (colour, name)))
        return f"a pair of {words}" if words and name != "footwear" and self.chance(0.1) else words

    def shoe_colour(self) -> str:
        """Return the colour of the shoes."""
        return self.colour("shoe_colour")
