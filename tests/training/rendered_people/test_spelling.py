"""Texts are typed as people type them, and keep their words where nobody errs."""

from collections import Counter

import numpy as np
import pytest

from training.datasets.rendered_people import spelling
from training.datasets.rendered_people.spelling import type_caption, type_query

CAPTION = "a man wears a grey coloured jacket. he has an orange t-shirt"


@pytest.fixture
def well_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 0.0)
    monkeypatch.setattr(spelling, "MISSPELLING_RATE", 0.0)


def typed(text: str, draws: int = 400) -> Counter[str]:
    return Counter(type_caption(text, np.random.default_rng(draw)) for draw in range(draws))


@pytest.mark.usefixtures("well_spelt")
def test_a_caption_is_all_lower_all_upper_or_has_capitals_after_full_stops() -> None:
    same = {text.lower().removesuffix(".") for text in typed(CAPTION)}
    assert same == {
        "a man wears a grey coloured jacket. he has an orange t-shirt",
        "a man wears a grey-coloured jacket. he has an orange t-shirt",
        "a man wears a gray colored jacket. he has an orange t-shirt",
        "a man wears a gray-colored jacket. he has an orange t-shirt",
    }
    for text in typed(CAPTION):
        plain = text.removesuffix(".")
        assert plain in (
            plain.lower(), plain.upper(), "A man" + plain[5:-24] + "He has an orange t-shirt",
        )  # fmt: skip


@pytest.mark.usefixtures("well_spelt")
def test_a_text_is_american_or_british_as_a_whole() -> None:
    for text in typed(CAPTION):
        assert ("gray" in text.lower()) == ("colored" in text.lower())


@pytest.mark.usefixtures("well_spelt")
def test_most_queries_are_lower_case() -> None:
    made = [type_query("Man in red", np.random.default_rng(draw)) for draw in range(500)]
    assert set(made) == {"man in red", "MAN IN RED", "Man in red", "Man in red."}
    assert np.mean([query == "man in red" for query in made]) > 0.6


def test_a_misspelling_is_one_that_people_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 0.0)
    monkeypatch.setattr(spelling, "MISSPELLING_RATE", 1.0)
    made = {text.lower().removesuffix(".") for text in typed("a red backpack", 200)}
    assert made == {"a red backpak", "a red bagpack", "a red backback"}


def test_a_typing_error_changes_one_long_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "TYPO_RATE", 1.0)
    monkeypatch.setattr(spelling, "MISSPELLING_RATE", 0.0)
    made = {text.lower().removesuffix(".") for text in typed("a red backpack", 200)}
    assert len(made) > 20
    for text in made:
        assert text.startswith("a red ")
        assert abs(len(text) - len("a red backpack")) <= 1


def test_mistakes_are_rare() -> None:
    right = {"a red backpack", "a red backpack."}
    wrong = sum(count for text, count in typed("a red backpack", 2_000).items()
                if text.lower() not in right)  # fmt: skip
    assert 0.01 < wrong / 2_000 < 0.08
