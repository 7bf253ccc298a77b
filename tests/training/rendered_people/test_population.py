import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.rendered_people.sightings import SEED
from training.datasets.rendered_people.attributes import SLOTS, encode_values
from training.datasets.rendered_people.person import Person
from training.datasets.rendered_people.population import Population, member, sight
from training.datasets.rendered_people.settings import SettingName
from training.datasets.rendered_people.sighting import sample_sighting

RECORDED = Path(__file__).parents[2] / "reference" / "rendered_people" / "first_setting.json"
SIZE = (64, 192)
# What may differ together, written down from the schema: a thing and what follows from it.
TOGETHER = (
    {"bag", "bag_colour"}, {"headwear", "headwear_colour"}, {"carried", "carried_colour"},
    {"glasses"}, {"scarf_colour"}, {"upper_colour", "upper_shade"},
    {"lower_colour", "lower_shade"}, {"lower_type", "hem_length"}, {"shoe_colour"},
)  # fmt: skip
OTHERS: tuple[SettingName, ...] = ("varied", "held_out")


def differing(first: Person, second: Person) -> set[str]:
    return {slot for slot, value in first.attributes.items() if value != second.attributes[slot]}


def pixels(population: Population, person_id: int) -> npt.NDArray[np.int64]:
    image = population.sight(population.member(person_id), 0, SIZE).image
    return np.asarray(image).astype(np.int64)


@pytest.fixture(scope="module")
def families() -> list[tuple[Person, Person]]:
    population = Population(SEED, siblings=0.5)
    return [(population.member(i), population.member(i + 1)) for i in range(0, 600, 2)]


def test_the_first_setting_makes_the_people_it_always_made() -> None:
    recorded = json.loads(RECORDED.read_text())
    people = [member(recorded["seed"], i).attributes for i in range(recorded["people"])]
    text = "".join(json.dumps(dict(sorted(attributes.items()))) for attributes in people)
    assert hashlib.sha256(text.encode()).hexdigest() == recorded["attributes_sha256"]


def test_the_first_setting_makes_the_pictures_it_always_made() -> None:
    recorded = json.loads(RECORDED.read_text())
    for person_id, mean in enumerate(recorded["crop_means"]):
        crop = sight(SEED, member(SEED, person_id), person_id % 2, (32, 96)).image
        # Libraries of another version may code JPEG a little differently.
        assert np.asarray(crop).mean((0, 1)) == pytest.approx(mean, abs=0.75)


def test_siblings_differ_in_one_thing_and_what_follows_from_it(
    families: list[tuple[Person, Person]],
) -> None:
    for first, second in families:
        slots = differing(first, second)
        assert slots, first.person_id
        assert any(slots <= group for group in TOGETHER), slots
        assert first.style.physique == second.style.physique
        assert first.style.cut == second.style.cut
        assert first.style.weave == second.style.weave
        assert encode_values({**second.attributes, "pose": None, "view": None}).shape == (
            len(SLOTS),
        )
    changed = Counter(slot for first, second in families for slot in differing(first, second))
    assert set().union(*TOGETHER) == set(changed)  # every kind of sibling occurs


def test_what_siblings_wear_keeps_to_the_rules(families: list[tuple[Person, Person]]) -> None:
    for _, person in families:
        attributes = person.attributes
        for thing in ("bag", "headwear", "carried"):
            assert (attributes[thing] == "none") == (attributes[f"{thing}_colour"] == "none")
        hemmed = attributes["lower_type"] in ("skirt", "dress")
        assert hemmed <= (attributes["hem_length"] in ("short", "long"))
        assert hemmed <= (attributes["gender"] == "woman")


@pytest.mark.parametrize(("share", "least", "most"), [(0.1, 140, 260), (0.4, 720, 880)])
def test_the_share_of_siblings_is_the_one_asked_for(share: float, least: int, most: int) -> None:
    population = Population(SEED, siblings=share)
    assert least < sum(population.original_of(i) != i for i in range(2000)) < most


def test_originals_are_whom_they_were_without_siblings() -> None:
    population = Population(SEED, siblings=0.3)
    for person_id in range(60):
        if population.original_of(person_id) == person_id:
            assert population.member(person_id) == member(SEED, person_id)


def test_siblings_are_seen_alike_and_strangers_are_not() -> None:
    population = Population(SEED, "varied", siblings=0.5)
    alike, strange = [], []
    for person_id in range(0, 24, 2):
        first, second, stranger = (pixels(population, person_id + step) for step in range(3))
        alike.append((np.abs(first - second).max(-1) > 24).mean())
        strange.append((np.abs(first - stranger).max(-1) > 24).mean())
    assert np.median(alike) < 0.15
    assert max(alike) < 0.45
    assert min(strange) > 0.45


def test_other_shoes_change_the_feet_only() -> None:
    population = Population(SEED, siblings=0.5)
    found = 0
    for person_id in range(0, 400, 2):
        first, second = population.member(person_id), population.member(person_id + 1)
        rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(person_id, 0)))
        view = sample_sighting(first, rng).viewpoint
        if differing(first, second) != {"shoe_colour"} or view.zoom != 1 or view.pitch > 0.3:
            continue
        change = np.abs(pixels(population, person_id) - pixels(population, person_id + 1))
        assert change[:96].max() <= 24
        found += int(change[120:].max() > 24)
    assert found >= 3


def test_evenness_brings_rare_things_without_changing_what_there_is() -> None:
    counts: list[Counter[str]] = []
    for evenness in (0.0, 0.5):
        population = Population(SEED, evenness=evenness)
        people = [population.member(i).attributes for i in range(1500)]
        counts.append(
            Counter(value for each in people for value in (each["bag"], each["headwear"]))
        )
    usual, even = counts
    for rare in ("helmet", "brimmed hat", "tote bag", "briefcase", "suitcase"):
        assert even[rare] > 1.4 * usual[rare], rare


@pytest.mark.parametrize("name", OTHERS)
def test_another_setting_makes_other_people_of_the_same_seed(name: SettingName) -> None:
    population = Population(SEED, name)
    same = [population.member(i).attributes == member(SEED, i).attributes for i in range(50)]
    assert not any(same)


@pytest.mark.parametrize("name", OTHERS)
def test_every_setting_draws_the_same_picture_again(name: SettingName) -> None:
    for person_id in range(6):
        first, second = (Population(SEED, name) for _ in range(2))
        one = first.sight(first.member(person_id), 1, (32, 96))
        other = second.sight(second.member(person_id), 1, (32, 96))
        assert one.image.tobytes() == other.image.tobytes()
        assert one.attributes == other.attributes
        assert encode_values(one.attributes).shape == (len(SLOTS),)
