"""Groups of queries on galleries small enough to rank by hand."""

import numpy as np
import pytest

from tests.training.evaluation.scripted_encoder import ScriptedEncoder, gallery_of
from training.evaluation.answers import ask
from training.evaluation.attribute_queries import attribute_queries
from training.evaluation.item_queries import item_queries
from training.evaluation.named_queries import name_queries
from training.evaluation.query_groups import (
    chance_recall,
    measure_attributes,
    measure_colours,
    measure_handwritten,
    measure_items,
)

LAST_FIRST = [float(crop) for crop in range(12)]


def test_items_are_means_over_items_of_their_wordings() -> None:
    crops: list[dict[str, str]] = [{} for _ in range(12)]
    crops[0] = crops[1] = {"bag": "backpack"}
    crops[5] = {"glasses": "sunglasses"}
    crops[11] = {"headwear": "helmet"}
    encoder = ScriptedEncoder(
        12, {"someone carrying a rucksack": LAST_FIRST, "someone with a hard hat": LAST_FIRST}
    )
    figures = measure_items(ask(encoder, gallery_of(*crops), item_queries()))
    # Ranks: backpacks at 1 and 2, then at 11 and 12; helmet at 12, then at 1; sunglasses at 6.
    found = [
        (query.item, query.matches, query.precision_at_10, query.plain_precision_at_10)
        for query in figures.per_query
    ]
    assert found == [
        ("backpack", 2, 1.0, 0.2),
        ("backpack", 2, 0.0, 0.0),
        ("helmet", 1, 0.0, 0.0),
        ("helmet", 1, 1.0, 0.1),
        ("glasses", 1, 1.0, 0.1),
    ]
    assert figures.by_item == {"backpack": 0.5, "helmet": 0.5, "glasses": 1.0}
    assert figures.precision_at_10 == pytest.approx(2 / 3)
    assert figures.plain_precision_at_10 == pytest.approx((0.1 + 0.05 + 0.1) / 3)
    backpack, helmet = (1 + (1 / 11 + 2 / 12) / 2) / 2, (1 / 12 + 1) / 2
    assert figures.mean_average_precision == pytest.approx((backpack + helmet + 1 / 6) / 3)
    assert figures.chance == pytest.approx((2 + 1 + 1) / 12 / 3)
    assert figures.queries == 5
    assert len(figures.unanswerable) == 11
    assert "someone with spectacles" in figures.unanswerable


def test_attributes_are_means_over_the_queries_that_a_crop_answers() -> None:
    gallery = gallery_of(
        {"gender": "woman"},
        {"hair_colour": "blonde"},
        {"gender": "woman"},
        {"upper_type": "shirt", "upper_colour": "red"},
    )
    figures = measure_attributes(ask(ScriptedEncoder(4), gallery, attribute_queries()))
    texts = {query.text: query for query in figures.per_query}
    assert set(texts) == {"female person", "person with blonde hair", "person in a red top"}
    # At ranks 1 and 3, 2, and 4.
    assert texts["female person"].average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert figures.mean_average_precision == pytest.approx((5 / 6 + 1 / 2 + 1 / 4) / 3)
    assert figures.precision_at_10 == pytest.approx((2 + 1 + 1) / 4 / 3)
    assert figures.chance == pytest.approx((2 + 1 + 1) / 4 / 3)
    assert (figures.queries, len(figures.unanswerable)) == (3, 24)


def test_handwritten_sentences_are_asked_of_the_first_500_people() -> None:
    crops: list[dict[str, str]] = [{} for _ in range(501)]
    crops[3] = {"bag": "suitcase"}
    crops[20] = {"headwear": "beanie"}
    crops[500] = {"carried": "umbrella"}
    figures = measure_handwritten(ScriptedEncoder(501), gallery_of(*crops), np.arange(501)[:, None])
    assert (figures.people, figures.crops, figures.queries) == (500, 500, 2)
    found = [(query.text, query.first_match_rank) for query in figures.per_query]
    assert found == [
        ("A traveller dragging a case on little wheels.", 4),
        ("Their ears are kept warm by a beanie.", 21),
    ]
    assert figures.recall_at_10 == 0.5
    assert figures.chance_recall_at_10 == pytest.approx(10 / 500)
    assert figures.precision_at_10 == pytest.approx(0.05)
    assert figures.mean_average_precision == pytest.approx((1 / 4 + 1 / 21) / 2)
    assert figures.chance == pytest.approx(1 / 500)
    assert "It must be raining, as an umbrella is up." in figures.unanswerable
    assert len(figures.unanswerable) == 38


def test_both_crops_of_a_person_are_shown_wherever_they_stand() -> None:
    crops: list[dict[str, str]] = [{} for _ in range(4)]
    crops[3] = {"bag": "suitcase"}
    figures = measure_handwritten(
        ScriptedEncoder(4), gallery_of(*crops), np.array([[0, 2], [1, 3]])
    )
    assert (figures.people, figures.crops) == (2, 4)
    assert [query.first_match_rank for query in figures.per_query] == [4]


def test_a_histogram_is_measured_on_the_model_s_colour_queries() -> None:
    red, blue, green, black = (196, 22, 32), (34, 78, 172), (38, 132, 62), (16, 16, 18)
    painted = ((red, blue), (blue, red), (green, black))
    images = np.empty((3, 100, 40, 3), np.uint8)
    for image, (above, below) in zip(images, painted, strict=True):
        image[:50], image[50:] = above, below
    worn = [("red", "blue"), ("blue", "red"), ("green", "black")]
    gallery = gallery_of(
        *(
            {
                "upper_type": "coat", "upper_colour": above,
                "lower_type": "jeans", "lower_colour": below,
            }
            for above, below in worn
        )
    )  # fmt: skip
    answers = ask(ScriptedEncoder(3), gallery, name_queries())
    assert "red coat" in {query.text for query in answers.queries}
    figures = measure_colours(answers, images)
    # Coats do not count: three tops and three trousers, one crop each, in the gallery's order.
    assert figures.queries == 6
    assert figures.chance == pytest.approx(1 / 3)
    assert figures.model is not None
    assert figures.model.mean_average_precision == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert figures.model.precision_at_10 == pytest.approx(1 / 3)
    assert figures.histogram is not None
    assert figures.histogram.mean_average_precision == 1


def test_groups_without_an_answer_have_no_means() -> None:
    encoder, gallery = ScriptedEncoder(2), gallery_of({}, {})
    items = measure_items(ask(encoder, gallery, item_queries()))
    assert (items.queries, items.precision_at_10, items.by_item) == (0, None, {})
    assert len(items.unanswerable) == 16
    attributes = measure_attributes(ask(encoder, gallery, attribute_queries()))
    assert attributes.mean_average_precision is None
    handwritten = measure_handwritten(encoder, gallery, np.array([[0], [1]]))
    assert (handwritten.queries, handwritten.recall_at_10) == (0, None)
    answers = ask(encoder, gallery, name_queries())
    colours = measure_colours(answers, np.zeros((2, 10, 10, 3), np.uint8))
    assert (colours.queries, colours.model, colours.histogram) == (0, None, None)


@pytest.mark.parametrize(
    ("matches", "crops", "k", "expected"),
    [
        (1, 20, 10, 1 / 2),
        (2, 20, 10, 1 - (10 * 9) / (20 * 19)),
        (11, 20, 10, 1),
        (1, 4, 10, 1),
    ],
)
def test_recall_by_chance(matches: int, crops: int, k: int, expected: float) -> None:
    assert chance_recall(matches, crops, k) == pytest.approx(expected)
