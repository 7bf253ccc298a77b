import time
from typing import Any

import numpy as np
import pytest
from nltk import RegexpParser

from models.tokenizers.description_tagger import tag_description
from models.tokenizers.noun_phrases import (
    ADJECTIVES,
    NounPhrases,
    default_noun_phrases,
    override_tags,
    phrases_of,
)
from models.tokenizers.part_of_speech import Tagger
from models.tokenizers.sentences import split_after_punctuation
from tests.models.tokenizers.hand_written_captions import CAPTIONS

TAGS = "JJ JJ NN NN NNS NNP NNPS IN IN PRP CC VPN DT WP VBP RB VBN , VBZ"
FIVE_RULES = """
    NP: {<JJ|VPN>*<NN|NNS|NNP|NNPS>+<IN><PRP>*<JJ>*<NN|NNS|NNP|NNPS>}
        {<JJ>+<CC>*<JJ|VPN>+<NN|NNS|NNP|NNPS>+}
        {<JJ|VPN>*<NN|NNS|NNP|NNPS>+}
        {<NN|NNS|NNP|NNPS><IN>*<NN|NNS|NNP|NNPS>+}
        {<DT><WP><VBP>*<RB>*<VBN><IN><NN|NNS|NNP|NNPS>}
"""


@pytest.fixture(scope="module")
def by_rules() -> NounPhrases:
    return NounPhrases(split_after_punctuation, tag_description)


def as_pairs(tagged: list[Any]) -> list[tuple[str, str]]:
    return [(word, tag) for word, tag in tagged]


def replaying(sentences: list[Any]) -> Tagger:
    """Return a tagger that gives recorded tags, sentence after sentence."""
    remaining = iter(sentences)

    def tag(words: list[str]) -> list[tuple[str, str]]:
        tagged = as_pairs(next(remaining))
        assert [word for word, _ in tagged] == words
        return tagged

    return tag


def test_recorded_tags_are_overridden_as_recorded(mia: dict[str, Any]) -> None:
    cases = mia["noun_phrases"]["captions"]
    assert len(cases) == 16
    for case in cases:
        overridden = [override_tags(as_pairs(sentence)) for sentence in case["raw_tags"]]
        assert overridden == [as_pairs(sentence) for sentence in case["tags_after_override"]]


def test_recorded_captions_and_tags_give_the_recorded_phrases(mia: dict[str, Any]) -> None:
    for case in mia["noun_phrases"]["captions"]:
        phrases = NounPhrases(split_after_punctuation, replaying(case["raw_tags"]))
        assert phrases(case["caption"]) == case["noun_phrases"]


def test_recorded_tag_sequences_give_the_recorded_phrases(mia: dict[str, Any]) -> None:
    cases = mia["noun_phrases"]["tag_sequences"]
    assert len(cases) == 9
    for case in cases:
        assert phrases_of(as_pairs(case["tags"])) == case["noun_phrases"]


def test_our_tagger_gives_the_recorded_phrases_but_for_the_clitic(
    mia: dict[str, Any], by_rules: NounPhrases
) -> None:
    """Where the recorded lexicon takes "'s" for a noun, the Penn Treebank has POS."""
    for case in mia["noun_phrases"]["captions"]:
        expected = [word for phrase in case["noun_phrases"] for word in phrase.split(" 's ")]
        assert by_rules(case["caption"]) == expected


def test_there_are_fifty_hand_written_captions() -> None:
    assert len(CAPTIONS) == 50


@pytest.mark.parametrize("caption", CAPTIONS)
def test_our_tagger_finds_the_phrases_of_a_hand_written_caption(
    caption: str, by_rules: NounPhrases
) -> None:
    assert by_rules(caption) == CAPTIONS[caption]


def test_nltks_chunk_parser_with_all_five_rules_finds_the_same() -> None:
    parser = RegexpParser(FIVE_RULES)
    draw = np.random.default_rng(20)
    found = 0
    for _ in range(2000):
        tags = draw.choice(TAGS.split(), size=draw.integers(1, 13))
        tagged = [(f"w{place}", str(tag)) for place, tag in enumerate(tags)]
        chunks = [piece for piece in parser.parse(tagged) if not isinstance(piece, tuple)]
        expected = [" ".join(word for word, _ in chunk.leaves()) for chunk in chunks]
        assert phrases_of(tagged) == expected, tagged
        found += len(expected)
    assert found > 2000


def test_of_two_overrides_the_later_one_wins() -> None:
    tagged = [("stripes", "NNS"), ("stripes", "PRP$"), ("pair", "PRP"), ("his", "PRP$")]
    assert [tag for _, tag in override_tags(tagged)] == ["JJ", "PRP", "UNK", "PRP"]


def test_the_adjectives_that_the_recording_names_are_in_the_list() -> None:
    named = {"stripes", "sleeves", "dark-blue", "leather", "silver", "green", "collar"}
    assert named <= ADJECTIVES


def test_garments_and_people_are_not_in_the_list() -> None:
    things = {"shirt", "jeans", "dress", "hat", "man", "woman", "hair", "print", "pair", "bag"}
    assert not things & ADJECTIVES
    assert all(word == word.lower() and word for word in ADJECTIVES)


@pytest.mark.parametrize(
    "caption", ["", " ", "walking", "He is walking.", "...", "\x00", "\ud800?"]
)
def test_a_caption_without_a_phrase_gives_the_unknown_mark(caption: str) -> None:
    nothing = NounPhrases(split_after_punctuation, lambda words: [(word, "VB") for word in words])
    assert nothing(caption) == ["<UNK>"]


def test_all_phrases_are_returned_however_many(by_rules: NounPhrases) -> None:
    caption = ", ".join(f"a red bag{number}x" for number in range(25))
    assert by_rules(caption) == [f"red bag{number}x" for number in range(25)]


@pytest.mark.parametrize("word", ["red", "bag", "of", "walks", "'s", "left"])
def test_a_very_long_sentence_is_read_in_reasonable_time(word: str, by_rules: NounPhrases) -> None:
    started = time.perf_counter()
    by_rules(f"{word} " * 3000)
    assert time.perf_counter() - started < 5


@pytest.mark.usefixtures("nltk_data")
def test_the_default_works_on_a_machine_without_nltks_data() -> None:
    assert default_noun_phrases()("A tall man. He has a red bag.") == ["tall man", "red bag"]
    assert default_noun_phrases() is default_noun_phrases()
