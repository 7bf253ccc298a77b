from pathlib import Path
from typing import Any

import pytest

from models.errors import MetadataInvalid
from tests.training.datasets.made_up import record, write_json
from tests.training.recorded_training import mia
from training.datasets.captioned_crops import CaptionedCrops, caption_rows
from training.datasets.wider_person_search import read, survey


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    content: dict[str, Any] = mia()["cases"]["data"]
    return content


@pytest.fixture(scope="module")
def crops(case: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> CaptionedCrops:
    root = tmp_path_factory.mktemp("mia")
    write_json(root / "WIDER" / "train.json", case["train_anns"])
    write_json(root / "WIDER" / "val.json", case["val_anns"])
    write_json(root / "WIDER" / "val_label.json", {"21/img_000.png": 21})
    return read(root)


def test_train_rows_are_the_recorded_ones(case: dict[str, Any], crops: CaptionedCrops) -> None:
    rows = caption_rows(crops.train)
    assert [row.caption for row in rows] == case["train_row_captions"]
    assert [crops.train[row.crop].path for row in rows] == case["train_row_files"]
    assert len(rows) == case["n_train_rows"]
    assert crops.labels == case["person2label"]


def test_queries_and_gallery_of_val_are_the_recorded_ones(
    case: dict[str, Any], crops: CaptionedCrops
) -> None:
    assert [crop.path for crop in crops.val] == case["gallery_order"]
    assert [crops.val[row.crop].path for row in caption_rows(crops.val)] == case["query_keys"]
    assert crops.test == ()


def test_train_takes_two_captions_and_val_all(tmp_path: Path) -> None:
    three = ("one", "two", "three")
    phrases = {"cap_noun_phrases": [["a"], ["b"], ["c"]]}
    records = [record(0, 1, "train", three) | phrases, record(1, 2, "val", three) | phrases]
    write_json(tmp_path / "all.json", records)
    found = survey(tmp_path)
    assert found.crops.train[0].captions == ("one", "two")
    assert found.crops.train[0].phrases == (("a",), ("b",))
    assert found.crops.val[0].captions == three
    assert found.crops.val[0].phrases == (("a",), ("b",), ("c",))
    assert found.notes == ("1 train crops have captions beyond the second, which are not read",)


def test_a_train_record_with_one_caption_is_kept_and_noted(tmp_path: Path) -> None:
    records = [
        record(0, 1, "train", ("alone",)),
        record(1, 1, "train"),
        record(2, 2, "val", ("x",)),
    ]
    write_json(tmp_path / "all.json", records)
    found = survey(tmp_path)
    assert found.crops.train[0].captions == ("alone",)
    assert found.notes == ("cam_a/0.png: a single caption, where MIA's code needs two",)
    assert found.problems == ()
    assert read(tmp_path) == found.crops


def test_any_split_that_begins_with_train_is_train(tmp_path: Path) -> None:
    records = [record(0, 1, "train"), record(1, 2, "train1"), record(2, 3, "test")]
    write_json(tmp_path / "all.json", records)
    crops = read(tmp_path)
    assert [crop.person_id for crop in crops.train] == [1, 2]
    assert [crop.person_id for crop in crops.test] == [3]


def test_a_split_that_is_read_nowhere_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "one.json", [record(0, 1, "train")])
    write_json(tmp_path / "two.json", [record(1, 2, "val1")])
    with pytest.raises(MetadataInvalid, match=r"two\.json, record 0 .*'split' is 'val1'"):
        read(tmp_path)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "val_label.json", {})
    with pytest.raises(MetadataInvalid, match="found no annotations"):
        read(tmp_path)
