"""How a text is typed: British or American, with or without hyphens, in haste, with mistakes."""

import re

import numpy as np

TYPO_RATE = 0.02
MISSPELLING_RATE = 0.03
_AMERICAN_RATE = 0.4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SENTENCE = re.compile(r"(^|[.!?] )([a-z])")

_AMERICAN = {
    "grey": "gray", "greyish": "grayish", "greying": "graying", "coloured": "colored",
    "colour": "color", "woollen": "woolen", "woolly": "wooly", "chequered": "checkered",
    "plain-coloured": "plain-colored", "single-coloured": "single-colored", "ochre": "ocher",
    "towards": "toward",
}  # fmt: skip
_BRITISH = re.compile(rf"\b({'|'.join(_AMERICAN)})\b")
_SPACING = (
    (" coloured", "-coloured"), (" colored", "-colored"), ("navy blue", "navy-blue"),
    ("-sleeved", " sleeved"), (" haired", "-haired"), ("knee-length", "knee length"),
    ("shoulder-length", "shoulder length"), ("hi-vis", "hi vis"),
    ("off-white", "off white"), ("zip-up", "zip up"), ("button-up", "button up"),
    ("button-down", "button down"), ("middle-aged", "middle aged"), ("flip-flops", "flipflops"),
    ("dark blue", "dark-blue"), ("light blue", "light-blue"), ("dark green", "dark-green"),
    ("high-heeled", "high heeled"), ("wide-brimmed", "wide brimmed"), ("lace-up", "lace up"),
    ("hard hat", "hard-hat"), ("baseball cap", "baseball-cap"), ("polka dot", "polka-dot"),
    ("passer-by", "passerby"), ("mid-length", "mid length"), ("sweatshirt", "sweat shirt"),
)  # fmt: skip
_MISSPELT: dict[str, tuple[str, ...]] = {
    "jacket": ("jaket", "jackett", "jacekt"), "trousers": ("trowsers", "trouser", "trousars"),
    "woman": ("women", "womam", "womman"), "wearing": ("waering", "wering", "wearig"),
    "carrying": ("carring", "carying", "carrrying"), "sweater": ("sweter", "sweatter"),
    "backpack": ("backpak", "bagpack", "backback"), "beige": ("biege", "bage", "baige"),
    "khaki": ("kaki", "kahki", "khakki"), "maroon": ("marroon", "marone"),
    "burgundy": ("burgandy", "burgendy"), "turquoise": ("turquise", "turqoise"),
    "purple": ("purpel", "pruple"), "yellow": ("yelow", "yello"), "orange": ("ornage", "orage"),
    "person": ("preson", "persson"), "shirt": ("shrit", "shert"), "leggings": ("legings",),
    "leather": ("lether", "leathr"), "glasses": ("glases", "galsses"), "sunglasses": ("sunglases",),
    "umbrella": ("umbrela", "umberella"), "suitcase": ("suit case", "suitecase"),
    "handbag": ("hand-bag", "handbagg"), "sandals": ("sandels", "sandles"),
    "scarf": ("scraf", "scarve"), "striped": ("stripped", "stripped"), "plaid": ("plad",),
    "checkered": ("checkerd", "chekered"), "cardigan": ("cardigon", "cardagan"),
    "blouse": ("blouze", "blous"), "shoulder": ("sholder", "shouder"),
    "ponytail": ("ponytale", "poneytail"), "fuchsia": ("fuschia", "fushia"),
    "lavender": ("lavendar",), "sneakers": ("sneekers", "sneaker"), "trainers": ("traners",),
    "helmet": ("helmit", "hemlet"), "beanie": ("beany", "beenie"), "hoodie": ("hoddie", "hodie"),
    "rucksack": ("rucsac", "ruck sack"), "camouflage": ("camoflage", "camouflauge"),
    "crimson": ("crimsen",), "charcoal": ("charcole",), "white": ("whit", "withe"),
    "black": ("balck", "blak"), "brown": ("brwon", "bown"), "green": ("gren", "geen"),
    "pedestrian": ("pedestrain",), "elderly": ("eldery",), "dress": ("dres", "derss"),
    "standing": ("standin",), "walking": ("waling", "walkng"), "camera": ("camra",),
    "coat": ("caot", "cote"), "skirt": ("skrit", "skirk"), "jeans": ("jeens", "jaens", "jean"),
}  # fmt: skip
_OFTEN_MISSPELT = re.compile(rf"\b({'|'.join(_MISSPELT)})\b")


def type_caption(text: str, rng: np.random.Generator) -> str:
    """Return a description as an annotator types it."""
    text = _spelt(text, rng)
    chance = rng.random()
    if chance < 0.4:
        text = text.lower()
    elif chance < 0.42:
        text = text.upper()
    else:
        text = _SENTENCE.sub(lambda match: match.group(1) + match.group(2).upper(), text)
    return f"{text}." if rng.random() < 0.65 else text


def type_query(text: str, rng: np.random.Generator) -> str:
    """Return a query as somebody in a hurry types it."""
    text = _spelt(text, rng)
    chance = rng.random()
    if chance < 0.75:
        return text.lower()
    if chance < 0.77:
        return text.upper()
    text = text[:1].upper() + text[1:]
    return f"{text}." if chance < 0.85 else text


def _spelt(text: str, rng: np.random.Generator) -> str:
    if rng.random() < _AMERICAN_RATE:
        text = _BRITISH.sub(lambda match: _AMERICAN[match.group(1)], text)
    if rng.random() < 0.3:
        for usual, other in _SPACING:
            text = text.replace(usual, other)
    if rng.random() < MISSPELLING_RATE:
        text = _misspelt(text, rng)
    return _with_typo(text, rng) if rng.random() < TYPO_RATE else text


def _misspelt(text: str, rng: np.random.Generator) -> str:
    found = list(_OFTEN_MISSPELT.finditer(text))
    if not found:
        return text
    match = found[int(rng.integers(len(found)))]
    wrong = _MISSPELT[match.group(1)]
    return text[: match.start()] + wrong[int(rng.integers(len(wrong)))] + text[match.end() :]


def _with_typo(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    long_words = [number for number, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if not long_words:
        return text
    number = long_words[int(rng.integers(len(long_words)))]
    word = words[number]
    place = int(rng.integers(1, len(word) - 1))
    before, after = word[:place], word[place + 1 :]
    words[number] = (
        before + after,
        before + after[0] + word[place] + after[1:],
        before + _LETTERS[int(rng.integers(26))] + after,
    )[int(rng.integers(3))]
    return " ".join(words)
