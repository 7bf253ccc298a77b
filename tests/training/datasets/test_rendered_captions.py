import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ConfigurationInvalid, MetadataInvalid
from training.captioning import write_full_captions
from training.dataset_checks import check_dataset
from training.datasets.captioned_crops import CaptionedCrops, count
from training.datasets.rendered_captions import PeoplePerSplit, read, render, survey
from training.datasets.rendered_people.attributes import encode_values

PEOPLE = PeoplePerSplit(train=3, val=2, test=2)
SIZE = (32, 96)


def rendered(out: Path, people: PeoplePerSplit = PEOPLE, *, seed: int = 4) -> CaptionedCrops:
    return render(out, people=people, sightings=2, captions=2, seed=seed, size=SIZE, workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered") / "people"


@pytest.fixture(scope="module")
def crops(folder: Path) -> CaptionedCrops:
    return rendered(folder)


def test_each_split_has_its_people_crops_and_captions(crops: CaptionedCrops) -> None:
    assert [crop.person_id for crop in crops.train] == [0, 0, 1, 1, 2, 2]
    assert [crop.person_id for crop in crops.val] == [3, 3, 4, 4]
    assert [crop.person_id for crop in crops.test] == [5, 5, 6, 6]
    assert count(crops.train).captions == 12
    assert crops.labels == {0: 0, 1: 1, 2: 2}


def test_crops_are_images_of_the_asked_size(crops: CaptionedCrops) -> None:
    for crop in (*crops.train, *crops.val, *crops.test):
        assert re.fullmatch(rf"cam_\d/{crop.person_id:06d}_0[01]\.jpg", crop.path)
        with Image.open(crops.image_root / crop.path) as image:
            assert image.size == SIZE


def test_train_has_captions_of_training_templates_and_the_others_held_out_ones(
    folder: Path, crops: CaptionedCrops
) -> None:
    lines = (folder / "attributes.jsonl").read_text().splitlines()
    attributes = {line["path"]: line["attributes"] for line in map(json.loads, lines)}
    for own, held_out in ((crops.train, False), ((*crops.val, *crops.test), True)):
        values = np.stack([encode_values(attributes[crop.path]) for crop in own])
        expected = write_full_captions(values, 2, 4, held_out=held_out).texts
        assert [list(crop.captions) for crop in own] == expected


def test_what_was_rendered_can_be_read_again_and_is_whole(
    folder: Path, crops: CaptionedCrops
) -> None:
    assert read(folder) == crops
    check = check_dataset(survey(folder), images=True)
    assert check.problems == ()


def test_the_seed_decides_everything(folder: Path, crops: CaptionedCrops, tmp_path: Path) -> None:
    again = rendered(tmp_path / "again")
    assert (again.train, again.val, again.test) == (crops.train, crops.val, crops.test)
    for path in sorted((folder / "crops").rglob("*.jpg")):
        copy = again.image_root / path.relative_to(folder / "crops")
        assert copy.read_bytes() == path.read_bytes()
    other = rendered(tmp_path / "other", seed=5)
    assert [crop.captions for crop in other.train] != [crop.captions for crop in crops.train]


def test_crops_that_are_there_are_kept_and_divided_anew(
    crops: CaptionedCrops, tmp_path: Path
) -> None:
    copied = tmp_path / "copied"
    first = rendered(copied)
    image = first.image_root / first.train[0].path
    before = image.stat().st_mtime_ns
    second = rendered(copied, PeoplePerSplit(train=5, val=0, test=2))
    assert image.stat().st_mtime_ns == before
    assert second.classes == 5
    assert second.val == ()
    assert second.train[:6] == crops.train


def test_another_export_in_the_folder_is_refused(folder: Path, crops: CaptionedCrops) -> None:
    assert crops.classes == 3
    with pytest.raises(ConfigurationInvalid, match="holds another export"):
        rendered(folder, PeoplePerSplit(train=9, val=1, test=1))


@pytest.mark.parametrize(
    ("people", "captions"),
    [(PeoplePerSplit(3, -1, 1), 2), (PeoplePerSplit(3, 1, 1), 0)],
)
def test_counts_that_cannot_be_are_refused(
    people: PeoplePerSplit, captions: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot caption"):
        render(tmp_path, people=people, sightings=2, captions=captions, seed=1, size=SIZE)
    with pytest.raises(ConfigurationInvalid, match="people=0"):
        rendered(tmp_path, PeoplePerSplit(0, 0, 0))


def test_a_folder_without_captions_or_with_damaged_attributes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataInvalid, match="render the people of this data set first"):
        read(tmp_path)
    out = tmp_path / "out"
    few = PeoplePerSplit(1, 0, 1)
    rendered(out, few)
    (out / "attributes.jsonl").write_text('{"path": "x"}\n')
    with pytest.raises(MetadataInvalid, match="is missing or damaged"):
        rendered(out, few)


def test_people_of_another_setting_can_be_named(folder: Path, tmp_path: Path) -> None:
    render(
        tmp_path / "out", people=PeoplePerSplit(1, 0, 1), sightings=1, captions=1, seed=4,
        setting="held_out", evenness=0.2, siblings=0.1, size=SIZE, workers=1,
    )  # fmt: skip
    recipe = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (recipe["setting"], recipe["evenness"], recipe["siblings"]) == ("held_out", 0.2, 0.1)
    ours, usual = (
        json.loads((root / "attributes.jsonl").read_text().splitlines()[0])["attributes"]
        for root in (tmp_path / "out", folder)
    )
    assert ours != usual
