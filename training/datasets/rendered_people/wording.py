"""How colours may be said, and what set of values each wording permits.

A lexicon lists for each value the words that are true of it. A word permits every value that
lists it, so the same word always claims the same: "dark" is true of five shades wherever it is
said. Spelling is British here; other spellings are made of it afterwards.
"""

from collections.abc import Mapping

from training.datasets.rendered_people.attributes import COLOURS

Wordings = tuple[tuple[str, tuple[str, ...]], ...]
"""Ways to say one value, each with the values it is true of; said more often if repeated."""


def lexicon(table: Mapping[str, str]) -> dict[str, Wordings]:
    """Return the wordings of each value of a slot.

    Args:
        table: For each value its words, as ``"navy*3, midnight blue"``; ``*3`` says a word three
            times as often.
    """
    listed = {
        value: [_weighted(entry) for entry in words.split(",")] for value, words in table.items()
    }
    permitted: dict[str, list[str]] = {}
    for value, entries in listed.items():
        for words, _ in entries:
            permitted.setdefault(words, []).append(value)
    return {
        value: tuple(
            (words, tuple(permitted[words])) for words, times in entries for _ in range(times)
        )
        for value, entries in listed.items()
    }


def permitted_by(words: str, lexicon_of_slot: Mapping[str, Wordings]) -> tuple[str, ...]:
    """Return the values of a slot that these words are true of; none if nobody says them."""
    return next(
        (
            values
            for wordings in lexicon_of_slot.values()
            for said, values in wordings
            if said == words
        ),
        (),
    )


def _weighted(entry: str) -> tuple[str, int]:
    words, _, times = entry.strip().partition("*")
    return words, int(times or 1)


SHADE_WORDS: dict[str, Wordings] = lexicon(
    {
        "black": "black*30, jet black, pitch black, coal black, inky black, ebony, dark*5, "
        "dark coloured, dark toned",
        "white": "white*30, bright white, snow white, pure white, chalk white, brilliant white, "
        "light coloured, pale coloured, light toned, off-white",
        "grey": "grey*26, mid grey, medium grey, ash grey, steel grey, greyish, stone grey, "
        "cement grey, concrete grey",
        "dark grey": "dark grey*9, charcoal*3, charcoal grey*2, slate grey, slate, graphite, "
        "anthracite, gunmetal grey, gunmetal, iron grey, grey*9, dark, dark coloured, greyish, "
        "dark toned, smoky grey",
        "light grey": "light grey*9, silver*2, silver grey, silvery, pale grey*2, dove grey, "
        "pearl grey, heather grey, cloud grey, ash grey, grey*9, light coloured, greyish, "
        "pale coloured, light toned",
        "red": "red*30, bright red*2, crimson, scarlet*2, cherry red, ruby red, ruby, vermilion, "
        "fire engine red, tomato red, pillar box red, poppy red, lipstick red, cardinal red, "
        "vivid red, blood red, reddish, strawberry red, rich red",
        "dark red": "red*9, dark red*9, maroon*3, burgundy*3, wine red, wine coloured, oxblood, "
        "deep red, claret, bordeaux, garnet, crimson, blood red, brick red, reddish, cranberry, "
        "merlot coloured, rich red, cherry coloured, mulberry",
        "orange": "orange*26, bright orange*2, tangerine, pumpkin orange, pumpkin coloured, "
        "carrot coloured, burnt orange, neon orange, vivid orange, amber, clementine, "
        "fluorescent orange, satsuma coloured",
        "yellow": "yellow*26, bright yellow*2, lemon yellow, lemon, canary yellow, sunny yellow, "
        "sunflower yellow, banana yellow, light yellow, golden yellow, golden, gold, yellowish, "
        "daffodil yellow, vivid yellow, buttercup yellow",
        "mustard": "mustard*4, mustard yellow*3, mustard coloured, dark yellow*2, golden, gold, "
        "ochre, saffron, turmeric coloured, honey coloured, yellow*4, yellowish, golden yellow, "
        "deep yellow, dijon coloured",
        "green": "green*26, emerald*2, emerald green, kelly green, grass green, shamrock green, "
        "jade green, jade, leaf green, fern green, mid green, medium green, greenish, malachite",
        "dark green": "dark green*9, forest green*2, bottle green*2, hunter green, racing green, "
        "pine green, deep green, spruce green, green*4, dark, dark coloured, army green, "
        "greenish, dark toned, ivy green, holly green, evergreen coloured",
        "olive": "olive*4, olive green*4, olive drab, olive coloured, khaki green*2, khaki*2, "
        "army green*2, military green, moss green, mossy green, drab green, dark green*2, "
        "green*3, greenish, muted green, swampy green",
        "bright green": "bright green*3, lime green*3, lime, neon green*2, light green*3, "
        "fluorescent green, apple green, pea green, grass green, chartreuse, spring green, "
        "vivid green, luminous green, green*9, greenish, parrot green, day-glo green",
        "teal": "teal*9, turquoise*3, teal green, blue-green, aqua, aquamarine, cyan, "
        "petrol blue, peacock blue, sea green, greenish, greenish blue, green*2, teal coloured, "
        "jade blue, lagoon green",
        "blue": "blue*30, royal blue*3, cobalt blue, cobalt, bright blue*2, medium blue, "
        "mid blue, electric blue, sapphire blue, azure, denim blue, ultramarine, bluish, "
        "vivid blue, ocean blue, true blue, french blue",
        "dark blue": "navy*9, navy blue*4, dark blue*9, midnight blue, deep blue, inky blue, "
        "indigo, blue*9, dark*2, dark coloured, bluish, denim blue, marine blue, oxford blue, "
        "dark toned, french navy, nautical blue",
        "light blue": "light blue*9, sky blue*3, pale blue*3, baby blue*2, powder blue, ice blue, "
        "pastel blue, blue*9, light coloured, bluish, duck egg blue, soft blue, "
        "washed-out blue, faded blue, pale coloured, light toned, bluebell coloured",
        "purple": "purple*26, violet*2, dark purple*2, plum, plum coloured, grape, aubergine, "
        "eggplant purple, amethyst, deep purple, royal purple, purplish, rich purple, imperial purple",
        "lilac": "lilac*4, lavender*4, light purple*3, mauve*2, pale purple, pastel purple, "
        "wisteria, orchid coloured, heather coloured, purple*4, purplish, pale violet, soft purple",
        "pink": "pink*26, light pink*3, pale pink*2, baby pink, rose, rose pink, rosy pink, "
        "salmon pink, salmon, blush pink, pastel pink, candy pink, bubblegum pink, pinkish, "
        "dusty pink, soft pink, flamingo pink, carnation pink",
        "hot pink": "hot pink*4, bright pink*3, magenta*2, fuchsia*2, neon pink, cerise, "
        "raspberry, shocking pink, vivid pink, deep pink, dark pink, pink*9, pinkish, "
        "raspberry pink, barbie pink, electric pink",
        "brown": "brown*26, chestnut, chestnut brown, chocolate brown, mid brown, medium brown, "
        "walnut brown, mahogany, hazel, nut brown, cocoa brown, mocha, umber, brownish, "
        "russet brown, hickory brown, earth coloured, conker brown",
        "dark brown": "dark brown*9, brown*9, chocolate*2, chocolate brown*2, coffee brown, "
        "coffee coloured, espresso brown, deep brown, mahogany, dark*2, dark coloured, brownish, "
        "peat brown, dark toned, cocoa brown, molasses brown",
        "tan": "tan*4, camel*3, camel coloured, light brown*4, brown*4, caramel*2, caramel brown, "
        "toffee coloured, sandy brown, sandy, fawn, tawny, biscuit coloured, khaki, brownish, "
        "honey brown, cinnamon coloured, gingerbread brown, pale brown, cognac",
        "beige": "beige*16, cream*4, khaki*3, cream coloured*2, tan, sand coloured, sandy, ivory*2, "
        "ecru, fawn, biscuit coloured, oatmeal, stone coloured, off-white*2, light coloured, "
        "buff, champagne coloured, nude, vanilla, creamy, eggshell, pale coloured, light toned, "
        "light beige, porridge coloured, linen coloured, parchment coloured, neutral coloured",
    }
)
"""Of the fine colours of the upper and the lower garment."""

DARK = permitted_by("dark", SHADE_WORDS)
LIGHT = permitted_by("light coloured", SHADE_WORDS)

COLOUR_WORDS: dict[str, Wordings] = lexicon(
    {colour: f"{colour}*12, {colour} coloured" for colour in COLOURS}
    | {
        "black": "black*16, jet black, pitch black, black coloured, ebony",
        "white": "white*16, snow white, pure white, white coloured, bright white",
        "grey": "grey*12, greyish, grey coloured",
        "red": "red*14, reddish, red coloured",
        "orange": "orange*10, tangerine, orange coloured, orangey",
        "yellow": "yellow*10, yellowish, yellow coloured",
        "green": "green*10, greenish, green coloured",
        "blue": "blue*14, bluish, blue coloured",
        "purple": "purple*10, purplish, purple coloured",
        "pink": "pink*10, pinkish, pink coloured",
        "brown": "brown*10, brownish, brown coloured",
        "beige": "beige*6, cream*2, cream coloured, sand coloured, beige coloured, ecru",
    }
)
"""Of the basic colours that bags, shoes and small things have."""

NOUNS = frozenset(
    words
    for table in (SHADE_WORDS, COLOUR_WORDS)
    for wordings in table.values()
    for words, _ in wordings
    if not words.endswith(("coloured", "toned", "ish", "dark", "silvery", "sandy", "creamy"))
)
"""Colour words that may stand alone, as in "a man in navy"; nobody is "in greenish"."""
