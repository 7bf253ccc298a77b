"""How each attribute value may be said, and what set of values that wording permits.

A wording is ``(words, permitted values)``: "jacket" is true of six types of upper garment, so it
claims all six. Repeated entries are said more often.
"""

from training.datasets.rendered_people.attributes import SHADES

Wordings = tuple[tuple[str, tuple[str, ...]], ...]
"""Ways to say one value, each with the values it is true of."""


def _shades_of(colour: str) -> tuple[str, ...]:
    return tuple(name for name, shade in SHADES.items() if shade.colour == colour)


DARK = ("black", "dark grey", "dark blue", "dark brown", "dark green")
LIGHT = ("white", "light grey", "beige", "light blue")
_GREY = _shades_of("grey")

SHADE_WORDS: dict[str, Wordings] = {
    "black": (("black", ("black",)),) * 6 + (("jet black", ("black",)), ("dark", DARK), ("dark coloured", DARK)) + (("pitch black", ("black",)),),
    "white": (("white", ("white",)),) * 6 + (("bright white", ("white",)), ("light coloured", LIGHT), ("off-white", ("white", "beige"))) + (("snow white", ("white",)),),
    "grey": (("grey", _GREY), ("gray", _GREY)) * 3 + (("medium grey", ("grey",)), ("ash grey", ("grey", "light grey"))) + (("mid grey", ("grey",)),),
    "dark grey": (("dark grey", ("dark grey",)), ("dark gray", ("dark grey",)), ("charcoal", ("dark grey",)), ("grey", _GREY), ("gray", _GREY), ("dark", DARK), ("charcoal grey", ("dark grey",)), ("slate grey", ("dark grey",))),
    "light grey": (("light grey", ("light grey",)), ("light gray", ("light grey",)), ("grey", _GREY), ("gray", _GREY), ("silver", ("light grey",)), ("light coloured", LIGHT), ("pale grey", ("light grey",))),
    "red": (("red", _shades_of("red")),) * 5 + (("bright red", ("red",)), ("crimson", ("red", "dark red")), ("scarlet", ("red",)), ("cherry red", ("red",))),
    "dark red": (("dark red", ("dark red",)), ("maroon", ("dark red",)), ("burgundy", ("dark red",)), ("wine red", ("dark red",)), ("wine coloured", ("dark red",))) + (("red", _shades_of("red")),) * 2 + (("oxblood", ("dark red",)), ("deep red", ("dark red",)),),
    "orange": (("orange", ("orange",)),) * 4 + (("bright orange", ("orange",)), ("tangerine", ("orange",))) + (("pumpkin orange", ("orange",)),),
    "yellow": (("yellow", _shades_of("yellow")),) * 4 + (("bright yellow", ("yellow",)), ("lemon yellow", ("yellow",)), ("light yellow", ("yellow",))) + (("canary yellow", ("yellow",)),),
    "mustard": (("mustard", ("mustard",)), ("mustard yellow", ("mustard",)), ("dark yellow", ("mustard",)), ("golden", ("mustard", "yellow")), ("yellow", _shades_of("yellow")), ("ochre", ("mustard",))),
    "green": (("green", _shades_of("green")),) * 4 + (("emerald", ("green",)), ("kelly green", ("green",)), ("grass green", ("green", "bright green"))),
    "dark green": (("dark green", ("dark green", "olive")), ("forest green", ("dark green",)), ("bottle green", ("dark green",)), ("green", _shades_of("green")), ("dark", DARK), ("hunter green", ("dark green",)), ("deep green", ("dark green",))),
    "olive": (("olive", ("olive",)), ("olive green", ("olive",)), ("khaki green", ("olive",)), ("army green", ("olive", "dark green")), ("green", _shades_of("green")), ("dark green", ("dark green", "olive")), ("olive drab", ("olive",))),
    "bright green": (("bright green", ("bright green",)), ("lime green", ("bright green",)), ("neon green", ("bright green",)), ("light green", ("bright green",)), ("green", _shades_of("green")), ("lime", ("bright green",)), ("fluorescent green", ("bright green",))),
    "teal": (("teal", ("teal",)), ("turquoise", ("teal",)), ("blue-green", ("teal",)), ("aqua", ("teal",)), ("teal green", ("teal",)), ("cyan", ("teal",))),
    "blue": (("blue", _shades_of("blue")),) * 4 + (("royal blue", ("blue",)), ("cobalt blue", ("blue",)), ("bright blue", ("blue",)), ("medium blue", ("blue",))) + (("electric blue", ("blue",)),),
    "dark blue": (("dark blue", ("dark blue",)), ("navy", ("dark blue",)), ("navy blue", ("dark blue",)), ("blue", _shades_of("blue")), ("dark", DARK), ("midnight blue", ("dark blue",)), ("deep blue", ("dark blue",))),
    "light blue": (("light blue", ("light blue",)), ("sky blue", ("light blue",)), ("pale blue", ("light blue",)), ("baby blue", ("light blue",)), ("blue", _shades_of("blue")), ("powder blue", ("light blue",))),
    "purple": (("purple", _shades_of("purple")),) * 3 + (("violet", ("purple",)), ("dark purple", ("purple",)), ("plum", ("purple",))) + (("grape", ("purple",)),),
    "lilac": (("lilac", ("lilac",)), ("lavender", ("lilac",)), ("light purple", ("lilac",)), ("purple", _shades_of("purple")), ("mauve", ("lilac",))),
    "pink": (("pink", _shades_of("pink")),) * 3 + (("light pink", ("pink",)), ("rose", ("pink",)), ("pale pink", ("pink",)), ("salmon pink", ("pink",))) + (("rosy pink", ("pink",)),),
    "hot pink": (("hot pink", ("hot pink",)), ("bright pink", ("hot pink",)), ("magenta", ("hot pink",)), ("fuchsia", ("hot pink",)), ("pink", _shades_of("pink")), ("neon pink", ("hot pink",))),
    "brown": (("brown", _shades_of("brown")),) * 4 + (("chestnut", ("brown",)), ("chocolate brown", ("brown", "dark brown"))),
    "dark brown": (("dark brown", ("dark brown",)), ("brown", _shades_of("brown")), ("chocolate", ("dark brown",)), ("dark", DARK), ("coffee brown", ("dark brown",)), ("deep brown", ("dark brown",))),
    "tan": (("tan", ("tan", "beige")), ("camel", ("tan",)), ("light brown", ("tan",)), ("brown", _shades_of("brown")), ("caramel", ("tan",)), ("camel coloured", ("tan",)), ("sandy brown", ("tan",))),
    "beige": (("beige", ("beige",)),) * 3 + (("cream", ("beige",)), ("khaki", ("beige",)), ("cream coloured", ("beige",)), ("tan", ("tan", "beige")), ("sand coloured", ("beige",)), ("ivory", ("beige",))) + (("ecru", ("beige",)),),
}  # fmt: skip
