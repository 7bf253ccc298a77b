import colorsys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.training.rendered_people.sightings import SEED, clear_view, find, wearing
from training.datasets.rendered_people.attributes import SLOTS, encode_values
from training.datasets.rendered_people.parts import Part
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.population import member, sight
from training.datasets.rendered_people.rendering import draw_figure, render
from training.datasets.rendered_people.sighting import sample_sighting

SIZE = (64, 192)


def bare_torso(person: Person, shade: str) -> bool:
    """Whether nothing but a plain t-shirt or sweater of a shade covers the torso."""
    attributes = person.attributes
    return (
        attributes["upper_type"] in ("t-shirt", "sweater", "blouse")
        and attributes["upper_shade"] == shade
        and attributes["upper_pattern"] == "plain"
        and attributes["upper_second_colour"] == "none"
    )


def columns(parts: npt.NDArray[np.int8], *wanted: Part) -> npt.NDArray[np.intp]:
    found: npt.NDArray[np.intp] = np.nonzero(np.isin(parts, wanted))[1]
    return found


def test_a_picture_has_the_size_asked_for_and_every_slot_has_a_valid_value() -> None:
    for person_id in range(40):
        rendering = sight(SEED, member(SEED, person_id), 0, (32, 96))
        assert rendering.image.size == (32, 96)
        assert rendering.image.mode == "RGB"
        assert tuple(rendering.attributes) == tuple(SLOTS)
        assert encode_values(rendering.attributes).shape == (len(SLOTS),)


def test_equal_seeds_give_equal_pictures_and_other_seeds_other_people() -> None:
    first = sight(SEED, member(SEED, 4), 1, SIZE)
    sight(SEED, member(SEED, 9), 0, SIZE)  # what is drawn between must not matter
    again = sight(SEED, member(SEED, 4), 1, SIZE)
    other = sight(SEED + 1, member(SEED + 1, 4), 1, SIZE)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.attributes == again.attributes
    assert first.image.tobytes() != other.image.tobytes()
    assert member(SEED, 4).style != member(SEED + 1, 4).style


def test_two_sightings_of_a_person_differ_but_do_not_contradict_each_other() -> None:
    for person_id in range(20):
        person = member(SEED, person_id)
        first, second = (sight(SEED, person, index, (32, 96)) for index in (0, 1))
        assert first.image.tobytes() != second.image.tobytes()
        for name in set(SLOTS) - {"pose", "view"}:
            values = {first.attributes[name], second.attributes[name]} - {None}
            assert values <= {person.attributes[name]}, name


# Hue in degrees, read off a colour wheel.
@pytest.mark.parametrize(
    ("shade", "hue", "tolerance"),
    [
        ("red", 0, 15),
        ("orange", 24, 12),
        ("yellow", 48, 12),
        ("green", 140, 25),
        ("blue", 217, 20),
        ("purple", 275, 20),
    ],
)
def test_a_garment_has_the_colour_that_its_attribute_says(
    shade: str, hue: float, tolerance: float
) -> None:
    person = find(lambda person: bare_torso(person, shade))
    sighting = clear_view(person, "back")
    size = (128, 384)
    image = render(person, sighting, np.random.default_rng(0), size).image
    parts = draw_figure(person, sighting, size, np.random.default_rng(0)).parts
    red, green, blue = np.asarray(image)[parts == Part.UPPER].mean(0) / 255
    measured, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    assert abs((measured * 360 - hue + 180) % 360 - 180) < tolerance
    assert saturation > 0.4


def test_a_person_seen_from_the_left_faces_the_left_edge() -> None:
    person = wearing(bag="backpack", carried="none")
    for view, direction in (("left", -1), ("right", 1)):
        sighting = clear_view(person, view)
        parts = draw_figure(person, sighting, SIZE, np.random.default_rng(0)).parts
        face = columns(parts, Part.FACE).mean()
        back = columns(parts, Part.BAG).mean()
        assert (face - back) * direction > 5


def test_a_backpack_is_on_the_back() -> None:
    person = wearing(bag="backpack", carried="none")
    counts = {
        view: len(
            columns(
                draw_figure(person, clear_view(person, view), SIZE, np.random.default_rng(0)).parts,
                Part.BAG,
            )
        )
        for view in ("front", "back")
    }
    assert counts["back"] > 10 * max(1, counts["front"])


def test_a_standing_figure_fills_the_frame_from_head_to_toe() -> None:
    person = wearing(headwear="none", carried="none", age="adult")
    sighting = clear_view(person, "front")
    parts = draw_figure(person, sighting, SIZE, np.random.default_rng(0)).parts
    rows = np.nonzero(parts.any(1))[0]
    assert 0 < rows[0] < 30
    assert 165 < rows[-1] < 191


def test_in_a_wide_frame_people_are_as_tall_and_thinner_by_its_shape() -> None:
    person = find(lambda person: bare_torso(person, "red"))
    sighting = clear_view(person, "back")
    extents = []
    for frame in (None, 1.5):  # 3 is the shape of the stored picture
        viewpoint = replace(sighting.viewpoint, frame=frame)
        framed = replace(sighting, viewpoint=viewpoint)
        image = render(person, framed, np.random.default_rng(0), SIZE).image
        red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")).astype(int), -1, 0)
        reddish = (red > 1.8 * green) & (red > 1.8 * blue)
        assert image.size == SIZE
        extents.append((reddish.any(1).sum(), reddish.sum(1).max()))
    (tall, wide), (as_tall, thin) = extents
    assert as_tall == pytest.approx(tall, abs=8)
    assert thin / wide == pytest.approx(0.5, abs=0.08)


def test_long_hair_may_be_dark_where_it_grows() -> None:
    person = wearing(hair_length="long", hair_colour="blonde", headwear="none")
    sighting, size = clear_view(person, "back"), (128, 384)

    def hair(dark_roots: float) -> npt.NDArray[np.float64]:
        physique = replace(person.style.physique, dark_roots=dark_roots)
        rooted = replace(person, style=replace(person.style, physique=physique))
        image = np.asarray(render(rooted, sighting, np.random.default_rng(0), size).image)
        parts = draw_figure(rooted, sighting, size, np.random.default_rng(0)).parts
        rows, columns = np.nonzero(parts == Part.HAIR)
        bright = image[rows, columns].mean(-1)
        third = (rows.max() - rows.min()) / 3
        top, bottom = rows < rows.min() + third, rows > rows.max() - third
        return np.array([bright[top].mean(), bright[bottom].mean()])

    above, below = hair(0.6) / hair(0.0)
    assert above < 0.6
    assert below > above + 0.2


def test_a_dark_scene_is_darker() -> None:
    person = member(SEED, 0)
    sighting = clear_view(person, "front")
    dim = replace(sighting, camera=replace(sighting.camera, exposure=0.4))
    bright, dark = (
        np.asarray(render(person, each, np.random.default_rng(1), SIZE).image).mean()
        for each in (sighting, dim)
    )
    assert dark < 0.8 * bright


def test_few_camera_rows_leave_little_detail() -> None:
    person = wearing(upper_pattern="horizontal stripes")
    sighting = clear_view(person, "back")
    coarse = replace(sighting, camera=replace(sighting.camera, height=56))

    def detail(image: Image.Image) -> float:
        return float(np.abs(np.diff(np.asarray(image).astype(float), axis=0)).mean())

    sharp, blurred = (
        render(person, each, np.random.default_rng(1), SIZE).image for each in (sighting, coarse)
    )
    assert detail(blurred) < 0.7 * detail(sharp)


def test_sightings_cover_every_view_and_pose() -> None:
    rng = np.random.default_rng(0)
    person = member(SEED, 0)
    sightings = [sample_sighting(person, rng) for _ in range(300)]
    assert {each.viewpoint.view for each in sightings} == set(SLOTS["view"])
    assert {each.pose.name for each in sightings} == set(SLOTS["pose"])
    assert {each.occluder for each in sightings} == {0, 1, 2, 3, 4}
    assert sample_sighting(person, rng, view="back").viewpoint.view == "back"
