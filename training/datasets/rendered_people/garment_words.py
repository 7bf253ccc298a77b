"""How garments, their patterns and shoes are called, and which values each name permits."""

from training.datasets.rendered_people.wording import Wordings, lexicon, permitted_by

UPPER: dict[str, Wordings] = lexicon(
    {
        "t-shirt": "t-shirt*6, t shirt*2, tshirt*2, tee*3, tee shirt, shirt*3, top*3, "
        "crew neck tee, crewneck t-shirt, round neck t-shirt, cotton t-shirt, jersey top, "
        "polo shirt, teeshirt, casual top",
        "tank top": "tank top*6, sleeveless top*2, sleeveless shirt, singlet*2, vest top*2, tank, "
        "top*3, camisole, cami, strappy top, muscle shirt, undershirt, racerback, casual top",
        "shirt": "shirt*8, button-up shirt, button-down shirt, dress shirt, collared shirt*2, "
        "button-down, button-up, buttoned shirt, top*2, oxford shirt, smart shirt, work shirt, "
        "polo shirt, cotton shirt, formal shirt",
        "blouse": "blouse*8, shirt*2, top*3, tunic, smart top, sleeveless shirt, loose blouse, "
        "dressy top, chiffon top",
        "sweater": "sweater*6, jumper*4, pullover*3, knitted sweater, sweatshirt*2, knit top, "
        "top*2, woolly jumper, jersey, knit, woollen jumper, knitted jumper, crewneck, "
        "crew neck sweater, cable-knit sweater, knitwear top, woolly pullover, casual top",
        "hoodie": "hoodie*8, hooded sweatshirt*2, hoody*2, sweatshirt*3, hooded top*2, top*2, "
        "hooded jumper, pullover*2, sweat top, hooded pullover, hooded sweater, casual top",
        "jacket": "jacket*10, coat*2, zip-up jacket*2, windbreaker*2, bomber jacket*2, top, "
        "windcheater, zipped jacket, bomber, anorak, rain jacket, track jacket, blouson, "
        "outdoor jacket, shell jacket, cagoule, sports jacket, raincoat, "
        "waterproof jacket, zip top, harrington jacket",
        "puffer jacket": "puffer jacket*5, down jacket*3, padded jacket*2, quilted jacket*2, "
        "puffy jacket*2, jacket*4, coat*2, winter jacket*2, parka*2, puffer*2, puffer coat*2, "
        "puffa jacket, padded coat, down coat, quilted coat, bubble jacket, anorak, top, "
        "winter coat, zip-up jacket, zipped jacket, puffy coat, ski jacket, insulated jacket",
        "denim jacket": "denim jacket*8, jean jacket*3, jacket*4, jeans jacket, top, "
        "trucker jacket, denim top",
        "leather jacket": "leather jacket*8, jacket*4, biker jacket*3, leather biker jacket, top, "
        "motorcycle jacket",
        "coat": "coat*10, overcoat*3, trench coat*2, winter coat*2, jacket*3, raincoat, topcoat, "
        "wool coat, mac, parka, winter jacket, top, trenchcoat, woollen coat, "
        "duffle coat, mackintosh, pea coat, tailored coat",
        "suit jacket": "suit jacket*4, suit*3, blazer*6, sport coat, jacket*3, business suit, "
        "formal jacket, smart jacket, sports jacket, dinner jacket, tailored jacket, top, "
        "dress jacket, suit coat",
        "cardigan": "cardigan*8, sweater*2, knit cardigan*2, top*2, cardie, cardi, "
        "button-up cardigan, woolly cardigan, knitted cardigan, knitted sweater",
        "vest": "vest*3, gilet*3, body warmer*2, padded vest*2, sleeveless jacket*2, bodywarmer, "
        "puffer vest, top, padded gilet, quilted vest, quilted gilet, waistcoat",
        "safety vest": "high visibility vest*2, hi-vis vest*3, safety vest*3, reflective vest*3, "
        "vest*2, construction vest, hi-vis*2, high-vis vest, hi-viz, hi-vis tabard, work vest, "
        "high-vis waistcoat, safety waistcoat, reflective tabard, top, waistcoat, road crew vest",
        "dress": "dress*14, gown, frock, one-piece dress, day dress",
    }
)
LOWER: dict[str, Wordings] = lexicon(
    {
        "trousers": "pants*6, trousers*6, slacks*3, dress pants, long pants, chinos*2, bottoms, "
        "suit trousers, suit pants, smart trousers, long trousers, straight-leg trousers, "
        "tailored trousers, cargo pants, corduroys",
        "jeans": "jeans*10, denim jeans, denim pants, pants*2, trousers*2, denims*2, long pants, "
        "denim trousers, bottoms, skinny jeans, jean trousers, tight pants, denim bottoms, "
        "straight jeans, long trousers",
        "shorts": "shorts*10, short pants*2, bermuda shorts*2, bermudas, short trousers, bottoms, "
        "knee-length shorts, cargo shorts, board shorts, summer shorts",
        "skirt": "skirt*12, a-line skirt, bottoms",
        "leggings": "leggings*8, yoga pants*2, pants*2, trousers*2, tight pants*2, tights*2, "
        "bottoms, stretch pants, long pants, long trousers, jeggings, skin-tight leggings, "
        "gym leggings, running tights",
        "sweatpants": "sweatpants*5, joggers*4, track pants*2, tracksuit bottoms*3, pants*2, "
        "trousers*2, jogging bottoms*2, jogging pants, trackies, sweats, bottoms, long pants, "
        "long trousers, jogger pants, tracksuit trousers, gym pants, lounge pants, tracksuit pants",
    }
)
SHOES: dict[str, Wordings] = lexicon(
    {
        "sneakers": "sneakers*6, shoes*5, trainers*5, running shoes*2, tennis shoes, sports shoes, "
        "gym shoes, athletic shoes, kicks, runners, canvas shoes, footwear, plimsolls, "
        "training shoes, sport shoes, pumps, casual shoes, skate shoes",
        "boots": "boots*8, ankle boots*2, shoes*2, footwear, work boots, lace-up boots, "
        "chelsea boots, leather boots, walking boots, high-top boots, hiking boots",
        "leather shoes": "shoes*6, dress shoes*2, loafers*2, leather shoes*3, formal shoes*2, "
        "smart shoes*2, brogues, oxfords, lace-ups, footwear, office shoes, polished shoes, "
        "derby shoes, business shoes, moccasins",
        "sandals": "sandals*8, flip-flops*2, open-toed shoes, footwear, flip flops, slides, "
        "sliders, summer sandals, strappy sandals, open sandals, beach sandals",
        "heels": "heels*4, high heels*4, high-heeled shoes*2, pumps*2, shoes*2, stilettos, "
        "court shoes, footwear, heeled shoes, open-toed shoes, high-heels, stiletto heels",
    }
)
PATTERN: dict[str, Wordings] = lexicon(
    {
        "plain": "plain*4, solid, solid colour, single-coloured, unpatterned, plain-coloured",
        "horizontal stripes": "striped*6, horizontally striped*2, stripy*2, stripey, banded, "
        "hooped, breton-striped, cross-striped",
        "vertical stripes": "striped*6, vertically striped*2, stripy*2, stripey, pinstriped*2, "
        "pinstripe",
        "checked": "checked*4, checkered*3, plaid*4, tartan*2, chequered*2, check, gingham, "
        "checkerboard, lumberjack, patterned, flannel-check",
        "floral": "floral*4, flowery*2, patterned*2, flower print*2, flowered, flower-patterned, "
        "floral print, blossom-print, botanical",
        "dotted": "polka dot*4, spotted*2, dotted*3, patterned*2, polka-dotted, spotty, dotty, "
        "dot-print, polka-dot",
        "camouflage": "camouflage*4, camo*3, military style, army print, patterned, "
        "camouflage-print, military-print",
        "graphic": "printed*3, graphic*3, patterned*2, graphic-print, logo, picture-print, "
        "slogan, motif, logo-print",
    }
)
PRINTED_WITH: dict[str, Wordings] = lexicon(
    {
        "horizontal stripes": "stripes*3, horizontal stripes*2, bands, hoops, stripes across it",
        "vertical stripes": "stripes*3, vertical stripes*2, pinstripes, stripes down it",
        "checked": "checks, a check pattern, a plaid pattern, squares, a tartan pattern",
        "floral": "flowers, a floral pattern, a flower pattern, blossoms, petals",
        "dotted": "dots, polka dots, spots, a dotted pattern",
        "camouflage": "a camouflage pattern, a camouflage print, a camo pattern",
        "graphic": "a print*2, a logo, a graphic, a motif, a slogan, a printed design, lettering, "
        "an emblem",
    }
)
"""The same patterns as nouns, for after a garment: "a shirt with dots"."""

INNER = ("shirt", "top", "t-shirt", "tee", "base layer", "undershirt", "layer")
OPEN = ("open", "unzipped", "unbuttoned", "unfastened", "undone")
CLOSED = ("closed", "fastened", "done-up")
SLEEVES: dict[str, tuple[str, ...]] = {
    "long": ("long-sleeved", "long sleeved", "long sleeve", "full-sleeved"),
    "short": ("short-sleeved", "short sleeved", "short sleeve", "half-sleeved"),
    "sleeveless": ("sleeveless", "sleeveless", "armless"),
}
LENGTHS: dict[tuple[str, str], tuple[str, ...]] = {
    ("dress", "short"): ("short", "short", "mini", "above-the-knee"),
    ("dress", "long"): ("long", "long", "below-the-knee"),
    ("skirt", "short"): ("short", "short", "mini", "above-the-knee"),
    ("skirt", "long"): ("long", "long", "below-the-knee"),
    ("coat", "long"): ("long", "long", "knee-length", "full-length"),
}

JACKETS = permitted_by("jacket", UPPER)
COATS = permitted_by("coat", UPPER)
