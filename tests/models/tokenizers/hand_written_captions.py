"""Descriptions as people write them, with their phrases worked out by hand.

Each phrase follows from MIA's chunk rules on the Penn tags that the sentence calls for; a
participle that stands before its noun ("faded jeans") counts as an adjective. Written before any
tagger of ours was run on them.
"""

CAPTIONS: dict[str, list[str]] = {
    "The man is wearing a dark blue jacket with a hood, light-colored jeans and white sneakers. "
    "He has a black backpack on both shoulders.": [
        "man",
        "dark blue jacket",
        "hood",
        "light-colored jeans",
        "white sneakers",
        "black backpack",
        "shoulders",
    ],
    "A woman with long brown hair tied back in a ponytail, wearing a floral print dress and white "
    "running shoes.": [
        "woman with long brown hair",
        "ponytail",
        "floral print dress",
        "white running shoes",
    ],
    "Tall slim man, gray hoodie, blue jeans, white trainers, no bag.": [
        "tall slim man",
        "gray hoodie",
        "blue jeans",
        "white trainers",
        "bag",
    ],
    "She is looking down at her phone as she walks; black leggings, pink top.": [
        "phone",
        "black leggings",
        "pink top",
    ],
    "The woman walks to the left with a watch on her left wrist.": [
        "woman",
        "left",
        "watch on her left wrist",
    ],
    "He watches the street and dresses in a light shirt with thin stripes.": [
        "street",
        "light shirt",
    ],
    "A young lady in a short skirt and a cropped top walking away from the camera.": [
        "young lady",
        "short skirt",
        "cropped top",
        "camera",
    ],
    "The man wears a blue short and a red polo shirt.": ["man", "blue short", "red polo shirt"],
    "His look is casual: faded jeans, a loose t-shirt and flip-flops.": [
        "look",
        "faded jeans",
        "loose t-shirt",
        "flip-flops",
    ],
    "A boy who looks like a student carries a green bag over his right shoulder.": [
        "boy",
        "student",
        "green bag over his right shoulder",
    ],
    "A pair of black sunglasses is on top of her head.": ["black sunglasses", "top of her head"],
    "Woman with back to camera, dark hair in bun, beige coat.": [
        "woman with back",
        "camera",
        "dark hair in bun",
        "beige coat",
    ],
    "The back of his jacket has a large white print.": ["back of his jacket", "large white print"],
    "He has his left hand in the back pocket of his jeans.": [
        "left hand",
        "back pocket of his jeans",
    ],
    "Two women in summer dresses stand in front of a shop window.": [
        "women in summer",
        "dresses",
        "front",
        "shop window",
    ],
    "The pedestrian is pushing a shopping cart and wearing hiking boots.": [
        "pedestrian",
        "shopping cart",
        "hiking boots",
    ],
    "A middle-aged woman in leather boots, holding a closed umbrella.": [
        "middle-aged woman in leather boots",
        "closed umbrella",
    ],
    "The man's hair is cut short and he's wearing glasses.": ["man", "hair", "glasses"],
    "A girl with a pink backpack is talking to a man dressed in black.": [
        "girl",
        "pink backpack",
        "man",
    ],
    "Her dress is knee-length and has a floral pattern with a white collar.": [
        "dress",
        "floral pattern",
    ],
    "The person is carrying a brown paper bag in each hand.": [
        "person",
        "brown paper bag",
        "hand",
    ],
    "Man, late twenties, short beard, wearing a navy suit, a striped tie and brown dress shoes.": [
        "man",
        "late twenties",
        "short beard",
        "navy suit",
        "striped tie",
        "brown dress shoes",
    ],
    "She has a black and white striped shirt tucked into high waisted shorts.": [
        "black and white striped shirt",
        "high waisted shorts",
    ],
    "An elderly man with a walking stick and a flat cap walks past a parked car.": [
        "elderly man",
        "walking stick",
        "flat cap",
        "parked car",
    ],
    "A tall young man with short blond hair is walking down the street toward the camera. He is "
    "wearing a zipped up gray hooded sweatshirt, loose dark blue jeans that are rolled up at the "
    "ankles, and white low top sneakers with black soles. He has a messenger bag slung across his "
    "chest, earbuds in his ears, and a paper cup in his right hand.": [
        "tall young man with short blond hair",
        "street",
        "camera",
        "gray hooded sweatshirt",
        "loose dark blue jeans",
        "ankles",
        "white low top sneakers with black soles",
        "messenger bag",
        "chest",
        "earbuds in his ears",
        "paper cup in his right hand",
    ],
    "The women is wering a red jaket and black pants.": ["women", "red jaket", "black pants"],
    "This guy has a shaved head, tattoos on both arms and a sleeveless shirt.": [
        "guy",
        "shaved head",
        "tattoos",
        "arms",
        "sleeveless shirt",
    ],
    "The lady carries a hand bag, and her hands are in her coat pockets.": [
        "lady",
        "hand bag",
        "hands",
        "coat pockets",
    ],
    "Long dark hair, sunglasses, grey sweater, ripped jeans, white Nike shoes, headphones around "
    "neck.": [
        "long dark hair",
        "sunglasses",
        "grey sweater",
        "ripped jeans",
        "white nike shoes",
        "headphones around neck",
    ],
    "He wears an orange safety vest over a long-sleeved shirt, work boots and a hard hat.": [
        "orange safety vest",
        "long-sleeved shirt",
        "work boots",
        "hard hat",
    ],
    "The man is standing with his arms crossed and his back faces the camera.": [
        "man",
        "arms",
        "back",
        "camera",
    ],
    "The young girl's hair is light brown, and it reaches her waist.": [
        "young girl",
        "hair",
        "waist",
    ],
    "A person with white earphones is looking left.": ["person with white earphones"],
    "The coat is left open, and the shirt underneath has a round neck.": [
        "coat",
        "shirt",
        "round neck",
    ],
    "A man walks his dog on a leash while talking on a cell phone.": [
        "man",
        "dog",
        "leash",
        "cell phone",
    ],
    "Woman in tight jeans and running shoes, her hair up in a bun, out for a walk.": [
        "woman in tight jeans",
        "running shoes",
        "hair",
        "bun",
        "walk",
    ],
    "The boy is on his way to school; he wears a uniform with a crest on the left side of his "
    "chest.": [
        "boy",
        "way",
        "school",
        "uniform",
        "crest",
        "left side of his chest",
    ],
    "A heavyset man in khaki cargo shorts, a plain white tee and sandals with socks.": [
        "heavyset man in khaki cargo",
        "shorts",
        "plain white tee",
        "sandals with socks",
    ],
    "Black jacket left unzipped, blue jeans, carries a skateboard under his arm.": [
        "black jacket",
        "blue jeans",
        "skateboard under his arm",
    ],
    "The lady has wavy red hair and wears a long black dress, black tights and ankle boots.": [
        "lady",
        "wavy red hair",
        "long black dress",
        "black tights",
        "ankle boots",
    ],
    "He is short and stocky, with a thick mustache and gray hair.": [
        "thick mustache",
        "gray hair",
    ],
    "A police officer in uniform watches people walk by.": ["police officer in uniform", "people"],
    "People in the back wear winter coats, scarves and gloves.": [
        "people",
        "back",
        "winter coats",
        "scarves",
        "gloves",
    ],
    "The bag has a thin strap that crosses her chest, and the straps of her top show.": [
        "bag",
        "thin strap",
        "chest",
        "straps of her top",
    ],
    "A cyclist with a helmet, knee pads and fingerless gloves rides by.": [
        "cyclist",
        "helmet",
        "knee pads",
        "fingerless gloves",
    ],
    "His shirt is half tucked in and reads SECURITY in yellow letters.": [
        "shirt",
        "security in yellow letters",
    ],
    "Is she wearing a sports bra and yoga pants? Her shoes match the top!": [
        "sports bra",
        "yoga pants",
        "shoes",
        "top",
    ],
    "The child holds an adult's hand and drags a small wheeled suitcase.": [
        "child",
        "adult",
        "hand",
        "small wheeled suitcase",
    ],
    "Asian male with black-rimmed glasses, blue button-down shirt, dark slacks and a brown leather "
    "belt.": [
        "asian male with black-rimmed glasses",
        "blue button-down shirt",
        "dark slacks",
        "brown leather belt",
    ],
    "The woman, who is left-handed, is texting on a white phone.": ["woman", "white phone"],
}
