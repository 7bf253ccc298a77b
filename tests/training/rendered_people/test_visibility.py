from dataclasses import replace

import numpy as np
import pytest

from tests.training.rendered_people.sightings import clear_view, find, wearing
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.rendering import render
from training.datasets.rendered_people.sighting import Sighting
from training.datasets.rendered_people.visibility import seen_attributes

SIZE = (80, 240)


def seen(person: Person, sighting: Sighting) -> dict[str, str | None]:
    return render(person, sighting, np.random.default_rng(0), SIZE).attributes


def test_everything_about_clothes_is_seen_in_a_clear_front_view() -> None:
    person = wearing(
        upper_type="t-shirt", lower_type="jeans", carried="none", bag="none", headwear="none"
    )
    attributes = seen(person, clear_view(person, "front"))
    for slot in (
        "upper_type", "upper_colour", "upper_shade", "sleeve", "lower_type", "lower_colour",
        "shoe_type", "shoe_colour", "hair_colour", "glasses",
    ):  # fmt: skip
        assert attributes[slot] == person.attributes[slot], slot
    assert attributes["pose"] == "standing"
    assert attributes["view"] == "front"


def test_shoes_outside_the_frame_are_unseen_and_so_is_the_pose() -> None:
    person = wearing(lower_type="jeans", carried="none", headwear="none")
    sighting = clear_view(person, "front")
    close = replace(sighting, viewpoint=replace(sighting.viewpoint, zoom=1.6, shift_y=0.3))
    attributes = seen(person, close)
    assert attributes["shoe_type"] is None
    assert attributes["shoe_colour"] is None
    assert attributes["pose"] is None
    assert attributes["upper_colour"] == person.attributes["upper_colour"]
    assert attributes["lower_type"] == "jeans"


def test_a_torso_crop_does_not_tell_the_lower_garment() -> None:
    person = wearing(lower_type="jeans", upper_type="sweater", carried="none")
    sighting = clear_view(person, "front")
    viewpoint = replace(sighting.viewpoint, zoom=2.5, shift_y=0.75)
    attributes = seen(person, replace(sighting, viewpoint=viewpoint))
    for slot in ("lower_type", "lower_colour", "lower_shade", "lower_pattern", "hem_length"):
        assert attributes[slot] is None, slot
    assert attributes["upper_type"] == "sweater"


def test_a_head_outside_the_frame_hides_all_about_the_head() -> None:
    person = wearing(headwear="cap", carried="none")
    sighting = clear_view(person, "front")
    viewpoint = replace(sighting.viewpoint, zoom=1.5, shift_y=-0.35)
    attributes = seen(person, replace(sighting, viewpoint=viewpoint))
    for slot in (
        "headwear", "headwear_colour", "hair_length", "hair_colour", "glasses", "mask", "beard",
        "age",
    ):  # fmt: skip
        assert attributes[slot] is None, slot
    assert attributes["shoe_type"] == person.attributes["shoe_type"]


def test_a_railing_hides_the_shoes() -> None:
    person = wearing(lower_type="jeans", carried="none")
    railing = replace(clear_view(person, "front"), occluder=2)
    attributes = seen(person, railing)
    assert attributes["shoe_type"] is None
    assert attributes["upper_type"] == person.attributes["upper_type"]


@pytest.mark.parametrize(
    ("slot", "value"), [("glasses", "sunglasses"), ("mask", "yes"), ("beard", "yes")]
)
def test_the_face_is_seen_from_the_front_only(slot: str, value: str) -> None:
    person = find(
        lambda person: (
            person.attributes[slot] == value
            and person.attributes["headwear"] == "none"
            and person.attributes["carried"] == "none"
            and (slot == "mask" or person.attributes["mask"] == "no")
        )
    )
    assert seen(person, clear_view(person, "front"))[slot] == value
    assert seen(person, clear_view(person, "back"))[slot] is None


def test_a_coarse_camera_does_not_show_glasses() -> None:
    person = wearing(glasses="glasses", mask="no", headwear="none", carried="none")
    sighting = clear_view(person, "front")
    coarse = replace(sighting, camera=replace(sighting.camera, height=56))
    assert seen(person, sighting)["glasses"] == "glasses"
    assert seen(person, coarse)["glasses"] is None
    assert seen(person, coarse)["upper_colour"] == person.attributes["upper_colour"]


def test_the_front_and_what_is_worn_beneath_are_not_seen_from_behind() -> None:
    person = wearing(front="open", upper_type="jacket", carried="none", bag="none")
    front, back = (seen(person, clear_view(person, view)) for view in ("front", "back"))
    assert front["front"] == "open"
    assert front["inner_colour"] == person.attributes["inner_colour"]
    assert back["front"] is None
    assert back["inner_colour"] is None


def test_a_print_is_seen_from_its_side_only() -> None:
    person = find(
        lambda person: (
            person.attributes["upper_pattern"] == "graphic"
            and not person.style.weave.print_on_back
            and person.attributes["bag"] == "none"
            and person.attributes["carried"] == "none"
        )
    )
    second = person.attributes["upper_second_colour"]
    front, back = (seen(person, clear_view(person, view)) for view in ("front", "back"))
    assert (front["upper_pattern"], front["upper_second_colour"]) == ("graphic", second)
    assert (back["upper_pattern"], back["upper_second_colour"]) == (None, None)


def test_a_backpack_from_the_front_is_known_by_its_straps_without_its_colour() -> None:
    person = find(
        lambda person: (
            person.attributes["bag"] == "backpack"
            and person.attributes["carried"] == "none"
            and person.attributes["scarf_colour"] == "none"
            and person.attributes["upper_type"] == "t-shirt"
        )
    )
    front, back = (seen(person, clear_view(person, view)) for view in ("front", "back"))
    assert (back["bag"], back["bag_colour"]) == ("backpack", person.attributes["bag_colour"])
    assert (front["bag"], front["bag_colour"]) == ("backpack", None)


def test_what_is_held_before_the_body_is_unseen_from_behind() -> None:
    person = find(
        lambda person: (
            person.attributes["carried"] == "papers" and person.style.belongings.held_close
        )
    )
    front, back = (seen(person, clear_view(person, view)) for view in ("front", "back"))
    assert (front["carried"], front["carried_colour"]) == ("papers", "white")
    assert (back["carried"], back["carried_colour"]) == (None, None)


def test_what_nobody_has_is_none_rather_than_unseen() -> None:
    person = wearing(bag="none", headwear="none", carried="none", scarf_colour="none")
    for view in ("front", "back", "left", "right"):
        attributes = seen(person, clear_view(person, view))
        for slot in ("bag", "bag_colour", "headwear", "carried", "carried_colour", "scarf_colour"):
            assert attributes[slot] == "none", (view, slot)


def test_a_hood_hides_the_hair() -> None:
    person = wearing(headwear="hood")
    attributes = seen(person, clear_view(person, "front"))
    assert attributes["headwear"] == "hood"
    assert attributes["headwear_colour"] == person.attributes["upper_colour"]
    assert attributes["hair_length"] is None
    assert attributes["hair_colour"] is None


def test_a_part_counts_from_seven_ten_thousandths_of_the_picture() -> None:
    person = wearing(bag="suitcase", lower_type="jeans")
    sighting = clear_view(person, "front")
    parts = np.zeros((200, 100), np.int8)
    parts[:100] = Part.UPPER
    parts[100:150] = Part.LOWER
    few, enough = parts.copy(), parts.copy()
    few[199, :13] = Part.SHOE  # 13 of 20,000 pixels
    enough[199, :14] = Part.SHOE  # 14 of 20,000 pixels: 0.0007
    assert seen_attributes(person, sighting, few)["shoe_type"] is None
    assert seen_attributes(person, sighting, enough)["shoe_type"] == person.attributes["shoe_type"]
