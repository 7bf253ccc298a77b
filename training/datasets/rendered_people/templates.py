"""Templates of full captions: how the phrases about one person are put together.

A template is text with ``{names}`` of phrases; a part in square brackets is left out where its
phrase is empty, so it names only one phrase that may be. The held-out templates have word orders
and openings that no training template has, and are kept for testing.
"""

STRUCTURES: dict[str, tuple[str, ...]] = {
    "one sentence": (
        "{A_person}[ with {head}] {wears} {outfit}[ with {shoes}][ and {worn}][, holding {carried}][, carrying {bag}][, {doing}]",
        "{A_person}[ has {head} and] {wears} {outfit_and_shoes}[, with {worn}][, with {belongings}]",
        "{A_person} in {upper}[ and {lower}][ with {belongings}][, {head}][, {worn}][, {shoes}]",
        "{A_person} dressed in {outfit_and_shoes}[, {doing}][, {belongings} with {them}]",
        "{A_person} who {wears} {outfit}[ and who has {features}][, {belongings}][, {shoes}]",
        "{A_person}, {doing_or_here}, with {outfit}[, {features}][ and {belongings}]",
        "{A_person} wearing {outfit}",
        "{A_person} whose clothes are {outfit_and_shoes}[, with {features}][, carrying {belongings}]",
        "{A_person} {wears} {upper}[ to go with {lower}][ and {shoes}][, plus {worn}][, accompanied by {belongings}]",
        "{A_person} is {doing_or_here} in {outfit}[, with {shoes} on {their} feet][, {worn}][ and {belongings}]",
    ),
    "two or three sentences": (
        "{A_person} {wears} {outfit_and_shoes}[. {They} {has} {features}][. {They} {carries} {belongings}][. {They} {is} {doing}]",
        "{A_person}[ carrying {belongings}] {wears} {outfit}[. {Their} shoes are {shoe_colour}][. {They} {has} {features}]",
        "{A_person} is {doing_or_here} and {wears_plain} {upper}[. {They} {is} also wearing {lower_and_shoes}][. {They} {has} {features}][ and {belongings}]",
        "{They} {they_wear} {outfit}[; {they} {has} {features}][. {They} also {has} {belongings}][ and {shoes}]",
        "this {person} {wears} {outfit}[, has {hair}][, {worn}][, {shoes}][. {They} {carries} {belongings}]",
        "the {person} is wearing {upper}[, {lower}][ and {shoes}][. {They} {carries} {bag}][. {They} {is} {doing}][. {They} {has} {features}]",
        "the image shows {a_person} in {outfit_and_shoes}[. {They} {has} {head}][. {They} {wears_too} {worn}][. {They} {carries} {belongings}]",
        "{A_person} is {doing_or_here}[. {They} {has} {head}]. {They} {they_wear} {outfit}[, {shoes}][ and {worn}][. {They} {carries} {belongings}]",
        "{A_person} has on {upper}[ paired with {lower}][ and {shoes}][; {worn} too][. {Belongings} can be seen]",
        "on top, {a_person} {wears} {upper}[. Below the waist, {they} {has} on {lower}][. {Their} feet are in {shoes}][. {They} {has} {features}][. {Belongings} can be spotted as well]",
        "{A_person} {wears} {outfit}[. Additionally, {they} {has} {worn}][. {Their} footwear is {shoe_colour}][. In {their} possession: {belongings}]",
    ),
    "wearing first": (
        "wearing {outfit}, {a_person} is in the picture[. {They} {has} {head}][. {They} {wears_too} {shoes}][. {They} {carries} {belongings}]",
        "wearing {outfit}[ and {shoes}], {they} {is} {doing_or_here}[. {They} {has} {features}][. {They} {carries} {belongings}]",
        "dressed in {outfit}[, with {shoes} on {their} feet], {a_person} appears in the frame[ with {features}][, carrying {belongings}]",
        "sporting {upper}[ and {lower}], {a_person} is {doing_or_here}[, with {worn}][. {They} {carries} {belongings}]",
    ),
    "upper body first": (
        "{upper_bare} on {a_person}[, {lower} below][, {shoes} on the feet][, {head}][, {worn}][, {belongings}]",
        "the upper body of {a_person} is covered by {upper}[. The legs are in {lower}][. The feet are in {shoes}][. {They} {has} {features}][. {Belongings} may also be seen]",
        "{upper}[ above {lower}][ and {shoes}]: the outfit of {a_person}[, who has {features}][, with {belongings} as well]",
    ),
    "lower body first": (
        "[{Lower} and ]{upper}[ plus {shoes}], worn by {a_person}[ with {features}][. {They} {carries} {belongings}]",
        "{A_person}[ in {lower}], with {upper} on top[, {shoes} on {their} feet][, {features}][ and {belongings}]",
        "in [{lower_and_shoes} and ]{upper}, {a_person} is {doing_or_here}[, with {features}][, with {belongings}]",
        "{A_person} {wears} [{lower} with ]{upper}[ and {shoes}][, {features}][, {doing}]",
        "[{Their} legs are in {lower_and_shoes}. ]{they} {they_wear} {upper}[ and {has} {features}][. {They} {carries} {belongings}]",
    ),
    "hair or face first": (
        "[{Head}, ]{upper}[, {lower}][ and {shoes}][, {belongings}]",
        "[with {features}, ]{a_person} {wears} {outfit_and_shoes}[, carrying {belongings}]",
        "[{They} {has} {features}. ]{they} {they_wear} {outfit}[, along with {shoes}][. {They} {carries} {belongings}]",
        "{A_person}[ having {head}][ and wearing {worn}] is dressed in {outfit_and_shoes}[, {doing}][, with {belongings}]",
    ),
    "belongings first": (
        "[carrying {belongings}, ]{a_person} {wears} {outfit}[ and {shoes}][. {They} {has} {features}]",
        "[with {belongings}, ]{a_person} in {outfit_and_shoes}[ is {doing}][, {features}]",
        "[equipped with {belongings}, ]{they} {they_wear} {outfit_and_shoes}[ and {has} {features}]",
        "{A_person}[ has {belongings} and] is attired in {outfit}[, {shoes}][, with {features}]",
    ),
    "there is": (
        "there is {some_person} in {outfit}[ with {shoes}][. {They} {has} {features}][. {They} {carries} {belongings}]",
        "there is {some_person}[ {doing}][ with {belongings}]. {They} {they_wear} {outfit_and_shoes}[ and {has} {features}]",
        "in this photo there is {some_person} wearing {outfit_and_shoes}[, with {features}][, carrying {belongings}]",
    ),
    "passive": (
        "{A_person} can be seen in {outfit_and_shoes}[, with {features}][, {doing}][. {Belongings} can be made out too]",
        "{upper} is being worn by {a_person}[ along with {lower}][, {shoes}][. {They} {is} pictured with {belongings}][. {They} {is} {doing}]",
        "{A_person} is pictured wearing {outfit}[ and {shoes}][, with {features}][ and carrying {belongings}]",
        "{A_person} is clothed in {upper}[, matched with {lower}][ and finished off with {shoes}][, {features}][. {They} {is} carrying {belongings}]",
    ),
    "participles": (
        "{A_person} {doing_or_here}, wearing {outfit}[ and {shoes}][, having {features}][, carrying {belongings}]",
        "[{Doing}, ]{a_person} {wears} {outfit}[, {shoes}][ and {worn}][. {They} {has} {head}][. {They} {carries} {belongings}]",
        "{A_person} sporting {upper}[, wearing {lower}][, {doing}][, having {head}][, carrying {belongings}]",
        "a shot of {some_person} wearing {outfit_and_shoes}[, showing {features}][, holding {carried}][, bearing {bag}]",
    ),
    "past": (
        "{A_person} {wore} {outfit_and_shoes}[ and had {features}][. {They} {held} {belongings}][. {They} {was} {doing}]",
        "{They} {they_wore} {outfit}[ with {shoes}][ and had {features}][, and {they} {held} {belongings}]",
        "the {person} was wearing {outfit}[, {shoes}][ and {worn}][. {They} had {head}][. {They} {held} {belongings}]",
        "{A_person} was {doing_or_here}, dressed in {outfit}[ and {shoes}][. {They} had {features}][ and {belongings}]",
        "I saw {some_person} in {outfit}[, with {shoes}][. {They} had {features}][. {They} {held} {belongings}]",
        "the camera caught {some_person} who had on {outfit_and_shoes}[, with {features}][ and who had {belongings}]",
    ),
    "lists": (
        "{person}[, {head}], {upper}[, {lower}][, {shoes}][, {worn}][, {belongings}][, {doing}]",
        "{person}: {upper}[, {lower}][, {shoes}][; {belongings}][; {features}]",
        "{person} {wears} {upper}[ {lower}][ {shoes}][ {belongings}][ {head}][ {worn}]",
        "{person}; {upper}[; {lower}][; {shoes}][; {features}][; {belongings}]",
        "upper body: {upper_bare}[, lower body: {lower}][, footwear: {shoes}][, accessories: {worn}][, carrying: {belongings}]",
        "top: {upper_bare}[. Bottom: {lower}][. Shoes: {shoes}][. Bag: {bag}][. Hair: {hair}][. {Doing}]",
        "{person} - {upper_bare}[ - {lower}][ - {shoes}][ - {features}][ - {belongings}]",
        "clothing: {outfit_and_shoes}[. Appearance: {features}][. Items: {belongings}][. Pose: {doing}]",
    ),
    "what is missing": (
        "{A_person} {wears} {outfit_and_shoes}[ and has {lacking}][, {doing}]",
        "{A_person} in {outfit}[, with {shoes}][, with {features}][, but with {lacking}]",
        "{A_person} {wears} {upper}[ and {lower}][. {They} {has} {lacking}][. {They} {is} {doing}]",
        "{They} {they_wear} {outfit_and_shoes}[, {belongings}][ and {lacking}]",
    ),
}  # fmt: skip
TRAINING: tuple[str, ...] = tuple(
    template for templates in STRUCTURES.values() for template in templates
)
HELD_OUT: tuple[str, ...] = (
    "look for {a_person} in {upper}[ combined with {lower}][ + {shoes}][ / {features}][ / {belongings}]",
    "{upper}[, then {lower}][, then {shoes}]: that is what {a_person} has chosen[, together with {features}][, not to forget {belongings}]",
    "seen here: {a_person}[, {doing}], clad in {outfit}[; notable: {features}][; also {belongings}][; {shoes} underfoot]",
    "what stands out about {a_person} is {upper}[, followed by {lower}][ and finally {shoes}][, besides {features}][ or {belongings}]",
    "can you find {a_person} that goes about in {outfit}[, on foot in {shoes}][, recognisable by {features}][, taking along {belongings}]",
    "anyone matching {upper}[ plus {lower}][ plus {shoes}] ought to be {a_person}[, {features} included][, {belongings} included]",
    "it is {upper} that {a_person} chose today[, beside {lower}][, beside {shoes}][; note {features}][; mind {belongings} as well]",
    "of all the people here, {a_person} is the only one having {outfit_and_shoes}[ as well as {features}][ as well as {belongings}]",
    "picture this: {a_person}, all wrapped up in {outfit}[, stepping out in {shoes}][, {features} to boot][, {belongings} at the ready]",
    "my friend, {some_person}, left home in {outfit}[, put on {shoes}][, took {belongings}][ and is known for {features}]",
    "we have been told to expect {some_person} kitted out with {outfit_and_shoes}[, bringing {belongings}][, easily identified by {features}]",
    "should {some_person} come by in {upper}[, let us say {lower}][, let us say {shoes}][, perhaps {features}][, perhaps {belongings}], call me",
)  # fmt: skip
