"""Which parts of speech an English word of a description can have, seen alone.

Names the closed classes in full, and of the open ones those words that their ending would betray
("bed", "curly", "canvas") or that have several readings ("watch", "left", "light"). Any other
word is read by its ending, and is a noun in case of doubt. Tags are those of the Penn Treebank
(Marcus et al., 1993, https://aclanthology.org/J93-2004/).
"""

import re
from collections.abc import Iterable, Iterator


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text, which a table reads better as than as a list."""
    return frozenset(words.split())


_CLOSED = {
    "DT": "a an the this that these those each every some any no another all both either neither",
    "PRP": """i me you he him she it we us they them himself herself itself themselves yourself
        hers theirs mine""",
    "PRP$": "my your his her its our their",
    "CC": "and or but nor & and/or",
    "MD": "can could would should may might must will shall 'll 'd",
    "TO": "to",
    "WP": "who whom what",
    "WP$": "whose",
    "WDT": "which",
    "WRB": "when where why how",
    "IN": """of for with at from into onto than during between among against without near beside
        besides toward towards via per if because while although though as since until upon within
        throughout beneath atop amid except whether despite alongside like unlike w/ w/o w""",
    "CD": """zero one two three four five six seven eight nine ten eleven twelve fifteen twenty
        thirty forty fifty sixty seventy eighty hundred""",
    "RB": """not n't very quite rather almost also too just so then again away together forward
        forwards ahead aside apart backward backwards sideways downward downwards upward upwards
        here now still even only maybe perhaps mostly well never always often sometimes once twice
        however instead otherwise somewhat indoors outdoors overhead there nearby halfway""",
    "VBZ": "is has does",
    "VBP": "are am have do 're 've 'm",
    "VBD": "was were had did",
    "VB": "be",
    "VBN": "been",
    "VBG": "being having",
    "POS": "'s \u2019s '",
    "JJR": "more less fewer lower better",
    "RBS": "most least",
}
PARTICLES = word_set(
    """up down off out over around along through by across on in behind below above underneath
    under inside outside past about"""
)
"""Prepositions before a noun phrase, adverbs elsewhere."""

COLOURS = word_set("""
    aqua beige black blond blonde blue bronze brown burgundy charcoal coral cream crimson cyan
    gold golden gray green grey indigo ivory khaki lavender lilac lime magenta maroon mauve mint
    mustard navy off-white olive orange peach pink purple red rust salmon scarlet silver tan taupe
    teal turquoise violet white yellow
    blackish bluish blueish brownish grayish greyish greenish pinkish purplish reddish whitish
    yellowish bright dark light pale
    multicolor multicolored multicoloured multi-color multi-colored multi-coloured
""")
GARMENT_ADJECTIVES = word_set("""
    collared hooded sleeved sleeveless strapless striped baggy loose tight
    argyle camo camouflage checked checkered chequered dotted floral flowered patterned plaid
    knee-length long-sleeve long-sleeved short-sleeve short-sleeved
""")
MATERIALS = word_set("""
    corduroy cotton denim knit knitted lace leather linen nylon silk suede velvet wool woolen
    woollen
""")
_ADJECTIVES = """
    aged asymmetrical attractive bald bare big bold brunette bulky bushy busy casual chubby
    chunky clean clear close colored coloured comfortable cool curly deep different dirty
    distinctive elaborate elderly elegant empty entire fair fancy fashionable fat few fit flat
    flowery fluffy foldable formal fresh friendly frizzy full furry fuzzy glossy good graphic
    hairy hard heavy heavyset high horizontal huge identical inner juvenile kinky lanky large
    lean left-hand lightweight little long lively lonely many matte medium messy mid mini multi
    multiple muscular naked narrow neat new next nice noticeable obese odd old open other outer
    overweight plain pleated polka-dot portable pretty puffy quilted ragged raised real
    rectangular regular rough round same several shaggy shallow sharp sheer shiny short silly
    similar simple single skimpy skinny sleek slender slick slim slight small smart smooth snug
    soft solid sparkly spiky sporty square stocky straight-leg strappy strong sturdy stylish
    such tall teenage thick thin tidy tiny traditional transparent trendy ugly upper upright
    various vertical vibrant vintage visible warm wavy wet whole wide wild wooden woolly
    worn-out young youthful burly curvy lacy rosy sandy scruffy stripy british chinese japanese
    korean middle-eastern
"""
_ADJECTIVES_OR_NOUNS = """
    adult african american asian back blond blonde bottom brunette caucasian european female front
    half hispanic indian latino left light male middle nude oriental plaid plastic right short
    square teen top total
"""
_ADJECTIVES_OR_ADVERBS = "early fast late low straight"
_NOUNS = """
    bed seed weed shed sled speed steed
    belly family fly butterfly assembly jelly ally lily
    bangle cable table vegetable handful armful
    dish fish finish brush polish
    canvas lens gas adidas texas atlas
    bling bunting ceiling clothing ear-ring earring evening hoop-earring king
    legging lettering lining morning nothing something anything everything parking piping
    railing ring sling spring stocking string thing wing writing awning
    someone anyone everyone person
"""
_PLURAL_NOUNS = "men women people children feet teeth police"

_VERBS = """
    appear bring chat clutch converse cycle drag drape enter exit feature follow gaze get give go
    grab hang have hug keep kneel make observe portray put see seem sit stroll swing take
    tuck wait wear weave wheel carry contain expose extend consist depict display look
    hold listen lead arrive move remain sling stare swipe think tilt
"""
_VERBS_ALSO_NOUNS = """
    drive jog lean look pull push read ride run say show smile stand talk turn use walk wave
    wear
"""
_NOUNS_ALSO_VERBS = """
    button color cover cross cut design dress drink face fit match play rest sport step style text
    tie touch trim type watch wrap zip
    end drop fall flip head hit pack point reach rise start stop strap sweep tail work
"""
_IRREGULAR = {
    "VBD": "wore held stood sat ran rode hung put took went came got gave made led read saw had",
    "VBN": """worn held stood sat run ridden hung put taken gone come got given made led read seen
        slung bent torn shown drawn built cut shorn thrown woven known bound""",
}

_PREMODIFYING_GERUNDS = """
    balding contrasting corresponding fitting flattering flowing interesting matching missing
    overflowing receding revealing thinning
"""
_GERUNDS_OR_NOUNS = "building clearing crossing drawing marking opening painting"
PURPOSE_GERUNDS = word_set(
    """running walking hiking jogging training shopping sleeping riding climbing swimming bathing
    working dancing sewing writing reading fishing skating cycling wedding rolling boxing racing
    sporting bowling skiing hunting gardening carrying cooking diving tracking"""
)
PURPOSE_OBJECTS = word_set(
    """shoe shoes boot boots sneaker sneakers pants pant bag bags stick sticks cane shorts short
    trousers suit suits cart trolley tights leggings gear jacket jackets cap hat pole poles glasses
    glass gloves outfit top tops vest shirt uniform clothes dress suitcase case trunks costume
    socks"""
)
"""What a purpose gerund names the purpose of: running shoes, but not: running people."""

_ENDING_IN_COMPOUNDS = word_set("sleeve length style size toe")
_PARTICIPLE = re.compile(r".+[^e]ed")
_ADJECTIVE_ENDING = re.compile(r".{3,}(?:less|ful|ous|able|ible|ish|like|ese)")
_NUMBER = re.compile(r"[\d.,:/%+-]*\d[\d.,:/%+-]*")
_DECADE = re.compile(r"'?\d+'?s")
_PUNCTUATION = {
    **dict.fromkeys(".?!", "."),
    **dict.fromkeys([":", ";", "-", "--", "...", "..", "\u2013", "\u2014"], ":"),
    **dict.fromkeys(["``", "`", "\u201c", "\u2018"], "``"),
    **dict.fromkeys(["''", '"', "\u201d", "\u2019"], "''"),
    **dict.fromkeys("([{", "("),
    **dict.fromkeys(")]}", ")"),
    **dict.fromkeys("*/\\|+=<>@^~_", "SYM"),
    ",": ",", "$": "$", "#": "#", "%": "NN",
}  # fmt: skip


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        return verb + "es"
    return verb[:-1] + "ies" if _ends_in_consonant_y(verb) else verb + "s"


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and word[-2:-1] not in "aeou"


def _tables() -> Iterator[tuple[Iterable[str], tuple[str, ...]]]:
    for tag, words in (*_CLOSED.items(), *_IRREGULAR.items()):
        yield words.split(), (tag,)
    yield PARTICLES, ("IN",)
    yield _ADJECTIVES_OR_ADVERBS.split(), ("JJ", "RB")
    yield (*_ADJECTIVES.split(), *COLOURS, *GARMENT_ADJECTIVES), ("JJ",)
    yield (*_ADJECTIVES_OR_NOUNS.split(), *MATERIALS), ("JJ", "NN")
    yield _NOUNS.split(), ("NN",)
    yield _PLURAL_NOUNS.split(), ("NNS",)
    yield _PREMODIFYING_GERUNDS.split(), ("JJ", "VBG")
    yield _GERUNDS_OR_NOUNS.split(), ("NN", "VBG")
    also_nouns = (_VERBS_ALSO_NOUNS + _NOUNS_ALSO_VERBS).split()
    for verbs, base, third in (
        (_VERBS.split(), ("VBP",), ("VBZ",)),
        (also_nouns, ("VBP", "NN"), ("VBZ", "NNS")),
    ):
        yield verbs, base
        yield map(_third_person, verbs), third


def _collected() -> dict[str, frozenset[str]]:
    readings: dict[str, frozenset[str]] = {}
    for words, tags in _tables():
        for word in words:
            readings[word] = readings.get(word, frozenset()) | {*tags}
    return readings


_READINGS = _collected()

MOSTLY_VERBS = frozenset(
    form for verb in _VERBS_ALSO_NOUNS.split() for form in (verb, _third_person(verb))
)
"""Words of both readings that are verbs unless the context says noun."""


def readings(word: str) -> frozenset[str]:
    """Return every tag that a lower-case word can have; at least one."""
    known = _READINGS.get(word)
    if known is not None:
        return known
    if word in _PUNCTUATION:
        return frozenset({_PUNCTUATION[word]})
    if _NUMBER.fullmatch(word):
        return frozenset({"CD"})
    if _DECADE.fullmatch(word):
        return frozenset({"NNS"})
    pieces = re.split(r"[-/]", word)
    if len(pieces) > 1 and pieces[-1]:
        return _readings_of_compound(pieces[-1])
    return _readings_by_ending(word)


def _readings_of_compound(last: str) -> frozenset[str]:
    if last in PARTICLES:
        return frozenset({"JJ", "NN"})
    tags = readings(last)
    if last in _ENDING_IN_COMPOUNDS or tags & {"JJ", "VBN", "VBG"}:
        return frozenset({"JJ"})
    return tags & {"NN", "NNS"} or frozenset({"NN"})


def _readings_by_ending(word: str) -> frozenset[str]:
    if word.endswith("ing") and len(word) > 4:
        return frozenset({"VBG"})
    if _PARTICIPLE.fullmatch(word):
        return frozenset({"VBD", "VBN"})
    if word.endswith("ly") and len(word) > 4:
        return frozenset({"RB"})
    if _ADJECTIVE_ENDING.fullmatch(word):
        return frozenset({"JJ"})
    if word.endswith(("er", "est")) and _compares(word):
        return frozenset({"JJR" if word.endswith("er") else "JJS"})
    return frozenset({"NNS" if _is_plural(word) else "NN"})


def _compares(word: str) -> bool:
    stem = word.removesuffix("er").removesuffix("est")
    roots = (stem, stem + "e", stem[:-1], stem[:-1] + "y")
    return any("JJ" in _READINGS.get(root, ()) for root in roots)


def _is_plural(word: str) -> bool:
    return len(word) > 2 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
