"""Colours of body halves, of pictures painted by hand."""

import numpy as np
import numpy.typing as npt
import pytest

from training.datasets.rendered_people.attributes import COLOURS, SHADES
from training.evaluation.colour_histograms import (
    Half,
    asked_colour,
    colour_shares,
    lab_of,
    nearest_colours,
    score_by_histogram,
)
from training.evaluation.named_queries import NamedQuery, name_queries

RED, BLUE, YELLOW, GREEN = (196, 22, 32), (34, 78, 172), (244, 208, 52), (38, 132, 62)


def shares_of(image: npt.NDArray[np.uint8], half: Half) -> dict[str, float]:
    (row,) = colour_shares(image[None], half)
    return {colour: share for colour, share in zip(COLOURS, row.tolist(), strict=True) if share}


@pytest.fixture
def red_over_blue() -> npt.NDArray[np.uint8]:
    """A hundred rows of forty pixels, red to the middle and blue below."""
    image = np.empty((100, 40, 3), np.uint8)
    image[:50], image[50:] = RED, BLUE
    return image


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [
        # As tables of sRGB's primaries give them.
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        # By hand: both formulas are straight lines near black, L* = 903.3 Y.
        ((8, 8, 8), (903.3 * 8 / 255 / 12.92, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_lab_of_known_colours(srgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert lab_of(np.array(srgb, np.float64)).tolist() == pytest.approx(lab, abs=0.01)


def test_an_example_of_a_shade_is_of_the_shade_s_colour() -> None:
    known = [(shade.colour, rgb) for shade in SHADES.values() for rgb in shade.examples]
    found = nearest_colours(np.array([rgb for _, rgb in known], np.float64))
    assert [COLOURS[index] for index in found] == [colour for colour, _ in known]


def test_a_pixel_between_examples_is_of_the_nearest() -> None:
    brick, navy = (200, 30, 40), (20, 28, 66)
    assert [COLOURS[index] for index in nearest_colours(np.array([brick, navy], float))] == [
        "red",
        "blue",
    ]


def test_red_over_blue_is_red_above_and_blue_below(red_over_blue: npt.NDArray[np.uint8]) -> None:
    assert shares_of(red_over_blue, "upper") == {"red": 1}
    assert shares_of(red_over_blue, "lower") == {"blue": 1}


def test_shares_are_of_the_pixels_of_the_region(red_over_blue: npt.NDArray[np.uint8]) -> None:
    red_over_blue[18:26] = YELLOW  # 8 of rows 18 to 50
    red_over_blue[80:, 10:20] = GREEN  # 10 of rows 50 to 90, half of columns 10 to 30
    assert shares_of(red_over_blue, "upper") == pytest.approx({"red": 0.75, "yellow": 0.25})
    assert shares_of(red_over_blue, "lower") == pytest.approx({"blue": 0.875, "green": 0.125})


def test_head_feet_and_background_beside_the_body_do_not_count(
    red_over_blue: npt.NDArray[np.uint8],
) -> None:
    red_over_blue[:18] = red_over_blue[90:] = GREEN
    red_over_blue[:, :10] = red_over_blue[:, 30:] = YELLOW
    assert shares_of(red_over_blue, "upper") == {"red": 1}
    assert shares_of(red_over_blue, "lower") == {"blue": 1}


def test_scores_are_shares_of_the_asked_colour_in_the_asked_half(
    red_over_blue: npt.NDArray[np.uint8],
) -> None:
    upside_down = red_over_blue[::-1].copy()
    upside_down[18:34] = YELLOW
    images = np.stack([red_over_blue, upside_down])
    asked: list[tuple[Half, str]] = [("upper", "blue"), ("lower", "red"), ("upper", "red")]
    assert score_by_histogram(images, asked).tolist() == [[0, 0.5], [0, 1], [1, 0]]


def test_colour_queries_are_those_of_any_top_and_any_trousers() -> None:
    asked = {query.text: asked_colour(query) for query in name_queries()}
    colours = ("red", "blue", "green", "yellow", "black", "white")
    assert {text: found for text, found in asked.items() if found is not None} == {
        **{f"{colour} top": ("upper", colour) for colour in colours},
        **{f"{colour} trousers": ("lower", colour) for colour in colours},
    }


def test_a_colour_query_that_claims_something_else_too_is_none() -> None:
    (red_top,) = (query for query in name_queries() if query.text == "red top")
    woman = NamedQuery("woman in a red top", "top", {**red_top.permitted, "gender": ("woman",)})
    assert asked_colour(woman) is None
