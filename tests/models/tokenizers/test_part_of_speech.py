import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from nltk.tag.perceptron import PerceptronTagger

from models.errors import ConfigurationInvalid
from models.tokenizers import part_of_speech
from models.tokenizers.description_tagger import tag_description
from models.tokenizers.part_of_speech import PERCEPTRON, RULES, choose_tagger

# Each line tags the words of one sentence by hand, after the guidelines of the Penn Treebank.
SENTENCES = [
    "the/DT man/NN is/VBZ wearing/VBG a/DT dark/JJ blue/JJ jacket/NN ./.",
    "she/PRP watches/VBZ the/DT street/NN ;/: a/DT gold/JJ watch/NN",
    "a/DT watch/NN on/IN her/PRP$ left/JJ wrist/NN",
    "he/PRP walks/VBZ to/TO the/DT left/NN",
    "the/DT coat/NN is/VBZ left/VBN open/JJ",
    "she/PRP is/VBZ looking/VBG left/RB",
    "his/PRP$ hair/NN is/VBZ tied/VBN back/RB",
    "a/DT bag/NN on/IN his/PRP$ back/NN",
    "keys/NNS in/IN the/DT back/JJ pocket/NN",
    "her/PRP$ back/NN faces/VBZ the/DT camera/NN",
    "black/JJ running/NN shoes/NNS",
    "a/DT man/NN running/VBG along/IN the/DT road/NN",
    "he/PRP is/VBZ walking/VBG dogs/NNS",
    "a/DT walking/NN stick/NN",
    "a/DT light/JJ jacket/NN",
    "the/DT man/NN 's/POS hat/NN",
    "the/DT man/NN 's/VBZ wearing/VBG a/DT hat/NN",
    "he/PRP 's/VBZ wearing/VBG glasses/NNS",
    "the/DT man/NN 's/POS left/JJ shoe/NN",
    "faded/JJ jeans/NNS rolled/VBN up/RP",
    "a/DT shirt/NN tucked/VBN into/IN jeans/NNS",
    "the/DT woman/NN wore/VBD a/DT cape/NN",
    "the/DT woman/NN who/WP carried/VBD bags/NNS",
    "light/JJ colored/JJ pants/NNS",
    "hair/NN cut/VBN short/JJ",
    "a/DT short/JJ hair/NN cut/NN",
    "a/DT blue/JJ short/NN and/CC a/DT tee/NN",
    "he/PRP looks/VBZ like/IN a/DT student/NN",
    "his/PRP$ look/NN is/VBZ casual/JJ",
    "people/NNS walk/VBP by/IN the/DT shop/NN",
    "out/RB for/IN a/DT walk/NN",
    "she/PRP dresses/VBZ in/IN black/JJ",
    "two/CD floral/JJ dresses/NNS",
    "a/DT floral/JJ print/NN dress/NN",
    "a/DT man/NN sports/VBZ a/DT beard/NN",
    "white/JJ sports/NNS shoes/NNS",
    "a/DT woman/NN crossing/VBG the/DT street/NN",
    "a/DT zebra/NN crossing/NN",
    "matching/JJ shoes/NNS",
    "shoes/NNS matching/VBG his/PRP$ tie/NN",
    "a/DT shirt/NN that/WDT says/VBZ police/NNS",
    "that/DT man/NN there/RB",
    "there/EX is/VBZ a/DT woman/NN",
    "an/DT asian/JJ male/NN",
    "a/DT male/JJ student/NN",
    "he/PRP can/MD be/VB seen/VBN with/IN a/DT can/NN",
    "his/PRP$ shirt/NN is/VBZ half/RB tucked/VBN",
    "the/DT upper/JJ half/NN",
    "looks/VBZ straight/RB ahead/RB",
    "straight/JJ hair/NN",
    "a/DT larger/JJR bag/NN",
    "in/IN his/PRP$ 30s/NNS",
    "the/DT boys/NNS '/POS caps/NNS",
    "3/CD bags/NNS (/( red/JJ )/)",
    "about/RB to/TO walk/VB",
]


def tagged(line: str) -> list[tuple[str, str]]:
    pairs = (piece.rpartition("/") for piece in line.split())
    return [(word, tag) for word, _, tag in pairs]


@pytest.fixture
def perceptron_data(nltk_data: Path) -> Path:
    """A perceptron in NLTK's own layout, trained here to say NN of "the" and JJ of "man"."""
    folder = nltk_data / "taggers" / "averaged_perceptron_tagger_eng"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    tagger = PerceptronTagger(load=False)
    tagger.train([[("the", "NN"), ("man", "JJ"), (".", ".")]] * 30)
    stem = "averaged_perceptron_tagger_eng"
    (folder / f"{stem}.weights.json").write_text(json.dumps(tagger.model.weights))
    (folder / f"{stem}.tagdict.json").write_text(json.dumps(tagger.tagdict))
    (folder / f"{stem}.classes.json").write_text(json.dumps(sorted(tagger.classes)))
    return folder


@pytest.mark.parametrize("line", SENTENCES)
def test_a_description_is_tagged_as_by_hand(line: str) -> None:
    expected = tagged(line)
    assert tag_description([word for word, _ in expected]) == expected


def test_the_recorded_captions_are_tagged_as_recorded_but_for_its_unknown_words(
    mia: dict[str, Any],
) -> None:
    """The recorded lexicon calls every word NN that it does not know; we know six of them."""
    better = {
        "dark-blue": "JJ", "leather": "JJ", "silver": "JJ", "green": "JJ",
        "socks": "NNS", "glasses": "NNS", "'s": "POS",
    }  # fmt: skip
    for case in mia["noun_phrases"]["captions"]:
        for sentence in case["raw_tags"]:
            expected = [(word, better.get(word, tag)) for word, tag in sentence]
            assert tag_description([word for word, _ in sentence]) == expected


def test_capital_letters_mean_nothing() -> None:
    assert tag_description(["THE", "Man", "IS", "Tall"]) == [
        ("THE", "DT"),
        ("Man", "NN"),
        ("IS", "VBZ"),
        ("Tall", "JJ"),
    ]


@pytest.mark.parametrize(
    "words", [[], [""], ["\ud800", "😀", "\x00", "{", "}", "<", ">"], ["-", "--", "/", "a/", "-a"]]
)
def test_any_words_get_one_tag_each(words: list[str]) -> None:
    tags = tag_description(words)
    assert [word for word, _ in tags] == words
    assert all(tag for _, tag in tags)


@pytest.mark.usefixtures("nltk_data")
def test_without_the_perceptrons_data_words_are_tagged_by_rules() -> None:
    name, tag = choose_tagger()
    assert name == RULES
    assert tag(["the", "man"]) == [("the", "DT"), ("man", "NN")]


@pytest.mark.usefixtures("perceptron_data")
def test_the_perceptron_tags_where_its_data_is_installed() -> None:
    name, tag = choose_tagger()
    assert name == PERCEPTRON
    assert tag(["the", "man", "."]) == [("the", "NN"), ("man", "JJ"), (".", ".")]


@pytest.mark.usefixtures("perceptron_data")
def test_the_perceptron_is_loaded_when_the_first_sentence_is_tagged() -> None:
    tag = choose_tagger().tag
    assert part_of_speech._perceptron.cache_info().currsize == 0
    tag(["the"])
    tag(["man"])
    assert part_of_speech._perceptron.cache_info().misses == 1


def test_damaged_data_of_the_perceptron_is_named_not_passed_over(perceptron_data: Path) -> None:
    (perceptron_data / "averaged_perceptron_tagger_eng.weights.json").write_text("{")
    tag = choose_tagger().tag
    with pytest.raises(ConfigurationInvalid, match=r"averaged_perceptron_tagger_eng.*again"):
        tag(["the"])


@pytest.mark.usefixtures("nltk_data")
def test_choosing_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", refuse)
    assert choose_tagger().name == RULES
