"""How garments and belongings are called, and which values each name permits."""

from training.datasets.rendered_people.attributes import SLOTS
from training.datasets.rendered_people.wording import Wordings

OUTERWEAR = ("jacket", "puffer jacket", "denim jacket", "leather jacket", "coat", "suit jacket")
TOPS = tuple(value for value in SLOTS["upper_type"] if value != "dress")
SHIRTS = ("t-shirt", "shirt", "blouse")
COATS = ("coat", "jacket", "puffer jacket")
PANTS = ("trousers", "jeans", "leggings", "sweatpants")
CLOSED_SHOES = ("sneakers", "leather shoes", "heels", "boots")
SOFT_BAGS = ("handbag", "shoulder bag", "tote bag", "crossbody bag", "plastic bag", "backpack")
SHOULDER_BAGS = ("shoulder bag", "crossbody bag", "tote bag", "handbag")
HATS = ("cap", "beanie", "brimmed hat")
PRINTS = ("floral", "dotted", "camouflage", "checked", "graphic")
STRIPES = ("horizontal stripes", "vertical stripes")

UPPER: dict[str, Wordings] = {
    "t-shirt": (("t-shirt", ("t-shirt",)),) * 3 + (("t shirt", ("t-shirt",)), ("tshirt", ("t-shirt",)), ("tee", ("t-shirt",)), ("tee shirt", ("t-shirt",)), ("shirt", SHIRTS), ("shirt", SHIRTS), ("top", TOPS), ("top", TOPS)) + (("crew neck tee", ("t-shirt",)),),
    "tank top": (("tank top", ("tank top",)),) * 3 + (("sleeveless top", ("tank top",)), ("sleeveless shirt", ("tank top", "blouse")), ("singlet", ("tank top",)), ("top", TOPS), ("top", TOPS), ("vest top", ("tank top",))) + (("camisole", ("tank top",)), ("cami", ("tank top",)),),
    "shirt": (("shirt", SHIRTS),) * 3 + (("button-up shirt", ("shirt",)), ("button down shirt", ("shirt",)), ("dress shirt", ("shirt",)), ("collared shirt", ("shirt",)), ("top", TOPS)) + (("button-down", ("shirt",)), ("buttoned shirt", ("shirt",)),),
    "blouse": (("blouse", ("blouse",)),) * 3 + (("shirt", SHIRTS), ("top", TOPS), ("top", TOPS)),
    "sweater": (("sweater", ("sweater", "cardigan")),) * 3 + (("jumper", ("sweater",)), ("pullover", ("sweater", "hoodie")), ("knitted sweater", ("sweater", "cardigan")), ("sweatshirt", ("sweater", "hoodie")), ("knit top", ("sweater",)), ("top", TOPS), ("top", TOPS)) + (("woolly jumper", ("sweater",)), ("jersey", ("sweater",)),),
    "hoodie": (("hoodie", ("hoodie",)),) * 3 + (("hooded sweatshirt", ("hoodie",)), ("hoody", ("hoodie",)), ("sweatshirt", ("sweater", "hoodie")), ("hooded top", ("hoodie",)), ("top", TOPS)) + (("hooded jumper", ("hoodie",)),),
    "jacket": (("jacket", OUTERWEAR),) * 4 + (("coat", COATS), ("zip-up jacket", ("jacket", "puffer jacket")), ("windbreaker", ("jacket",)), ("bomber jacket", ("jacket",)), ("top", TOPS)) + (("windcheater", ("jacket",)), ("zipped jacket", ("jacket", "puffer jacket")),),
    "puffer jacket": (("puffer jacket", ("puffer jacket",)), ("down jacket", ("puffer jacket",)), ("padded jacket", ("puffer jacket",)), ("quilted jacket", ("puffer jacket",)), ("puffy jacket", ("puffer jacket",)), ("jacket", OUTERWEAR), ("jacket", OUTERWEAR), ("coat", COATS), ("winter jacket", COATS), ("parka", ("puffer jacket", "coat")), ("puffer", ("puffer jacket",)), ("puffer coat", ("puffer jacket",))),
    "denim jacket": (("denim jacket", ("denim jacket",)),) * 3 + (("jean jacket", ("denim jacket",)), ("jacket", OUTERWEAR)) + (("jeans jacket", ("denim jacket",)),),
    "leather jacket": (("leather jacket", ("leather jacket",)),) * 3 + (("jacket", OUTERWEAR), ("biker jacket", ("leather jacket",))) + (("leather biker jacket", ("leather jacket",)),),
    "coat": (("coat", COATS),) * 5 + (("overcoat", ("coat",)), ("trench coat", ("coat",)), ("winter coat", ("coat", "puffer jacket")), ("jacket", OUTERWEAR), ("raincoat", ("coat", "jacket"))) + (("topcoat", ("coat",)), ("wool coat", ("coat",)),),
    "suit jacket": (("suit", ("suit jacket",)), ("suit jacket", ("suit jacket",)), ("blazer", ("suit jacket",)), ("suit", ("suit jacket",)), ("sport coat", ("suit jacket",)), ("jacket", OUTERWEAR), ("business suit", ("suit jacket",)), ("formal jacket", ("suit jacket",))),
    "cardigan": (("cardigan", ("cardigan",)),) * 3 + (("sweater", ("sweater", "cardigan")), ("knit cardigan", ("cardigan",)), ("top", TOPS)) + (("cardie", ("cardigan",)),),
    "vest": (("vest", ("vest", "safety vest")),) * 2 + (("gilet", ("vest",)), ("body warmer", ("vest",)), ("padded vest", ("vest",)), ("sleeveless jacket", ("vest",))) + (("bodywarmer", ("vest",)), ("puffer vest", ("vest",)),),
    "safety vest": (("high visibility vest", ("safety vest",)), ("hi-vis vest", ("safety vest",)), ("safety vest", ("safety vest",)), ("reflective vest", ("safety vest",)), ("vest", ("vest", "safety vest")), ("construction vest", ("safety vest",)), ("hi-vis", ("safety vest",)), ("high-vis vest", ("safety vest",))),
    "dress": (("dress", ("dress",)),) * 6 + (("gown", ("dress",)), ("frock", ("dress",))),
}  # fmt: skip
LOWER: dict[str, Wordings] = {
    "trousers": (("pants", PANTS),) * 3 + (("trousers", PANTS),) * 3 + (("slacks", ("trousers",)), ("dress pants", ("trousers",)), ("long pants", PANTS), ("chinos", ("trousers",)), ("bottoms", PANTS)),
    "jeans": (("jeans", ("jeans",)),) * 4 + (("denim jeans", ("jeans",)), ("denim pants", ("jeans",)), ("pants", PANTS), ("trousers", PANTS), ("denims", ("jeans",))) + (("denim trousers", ("jeans",)),),
    "shorts": (("shorts", ("shorts",)),) * 4 + (("short pants", ("shorts",)), ("bermuda shorts", ("shorts",))),
    "skirt": (("skirt", ("skirt",)),) * 5,
    "leggings": (("leggings", ("leggings",)),) * 3 + (("yoga pants", ("leggings",)), ("pants", PANTS), ("trousers", PANTS), ("tight pants", ("leggings", "jeans"))) + (("tights", ("leggings",)),),
    "sweatpants": (("sweatpants", ("sweatpants",)), ("joggers", ("sweatpants",)), ("track pants", ("sweatpants",)), ("tracksuit bottoms", ("sweatpants",)), ("pants", PANTS), ("trousers", PANTS), ("jogging bottoms", ("sweatpants",)), ("jogging pants", ("sweatpants",)), ("trackies", ("sweatpants",))),
}  # fmt: skip
SHOES: dict[str, Wordings] = {
    "sneakers": (("sneakers", ("sneakers",)),) * 3 + (("shoes", CLOSED_SHOES),) * 2 + (("trainers", ("sneakers",)), ("running shoes", ("sneakers",)), ("tennis shoes", ("sneakers",)), ("sports shoes", ("sneakers",))) + (("gym shoes", ("sneakers",)), ("athletic shoes", ("sneakers",)),),
    "boots": (("boots", ("boots",)),) * 4 + (("ankle boots", ("boots",)), ("shoes", CLOSED_SHOES)),
    "leather shoes": (("shoes", CLOSED_SHOES),) * 3 + (("dress shoes", ("leather shoes",)), ("loafers", ("leather shoes",)), ("leather shoes", ("leather shoes",))) + (("formal shoes", ("leather shoes",)), ("smart shoes", ("leather shoes",)),),
    "sandals": (("sandals", ("sandals",)),) * 3 + (("flip-flops", ("sandals",)), ("open-toed shoes", ("sandals", "heels"))),
    "heels": (("heels", ("heels",)), ("high heels", ("heels",)), ("high-heeled shoes", ("heels",)), ("pumps", ("heels",)), ("shoes", CLOSED_SHOES), ("stilettos", ("heels",))),
}  # fmt: skip
BAGS: dict[str, Wordings] = {
    "backpack": (("backpack", ("backpack",)),) * 4 + (("rucksack", ("backpack",)), ("book bag", ("backpack",)), ("knapsack", ("backpack",)), ("bag", SOFT_BAGS), ("school bag", ("backpack",)), ("back pack", ("backpack",))) + (("daypack", ("backpack",)), ("schoolbag", ("backpack",)),),
    "handbag": (("handbag", ("handbag", "shoulder bag")), ("purse", ("handbag", "shoulder bag", "crossbody bag")), ("hand bag", ("handbag", "shoulder bag")), ("bag", SOFT_BAGS), ("bag", SOFT_BAGS)),
    "shoulder bag": (("shoulder bag", SHOULDER_BAGS),) * 2 + (("bag", SOFT_BAGS), ("purse", ("handbag", "shoulder bag", "crossbody bag"))),
    "crossbody bag": (("crossbody bag", ("crossbody bag",)), ("messenger bag", ("crossbody bag",)), ("satchel", ("crossbody bag",)), ("sling bag", ("crossbody bag",)), ("bag", SOFT_BAGS), ("shoulder bag", SHOULDER_BAGS), ("cross-body bag", ("crossbody bag",))),
    "tote bag": (("tote bag", ("tote bag",)), ("tote", ("tote bag",)), ("large bag", ("tote bag", "shoulder bag")), ("bag", SOFT_BAGS), ("shoulder bag", SHOULDER_BAGS), ("shopper", ("tote bag", "plastic bag")), ("canvas bag", ("tote bag",))),
    "plastic bag": (("plastic bag", ("plastic bag",)), ("shopping bag", ("plastic bag", "tote bag")), ("carrier bag", ("plastic bag",)), ("bag", SOFT_BAGS), ("grocery bag", ("plastic bag",)), ("supermarket bag", ("plastic bag",))),
    "briefcase": (("briefcase", ("briefcase",)), ("laptop bag", ("briefcase",)), ("case", ("briefcase", "suitcase")), ("attache case", ("briefcase",))),
    "suitcase": (("suitcase", ("suitcase",)), ("rolling suitcase", ("suitcase",)), ("trolley case", ("suitcase",)), ("wheeled suitcase", ("suitcase",)), ("roller case", ("suitcase",)), ("travel case", ("suitcase",)), ("trolley bag", ("suitcase",))),
}  # fmt: skip
HEADWEAR: dict[str, Wordings] = {
    "cap": (("cap", ("cap",)),) * 2 + (("baseball cap", ("cap",)), ("hat", HATS), ("ball cap", ("cap",))) + (("peaked cap", ("cap",)), ("snapback", ("cap",)),),
    "beanie": (("beanie", ("beanie",)), ("knit hat", ("beanie",)), ("winter hat", ("beanie",)), ("woolly hat", ("beanie",)), ("hat", HATS), ("bobble hat", ("beanie",)), ("woollen hat", ("beanie",)), ("knitted hat", ("beanie",))),
    "brimmed hat": (("hat", HATS),) * 2 + (("brimmed hat", ("brimmed hat",)), ("sun hat", ("brimmed hat",)), ("fedora", ("brimmed hat",))) + (("wide-brimmed hat", ("brimmed hat",)), ("panama hat", ("brimmed hat",)),),
    "helmet": (("helmet", ("helmet",)), ("hard hat", ("helmet",)), ("safety helmet", ("helmet",)), ("protective helmet", ("helmet",))),
    "headscarf": (("headscarf", ("headscarf",)), ("hijab", ("headscarf",)), ("head scarf", ("headscarf",))),
}  # fmt: skip
PATTERN: dict[str, Wordings] = {
    "horizontal stripes": (("striped", STRIPES),) * 2 + (("horizontally striped", ("horizontal stripes",)), ("stripy", STRIPES)),
    "vertical stripes": (("striped", STRIPES),) * 2 + (("vertically striped", ("vertical stripes",)), ("pinstriped", ("vertical stripes",))),
    "checked": (("checked", ("checked",)), ("checkered", ("checked",)), ("plaid", ("checked",)), ("tartan", ("checked",)), ("chequered", ("checked",))),
    "floral": (("floral", ("floral",)), ("flowery", ("floral",)), ("patterned", PRINTS), ("flower print", ("floral",))),
    "dotted": (("polka dot", ("dotted",)), ("spotted", ("dotted",)), ("dotted", ("dotted",)), ("patterned", PRINTS), ("polka-dotted", ("dotted",))),
    "camouflage": (("camouflage", ("camouflage",)), ("camo", ("camouflage",)), ("military style", ("camouflage",))),
    "graphic": (("printed", ("graphic",)), ("graphic", ("graphic",)), ("patterned", PRINTS)),
}  # fmt: skip
CARRIED: dict[str, tuple[str, ...]] = {
    "phone": ("a phone", "a mobile phone", "a cell phone", "a smartphone"),
    "book": ("a {colour}book", "a {colour}folder", "a {colour}notebook"),
    "papers": ("papers", "some papers", "a document"),
    "box": ("a {colour}box", "a {colour}package", "a {colour}parcel"),
    "cup": ("a cup", "a coffee cup", "a drink"),
    "bottle": ("a {colour}bottle", "a water bottle"),
    "umbrella": ("a {colour}umbrella", "an open umbrella"),
}
HAIR_COLOUR: dict[str, Wordings] = {
    "black": (("black", ("black",)), ("black", ("black",)), ("dark", ("black", "brown"))),
    "brown": (("brown", ("brown",)), ("brown", ("brown",)), ("dark", ("black", "brown")), ("brunette", ("brown",))),
    "blonde": (("blonde", ("blonde",)), ("blond", ("blonde",)), ("light", ("blonde", "grey")), ("golden", ("blonde",))),
    "red": (("red", ("red",)), ("ginger", ("red",)), ("auburn", ("red",))),
    "grey": (("grey", ("grey",)), ("gray", ("grey",)), ("white", ("grey",)), ("silver", ("grey",))),
}  # fmt: skip
PEOPLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("man", "adult"): ("man", "man", "man", "male", "guy", "gentleman", "bloke", "gent", "chap"),
    ("woman", "adult"): ("woman", "woman", "woman", "lady", "female", "gal"),
    ("man", "child"): ("boy", "young boy", "little boy", "kid", "child"),
    ("woman", "child"): ("girl", "young girl", "little girl", "kid", "child"),
    ("man", "elderly"): ("elderly man", "old man", "older man", "elderly gentleman", "man"),
    ("woman", "elderly"): ("elderly woman", "old lady", "older woman", "elderly lady", "woman"),
}
ANYBODY = ("person", "person", "someone", "pedestrian", "individual")
