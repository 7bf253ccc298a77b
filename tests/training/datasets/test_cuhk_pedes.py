from pathlib import Path
from typing import Any

import pytest

from tests.training.datasets.made_up import record, write_json
from tests.training.recorded_training import nafs
from training.datasets.captioned_crops import CaptionedCrop, CaptionedCrops, Split
from training.datasets.cuhk_pedes import nafs_row_order, read


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    content: dict[str, Any] = nafs()["cases"]["data"]
    return content


@pytest.fixture(scope="module")
def crops(case: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> CaptionedCrops:
    root = tmp_path_factory.mktemp("nafs")
    write_json(root / "CUHK-PEDES" / "reid_raw.json", case["reid_raw"])
    return read(root)


@pytest.mark.parametrize("split", ["train", "test"])
def test_rows_come_in_the_order_that_nafs_recorded(
    split: Split, case: dict[str, Any], crops: CaptionedCrops
) -> None:
    found = crops.split(split)
    rows = [
        # NAFS' label of whomever is the id less one, in every split.
        (found[row.crop].path, row.caption, _number(found[row.crop]) - 1)
        for row in nafs_row_order(found)
    ]
    assert rows == case[f"{split}_rows"]


def test_the_first_row_of_each_crop_is_the_one_that_nafs_takes_for_the_gallery(
    case: dict[str, Any], crops: CaptionedCrops
) -> None:
    seen: set[int] = set()
    first = []
    for row in nafs_row_order(crops.test):
        first.append(int(row.crop not in seen))
        seen.add(row.crop)
    assert first == case["test_unique"]


def test_labels_of_train_are_the_recorded_ones(case: dict[str, Any], crops: CaptionedCrops) -> None:
    recorded = {path: label for path, _, label in case["train_rows"]}
    assert {crop.path: crops.labels[crop.person_id] for crop in crops.train} == recorded


def test_people_whose_crops_alternate_are_brought_together(tmp_path: Path) -> None:
    ids = [7, 4, 7, 4]
    records = [record(n, person_id, "test", (f"{n}a", f"{n}b")) for n, person_id in enumerate(ids)]
    write_json(tmp_path / "reid_raw.json", records)
    rows = nafs_row_order(read(tmp_path).test)
    assert [row.caption for row in rows] == ["0b", "0a", "2b", "2a", "1b", "1a", "3b", "3a"]
    assert [row.crop for row in rows] == [0, 0, 2, 2, 1, 1, 3, 3]


def _number(crop: CaptionedCrop) -> int:
    assert isinstance(crop.person_id, int)
    return crop.person_id
