import numpy as np
import pytest

from service.explanations import PHRASES_LIMIT, phrases_of, standardised


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("woman in red coat", ["woman", "red coat"]),
        (
            "A man with a red and blue backpack, wearing black jeans and white shoes.",
            ["man", "red and blue backpack", "black jeans", "white shoes"],
        ),
        ("person with a black hat", ["black hat"]),
        ("red", ["red"]),
        ("person", ["person"]),
        ("🧥", ["🧥"]),
        ("red coat, red coat", ["red coat"]),
        ("", []),
    ],
)
def test_the_phrases_of_a_text_are_its_nouns_with_their_adjectives(
    text: str, phrases: list[str]
) -> None:
    assert [(each.text, each.wanted) for each in phrases_of(text, [])] == [
        (phrase, True) for phrase in phrases
    ]


def test_negatives_follow_as_what_is_not_wanted() -> None:
    found = phrases_of("woman in red coat", ["a backpack"])
    assert [(each.text, each.wanted) for each in found[2:]] == [("a backpack", False)]
    assert len(phrases_of("hat", [f"n{n}" for n in range(20)])) == PHRASES_LIMIT


def test_strengths_are_standard_deviations_from_the_mean_of_the_pool() -> None:
    pool = np.array([[1, 5], [3, 5]], np.float32)  # means 2 and 5, deviations 1 and 0
    strengths = standardised(np.array([[2, 5], [4, 9], [1.5, 0]], np.float32), pool)
    assert strengths.tolist() == [[0, 0], [2, 0], [-0.5, 0]]
