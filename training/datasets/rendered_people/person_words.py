"""How people, their hair, belongings and doings are called, and what each word permits."""

from dataclasses import dataclass

from training.datasets.rendered_people.wording import Wordings, lexicon, permitted_by

BAGS: dict[str, Wordings] = lexicon(
    {
        "backpack": "backpack*8, rucksack*4, book bag, knapsack, bag*4, school bag, back pack, "
        "daypack, schoolbag, haversack, hiking pack, back bag",
        "handbag": "handbag*5, purse*3, hand bag, bag*4, pocketbook, ladies' bag, clutch bag",
        "shoulder bag": "shoulder bag*5, bag*4, purse*2, handbag, large bag, hobo bag, duffel bag, "
        "holdall, duffle bag, hand bag",
        "crossbody bag": "crossbody bag*3, messenger bag*3, satchel*3, sling bag, bag*4, "
        "shoulder bag*2, cross-body bag, purse, courier bag, bag across the body, "
        "bag with a cross strap",
        "tote bag": "tote bag*4, tote*3, large bag, bag*4, shoulder bag*2, shopper, canvas bag, "
        "shopping bag, beach bag, cloth bag, fabric bag, duffel bag, duffle bag, holdall",
        "plastic bag": "plastic bag*5, shopping bag*2, carrier bag*3, bag*4, grocery bag*2, "
        "supermarket bag, shopper, plastic carrier, polythene bag",
        "briefcase": "briefcase*6, laptop bag*2, case*2, attache case, document case, "
        "business case, bag*2, work bag, office bag",
        "suitcase": "suitcase*6, rolling suitcase*2, trolley case, wheeled suitcase*2, case*2, "
        "roller case, travel case, trolley bag*2, trolley, travel bag, cabin case, bag*2, "
        "wheeled case, roller bag, wheelie case, luggage trolley",
    }
)
HEADWEAR: dict[str, Wordings] = lexicon(
    {
        "cap": "cap*6, baseball cap*3, hat*3, ball cap, peaked cap, snapback, trucker cap, "
        "baseball hat, sports cap, visored cap",
        "beanie": "beanie*6, knit hat*2, winter hat, woolly hat*2, hat*3, bobble hat, woollen hat, "
        "knitted hat, knit cap, beanie hat, ski hat, skullcap, watch cap, toque, stocking cap",
        "brimmed hat": "hat*5, brimmed hat*3, sun hat*2, fedora*2, wide-brimmed hat, panama hat, "
        "trilby, sunhat, panama, broad-brimmed hat, floppy hat, summer hat",
        "helmet": "helmet*6, hard hat*3, safety helmet*2, protective helmet, hardhat, "
        "construction helmet, crash helmet, bike helmet, cycle helmet, bicycle helmet",
        "headscarf": "headscarf*4, hijab*3, head scarf*2, kerchief, veil, shawl on the head, "
        "scarf over the hair, head covering",
    }
)
GLASSES: dict[str, Wordings] = lexicon(
    {
        "glasses": "glasses*4, eyeglasses, spectacles*2, a pair of glasses*2, specs, eyewear, "
        "prescription glasses, reading glasses, a pair of spectacles",
        "sunglasses": "sunglasses*5, dark glasses*2, a pair of sunglasses*2, shades*2, sunnies, "
        "tinted glasses, eyewear, a pair of shades, sun glasses",
    }
)
CARRIED: dict[str, Wordings] = lexicon(
    {
        "phone": "a phone*3, a mobile phone*2, a cell phone*2, a smartphone*2, a mobile, "
        "a cellphone, a handset, a telephone, a device, a smart phone",
        "book": "a {colour}book*3, a {colour}folder*2, a {colour}notebook*2, a {colour}binder, "
        "a {colour}paperback, a {colour}notepad, a {colour}textbook, a {colour}diary, "
        "a {colour}journal, a {colour}file",
        "papers": "papers*2, some papers*2, a document, documents, paperwork, sheets of paper, "
        "a stack of papers, leaflets, some documents, a sheaf of papers",
        "box": "a {colour}box*4, a {colour}package*2, a {colour}parcel*2, a {colour}carton, "
        "a {colour}crate, a {colour}container",
        "cup": "a cup*2, a coffee cup, a drink, a paper cup, a takeaway coffee, a mug, a beverage, "
        "a cup of coffee, a hot drink, a disposable cup",
        "bottle": "a {colour}bottle*3, a water bottle, a drink, a flask, a beverage, "
        "a bottle of water, a drinks bottle",
        "umbrella": "a {colour}umbrella*5, an open umbrella, a {colour}brolly, a {colour}parasol, "
        "an opened umbrella, a rain umbrella",
    }
)
HAIR_COLOUR: dict[str, Wordings] = lexicon(
    {
        "black": "black*5, dark*2, jet black, raven, ebony",
        "brown": "brown*4, dark*2, brunette*2, chestnut, brownish, mousy, chocolate brown",
        "blonde": "blonde*4, blond*2, light*2, golden, fair, yellow, flaxen, honey blonde, "
        "sandy blonde",
        "red": "red*3, ginger*2, auburn*2, copper, reddish, coppery",
        "grey": "grey*4, white*2, silver*2, greyish, light, silvery, snowy, greying",
    }
)
HAIR_FIRST: dict[str, Wordings] = lexicon(
    {
        "black": "dark haired*2, black haired*2, raven haired",
        "brown": "brunette*3, brown haired*2, dark haired, chestnut haired",
        "blonde": "blonde*3, blond, blonde haired*2, fair haired, golden haired",
        "red": "red haired*2, ginger haired, red-headed, ginger, auburn haired",
        "grey": "grey haired*3, white haired, silver haired, greying",
    }
)
HAIR_LENGTH: dict[str, tuple[str, ...]] = {
    "bald": ("a bald head", "no hair", "a shaved head", "a shaven head", "a hairless head"),
    "short": ("short {}", "short {}", "cropped {}", "short cut {}", "close-cropped {}",
              "{} cut short", "{} worn short", "neat short {}"),
    "medium": ("medium length {}", "shoulder length {}", "medium {}", "mid-length {}",
               "shoulder-length {}", "{} of medium length", "{} down to the shoulders"),
    "long": ("long {}", "long {}", "long {}", "long flowing {}", "{} worn long",
             "{} past the shoulders", "long loose {}"),
    "ponytail": ("{} in a ponytail", "{} tied back in a ponytail", "{} in a pony tail",
                 "{} pulled into a ponytail", "{} gathered in a ponytail"),
    "bun": ("{} in a bun", "{} up in a bun", "{} tied up in a bun", "{} in a topknot",
            "{} in a top knot", "{} twisted into a bun", "{} in a chignon"),
}  # fmt: skip
TIED: dict[str, tuple[str, ...]] = {
    "ponytail": ("{} ponytail", "{} ponytail", "{} pony tail"),
    "bun": ("{} bun", "{} bun", "{} hair bun", "{} topknot"),
}

MASKS = ("a face mask", "a mask", "a surgical mask", "a face covering", "a medical mask",
         "a facemask", "a mask over the nose and mouth")  # fmt: skip
BEARDS = ("a beard", "a beard", "facial hair", "a bushy beard", "whiskers", "a full beard")
HOODS = ("a hood up", "a hood over the head", "the hood up", "the hood pulled up", "a raised hood")
SCARVES = ("scarf", "scarf", "scarf", "scarf around the neck", "neck scarf", "muffler",
           "scarf round the neck", "neckerchief", "knotted scarf")  # fmt: skip

POSES: dict[str, tuple[str, ...]] = {
    "walking": ("walking", "walking", "walking", "strolling", "striding", "walking along",
                "stepping forward", "ambling", "walking by", "pacing", "on a walk",
                "in mid-stride"),
    "standing": ("standing", "standing", "standing still", "waiting", "stationary",
                 "standing around", "standing there", "not moving", "standing upright"),
    "running": ("running", "running", "jogging", "sprinting", "rushing", "hurrying", "dashing",
                "out for a run", "racing along"),
}  # fmt: skip
FACING: dict[str, tuple[str, ...]] = {
    "front": ("facing the camera", "facing forward", "seen from the front", "facing us",
              "turned towards the camera", "in front view", "facing the viewer",
              "photographed from the front", "looking this way"),
    "back": ("facing away", "seen from behind", "turned with the back to the camera",
             "in back view",
             "turned away from the camera", "viewed from the rear", "photographed from behind"),
    "side": ("seen from the side", "in profile", "in side view", "viewed sideways",
             "turned sideways", "photographed from the side", "sideways to the camera"),
    "left": ("facing left", "facing to the left", "turned to the left", "facing the left"),
    "right": ("facing right", "facing to the right", "turned to the right", "facing the right"),
}  # fmt: skip

GOING: dict[str, tuple[str, ...]] = {
    "front": ("coming towards the camera", "approaching the camera", "coming closer"),
    "back": ("heading away", "going away from the camera", "moving off"),
    "left": ("heading left", "going left", "moving to the left"),
    "right": ("heading right", "going right", "moving to the right"),
}
"""Of somebody who walks or runs."""
MOVING = ("walking", "running")


@dataclass(frozen=True)
class Noun:
    """A word for a person, and what it says about gender and age; empty where it says nothing."""

    words: str
    genders: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()


def _nouns(listed: str, gender: str = "", *ages: str) -> tuple[Noun, ...]:
    return tuple(
        Noun(words.strip(), (gender,) if gender else (), ages) for words in listed.split(",")
    )


_CHILD = _nouns("kid, child, small child, young child, youngster", "", "child")
_OLD = _nouns("pensioner, senior citizen, elderly person, old person, senior", "", "elderly")
_MAN = _nouns(
    "man, man, man, man, man, male, male, guy, guy, gentleman, bloke, chap, fellow", "man"
)
_WOMAN = _nouns("woman, woman, woman, woman, woman, lady, lady, female, female, gal", "woman")
_FORMAL_MAN = _nouns("male person, gent, dude, fella, male pedestrian", "man")
_FORMAL_WOMAN = _nouns("female person, female pedestrian", "woman")
PEOPLE: dict[tuple[str, str | None], tuple[Noun, ...]] = {
    ("man", None): _MAN + _FORMAL_MAN,
    ("woman", None): _WOMAN + _FORMAL_WOMAN,
    ("man", "adult"): _MAN * 2
    + _FORMAL_MAN
    + _nouns("young man, young man, young guy, middle-aged man, grown man", "man", "adult")
    + _nouns("adult man, young fellow, adult male", "man", "adult"),
    ("woman", "adult"): _WOMAN * 2
    + _FORMAL_WOMAN
    + _nouns("young woman, young woman, young lady, middle-aged woman", "woman", "adult")
    + _nouns("grown woman, adult woman, adult female", "woman", "adult"),
    ("man", "child"): _nouns("boy, boy, boy, young boy, little boy, small boy", "man", "child")
    + _CHILD,
    ("woman", "child"): _nouns("girl, girl, girl, young girl, little girl", "woman", "child")
    + _nouns("small girl", "woman", "child")
    + _CHILD,
    ("man", "elderly"): _nouns("elderly man, elderly man, old man, older man", "man", "elderly")
    + _nouns("old guy, elderly gentleman, old gentleman, elderly male, aged man", "man", "elderly")
    + _nouns("man, man, gentleman", "man")
    + _OLD,
    ("woman", "elderly"): _nouns("elderly woman, elderly woman, old lady", "woman", "elderly")
    + _nouns("older woman, elderly lady, old woman, older lady, aged woman", "woman", "elderly")
    + _nouns("woman, woman, lady", "woman")
    + _OLD,
}  # fmt: skip
ANYBODY = ("person", "person", "person", "someone", "someone", "pedestrian", "individual",
           "somebody", "passer-by", "figure", "subject", "human")  # fmt: skip
PRONOUN_LIKE = ("someone", "somebody")
"""Words for anybody that take no article."""

HATS = permitted_by("hat", HEADWEAR)
