"""Queries that a person wrote by hand, in other words than the captions of rendered people use.

They are like what an operator asks or an annotator notes, and say how far a model understands
English beyond the grammar it learnt from. Each claims exactly what its words say, as any named
query does. They lie here and not among the tests because any installed model is measured on them.
"""

from collections.abc import Mapping

from training.datasets.rendered_people.attributes import NONE, SHADES
from training.evaluation.named_queries import TROUSERS, NamedQuery

GROUP = "handwritten"

_SHIRTS = ("t-shirt", "shirt", "blouse")
_COATS = ("jacket", "puffer jacket", "coat")
_KNITTED = ("sweater", "cardigan")
_STRIPES = ("horizontal stripes", "vertical stripes")


def _of(*colours: str) -> tuple[str, ...]:
    return tuple(name for name, shade in SHADES.items() if shade.colour in colours)


_SENTENCES: tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...] = (
    ("The male has lost every bit of his hair.", {"gender": ("man",), "hair_length": ("bald",)}),
    ("She is fair and her hair hangs loose well below her collar.",
     {"gender": ("woman",), "hair_length": ("long",), "hair_colour": ("blonde",)}),
    ("Her raven mane is down and covers most of her back.",
     {"gender": ("woman",), "hair_length": ("long",), "hair_colour": ("black",)}),
    ("Somebody's grandfather getting some fresh air.", {"gender": ("man",), "age": ("elderly",)}),
    ("An aged lady whose locks have turned silver.",
     {"gender": ("woman",), "age": ("elderly",), "hair_colour": ("grey",)}),
    ("A schoolgirl, maybe eight or nine years old.", {"gender": ("woman",), "age": ("child",)}),
    ("Small boy lugging his homework on his back.",
     {"gender": ("man",), "age": ("child",), "bag": ("backpack",)}),
    ("The redhead, not a man.", {"gender": ("woman",), "hair_colour": ("red",)}),
    ("Looks like office attire, a blazer with proper leather lace-ups.",
     {"upper_type": ("suit jacket",), "shoe_type": ("leather shoes",)}),
    ("He has thrown on one of those biker things made of leather.",
     {"gender": ("man",), "upper_type": ("leather jacket",)}),
    ("Thick quilted outerwear, the puffy kind stuffed with down.",
     {"upper_type": ("puffer jacket",)}),
    ("Double denim: jeans, and a jacket cut from the same cloth.",
     {"upper_type": ("denim jacket",), "lower_type": ("jeans",)}),
    ("A road worker, I would guess, given the luminous vest with its reflecting bands.",
     {"upper_type": ("safety vest",)}),
    ("The dress this woman chose is red, you will notice it at once.",
     {"gender": ("woman",), "upper_type": ("dress",), "upper_shade": _of("red")}),
    ("Her dress is strewn with flowers.",
     {"gender": ("woman",), "upper_type": ("dress",), "upper_pattern": ("floral",)}),
    ("Striped knitwear, no matter which way the lines go.",
     {"upper_type": _KNITTED, "upper_pattern": _STRIPES}),
    ("The shirt has squares on it, the sort a lumberjack would like.",
     {"upper_type": _SHIRTS, "upper_pattern": ("checked",)}),
    ("Soldier's camouflage covers the torso.", {"upper_pattern": ("camouflage",)}),
    ("Whatever is on the upper half, it is yellow.", {"upper_shade": _of("yellow")}),
    ("An orange upper part is what you should watch out for.", {"upper_shade": ("orange",)}),
    ("White knitwear, either a jumper or a cardigan.",
     {"upper_type": _KNITTED, "upper_shade": ("white",)}),
    ("Her overcoat is beige, or camel at most.",
     {"gender": ("woman",), "upper_type": ("coat",), "upper_shade": ("tan", "beige")}),
    ("A sweatshirt that comes with a hood, in some shade of gray.",
     {"upper_type": ("hoodie",), "upper_shade": _of("grey")}),
    ("Vest top and shorts, ready for a heatwave.",
     {"upper_type": ("tank top",), "lower_type": ("shorts",)}),
    ("As if going to a funeral: the coat is black and so are the trousers.",
     {"upper_type": _COATS, "upper_shade": ("black",), "lower_type": TROUSERS,
      "lower_shade": ("black",)}),
    ("He lets his knees get some sun, and his shorts are either beige or brown.",
     {"gender": ("man",), "lower_type": ("shorts",), "lower_shade": _of("beige", "brown")}),
    ("Her skirt ends far above the knee.",
     {"gender": ("woman",), "lower_type": ("skirt",), "hem_length": ("short",)}),
    ("Skin-hugging black leggings, so a woman off to do yoga.",
     {"gender": ("woman",), "lower_type": ("leggings",), "lower_shade": ("black",)}),
    ("As if coming straight from the gym in those gray joggers.",
     {"lower_type": ("sweatpants",), "lower_shade": _of("grey")}),
    ("You can see the toes of this man because his footwear is open.",
     {"gender": ("man",), "shoe_type": ("sandals",)}),
    ("She came on high heels, and black ones at that.",
     {"gender": ("woman",), "shoe_type": ("heels",), "shoe_colour": ("black",)}),
    ("A traveller dragging a case on little wheels.", {"bag": ("suitcase",)}),
    ("The pack strapped to both shoulders is bright red.",
     {"bag": ("backpack",), "bag_colour": ("red",)}),
    ("Just been shopping, for one of those plastic carriers dangles from a hand.",
     {"bag": ("plastic bag",)}),
    ("The strap of this man's bag runs diagonally over his chest.",
     {"gender": ("man",), "bag": ("crossbody bag",)}),
    ("It must be raining, as an umbrella is up.", {"carried": ("umbrella",)}),
    ("Their ears are kept warm by a beanie.", {"headwear": ("beanie",)}),
    ("Nobody gets on this building site unless the skull is under a hard hat.",
     {"headwear": ("helmet",)}),
    ("Neither a bag nor anything else on him, just a man in pale blue jeans.",
     {"gender": ("man",), "bag": (NONE,), "carried": (NONE,), "lower_type": ("jeans",),
      "lower_shade": ("light blue",)}),
    ("The face is hardly visible behind sunglasses and under the peak of a cap.",
     {"glasses": ("sunglasses",), "headwear": ("cap",)}),
)  # fmt: skip


def handwritten_queries() -> list[NamedQuery]:
    """Return the forty queries, each with the values it permits."""
    return [NamedQuery(text, GROUP, permitted) for text, permitted in _SENTENCES]
