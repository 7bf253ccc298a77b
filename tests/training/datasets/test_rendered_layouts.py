import csv
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from training.cli import app
from training.dataset_checks import check_dataset
from training.datasets import captioned_folder, cuhk_pedes
from training.datasets.captioned_crops import CaptionedCrops, count
from training.datasets.rendered_captions import PeoplePerSplit
from training.datasets.rendered_layouts import claimed, split_people, write_layouts
from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, SLOTS
from training.datasets.rendered_people.export import ExportReport, export_people

PEOPLE, SIGHTINGS, CAPTIONS = 20, 2, 3
runner = CliRunner()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    out = tmp_path_factory.mktemp("layouts") / "people"
    report = export_people(
        out, people=PEOPLE, sightings=SIGHTINGS, seed=6, size=(32, 96), setting="varied", workers=1
    )
    write_layouts(report, captions=CAPTIONS, seed=6)
    return report


@pytest.fixture(scope="module")
def folder(report: ExportReport) -> Path:
    return report.attributes.parent


@pytest.fixture(scope="module")
def published(folder: Path) -> CaptionedCrops:
    return cuhk_pedes.read(folder)


@pytest.fixture(scope="module")
def table(folder: Path) -> CaptionedCrops:
    return captioned_folder.read(folder)


def test_the_reader_of_cuhk_pedes_finds_every_crop_and_caption(published: CaptionedCrops) -> None:
    # A tenth of 20 people each for val and test.
    for split, people in (("train", 16), ("val", 2), ("test", 2)):
        counted = count(getattr(published, split))
        assert (counted.people, counted.images) == (people, people * SIGHTINGS)
        assert counted.captions == people * SIGHTINGS * CAPTIONS
    assert sorted({crop.person_id for crop in published.train}) == list(range(1, 17))


def test_the_reader_of_captioned_folders_finds_the_same(
    published: CaptionedCrops, table: CaptionedCrops
) -> None:
    for own, other in (
        (published.train, table.train), (published.val, table.val), (published.test, table.test),
    ):  # fmt: skip
        assert [crop.captions for crop in own] == [crop.captions for crop in other]
        assert [f"crops/{crop.path}" for crop in own] == [crop.path for crop in other]
        assert [crop.person_id for crop in own] == [int(crop.person_id) + 1 for crop in other]


def test_nothing_is_wrong_with_either_images_included(folder: Path) -> None:
    for annotations in (cuhk_pedes.survey(folder), captioned_folder.survey(folder)):
        check = check_dataset(annotations, images=True)
        assert check.problems == ()


def test_a_caption_permits_what_its_own_picture_shows(folder: Path) -> None:
    spoken = defaultdict(set)
    for row in pq.read_table(folder / "captions.parquet").to_pylist():
        claims = dict(row["claims"])
        assert claims
        assert tuple(row["attributes"]) == tuple(SLOTS)
        for slot, permitted in claims.items():
            assert row["attributes"][slot] in permitted, (slot, row["caption"])
            assert set(permitted) <= set(SLOTS[slot])
            spoken[slot].update(permitted)
    assert {"upper_type", "lower_type", "upper_shade", "upper_colour"} & set(spoken)


def test_claims_are_the_permitted_values_of_the_slots_spoken_of() -> None:
    masks = np.full(len(SLOTS), ANY, np.int32)
    masks[SLOT_INDEX["sleeve"]] = 0b101  # long, short, sleeveless
    masks[SLOT_INDEX["mask"]] = 0b10  # no, yes
    assert claimed(masks) == {"sleeve": ["long", "sleeveless"], "mask": ["yes"]}


def test_records_and_rows_carry_the_same_about_a_crop(folder: Path) -> None:
    with (folder / "metadata.csv").open(newline="") as file:
        metadata = {row["path"]: row for row in csv.DictReader(file)}
    lines = (folder / "attributes.jsonl").read_text().splitlines()
    attributes = {line["path"]: line["attributes"] for line in map(json.loads, lines)}
    rows = defaultdict(list)
    for row in pq.read_table(folder / "captions.parquet").to_pylist():
        rows[row["path"].removeprefix("crops/")].append(row)
    records = json.loads((folder / "reid_raw.json").read_text())
    assert len(records) == PEOPLE * SIGHTINGS
    for record in records:
        path = record["file_path"]
        own = rows[path]
        assert record["captions"] == [row["caption"] for row in own]
        assert record["claims"] == [dict(row["claims"]) for row in own]
        assert record["attributes"] == attributes[path] == own[0]["attributes"]
        for name in ("camera", "track_id"):
            assert record[name] == metadata[path][name] == own[0][name]
        assert own[0]["captured_at"] == datetime.fromisoformat(metadata[path]["captured_at"])
        for tokens, caption in zip(record["processed_tokens"], record["captions"], strict=True):
            assert tokens
            assert all(token in caption.lower() for token in tokens)


def test_a_folder_that_cannot_be_linked_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    report = export_people(
        tmp_path / "out", people=2, sightings=1, seed=6, size=(16, 48), first_person_id=7, workers=1
    )
    write_layouts(report, captions=1, seed=6)
    crops = cuhk_pedes.read(tmp_path / "out")
    assert [crop.person_id for crop in crops.train] == [1, 2]
    assert all((crops.image_root / crop.path).is_file() for crop in crops.train)
    assert not (tmp_path / "out" / "imgs").is_symlink()


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (1, PeoplePerSplit(1, 0, 0)),
        (19, PeoplePerSplit(17, 1, 1)),
        (600, PeoplePerSplit(480, 60, 60)),
    ],
)
def test_a_tenth_of_people_each_is_for_validation_and_test(
    people: int, expected: PeoplePerSplit
) -> None:
    assert split_people(people) == expected


def test_the_commands_render_and_check_both_layouts(tmp_path: Path) -> None:
    out, sheet = tmp_path / "people", tmp_path / "sheet.png"
    options = ["--setting", "held_out", "--evenness", "0.3", "--siblings", "0.5", "--captions", "1"]
    result = runner.invoke(
        app,
        [
            *("render", "--people", "4", "--sightings", "1", "--seed", "5", "--out", str(out)),
            *("--sheet", str(sheet), *options),
        ],
    )
    assert result.exit_code == 0, result.output
    assert sheet.is_file()
    recipe = json.loads((out / "export.json").read_text())
    assert (recipe["setting"], recipe["evenness"], recipe["siblings"]) == ("held_out", 0.3, 0.5)
    for layout in ("cuhk-pedes", "captioned-folder"):
        checked = runner.invoke(app, ["check", layout, str(out)])
        assert checked.exit_code == 0, checked.output
        assert "nothing is wrong" in checked.output


def test_a_setting_nobody_knows_is_refused(tmp_path: Path) -> None:
    arguments = ["--people", "1", "--sightings", "1", "--seed", "5", "--out", str(tmp_path / "out")]
    result = runner.invoke(app, ["render", *arguments, "--setting", "sunny"])
    assert result.exit_code == 2
    assert "sunny" in result.output
