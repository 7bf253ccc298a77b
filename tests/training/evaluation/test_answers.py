import numpy as np
import pytest

from tests.training.evaluation.scripted_encoder import ScriptedEncoder, gallery_of
from training.evaluation.answers import (
    ask,
    attainable_precisions_at_10,
    figures_of,
    precisions_at_10,
)
from training.evaluation.named_queries import NamedQuery

BACKPACK = NamedQuery("a backpack", "bag", {"bag": ("backpack",)})
SUITCASE = NamedQuery("a suitcase", "bag", {"bag": ("suitcase",)})
GALLERY = gallery_of({"bag": "backpack"}, {"bag": "none"}, {"bag": "backpack"}, {})


def test_a_crop_that_does_not_tell_is_no_match() -> None:
    encoder = ScriptedEncoder(4, {"a backpack": (0.1, 0.9, 0.5, 0.7)})
    answers = ask(encoder, GALLERY, [BACKPACK])
    assert answers.relevance.tolist() == [[True, False, True, False]]
    # Crops 1, 3, 2 and 0 in the order of ranks.
    assert answers.ranked.tolist() == [[False, False, True, True]]
    (figures,) = answers.figures()
    assert (figures.text, figures.matches, figures.chance) == ("a backpack", 2, 0.5)
    assert figures.average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_a_query_that_is_true_of_no_crop_is_listed_and_not_ranked() -> None:
    answers = ask(ScriptedEncoder(4), GALLERY, [SUITCASE, BACKPACK])
    assert answers.queries == (BACKPACK,)
    assert answers.unanswerable == ("a suitcase",)
    assert answers.ranked.shape == answers.relevance.shape == (1, 4)


def test_queries_that_are_all_true_of_no_crop_leave_nothing() -> None:
    answers = ask(ScriptedEncoder(4), GALLERY, [SUITCASE])
    assert answers.queries == ()
    assert answers.figures() == []
    assert answers.ranked.shape == (0, 4)


def test_part_of_a_gallery_is_ranked_alone() -> None:
    answers = ask(
        ScriptedEncoder(4, {"a backpack": (0.1, 0.9, 0.5, 0.7)}),
        GALLERY.part(np.array([0, 1])),
        [BACKPACK],
    )
    assert answers.ranked.tolist() == [[False, True]]


def test_precision_is_by_ten_and_by_as_many_as_could_be_found() -> None:
    ranked = np.zeros((3, 12), bool)
    ranked[0, [1, 4, 11]] = True  # three match, two are found
    ranked[1, 1:] = True  # eleven match, nine are found
    ranked[2, :10] = True
    assert precisions_at_10(ranked) == pytest.approx([0.2, 0.9, 1.0])
    assert attainable_precisions_at_10(ranked) == pytest.approx([2 / 3, 0.9, 1.0])


def test_fewer_than_ten_crops_are_all_looked_at() -> None:
    ranked = np.array([[False, True, False, True]])
    assert precisions_at_10(ranked) == pytest.approx([0.5])
    assert attainable_precisions_at_10(ranked) == pytest.approx([1.0])


def test_average_precision_of_each_text_is_of_its_own_ranks() -> None:
    ranked = np.array([[True, False, True], [False, False, True]])
    found = figures_of(["first", "second"], ranked)
    assert [query.average_precision for query in found] == pytest.approx([(1 + 2 / 3) / 2, 1 / 3])
    assert [query.matches for query in found] == [2, 1]
