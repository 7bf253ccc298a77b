import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import MetadataInvalid
from tests.training.datasets.made_up import caption_line, csv_table
from training.datasets.captioned_crops import CaptionedCrop
from training.datasets.captioned_folder import read, survey

LINES = [
    caption_line("cam/1.png", "a man in red", 12, "train"),
    caption_line("cam/2.png", "the same man", 12, "train"),
    caption_line("cam/1.png", "a red shirt", 12, "train"),
    caption_line("cam/3.png", "a woman", 5, "train"),
    caption_line("cam/4.png", "a child", 30, "val"),
    caption_line("cam/5.png", "a girl", 31, "test"),
]
HEADER = "path,caption,person_id,split\n"


def written(tmp_path: Path, text: str, name: str = "captions.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def table_of(tmp_path: Path, suffix: str) -> Path:
    path = tmp_path / f"captions{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(LINES), path)
        return path
    lines = "".join(f"{json.dumps(line)}\n" for line in LINES)
    path.write_text(csv_table(LINES) if suffix == ".csv" else lines)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_lines_of_one_path_are_captions_of_one_crop(suffix: str, tmp_path: Path) -> None:
    crops = read(table_of(tmp_path, suffix))
    assert crops.train == (
        CaptionedCrop("cam/1.png", 12, ("a man in red", "a red shirt")),
        CaptionedCrop("cam/2.png", 12, ("the same man",)),
        CaptionedCrop("cam/3.png", 5, ("a woman",)),
    )
    assert crops.val == (CaptionedCrop("cam/4.png", 30, ("a child",)),)
    assert crops.test == (CaptionedCrop("cam/5.png", 31, ("a girl",)),)
    assert crops.labels == {5: 0, 12: 1}
    assert crops.image_root == tmp_path


def test_images_may_lie_elsewhere_and_the_folder_may_be_named(tmp_path: Path) -> None:
    table_of(tmp_path, ".jsonl")
    crops = read(tmp_path, images=tmp_path / "elsewhere")
    assert crops.image_root == tmp_path / "elsewhere"
    assert len(crops.train) == 3


def test_ids_that_are_not_all_numbers_stay_text(tmp_path: Path) -> None:
    text = HEADER + "1.png,x,7,train\n2.png,x,007,train\n3.png,x,p9,val\n"
    crops = read(written(tmp_path, text))
    assert [crop.person_id for crop in crops.train] == ["7", "007"]
    assert crops.val[0].person_id == "p9"
    assert crops.labels == {"007": 0, "7": 1}


@pytest.mark.parametrize("person_id", ["1" * 19, "٣", "-07", "1.0"])
def test_ids_that_only_look_like_numbers_stay_text(person_id: str, tmp_path: Path) -> None:
    crops = read(written(tmp_path, f"{HEADER}1.png,x,{person_id},train\n"))
    assert crops.train[0].person_id == person_id


def test_numbers_among_text_become_text(tmp_path: Path) -> None:
    lines = [caption_line("1.png", "x", 7, "train"), caption_line("2.png", "x", "p", "train")]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    crops = read(written(tmp_path, text, "t.jsonl"))
    assert [crop.person_id for crop in crops.train] == ["7", "p"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (",x,1,train", "line 3, column 'path': empty"),
        ("/1.png,x,1,train", "line 3, column 'path': '/1.png' is absolute"),
        ("../1.png,x,1,train", "line 3, column 'path': '../1.png' is absolute"),
        ("1.png,,1,train", "line 3, column 'caption': empty"),
        ("1.png,  ,1,train", "line 3, column 'caption': empty"),
        ("1.png,x,,train", "line 3, column 'person_id': empty"),
        ("1.png,x,1,", "line 3, column 'split': empty: use train, val or test"),
        ("1.png,x,1,dev", "line 3, column 'split': 'dev' is no split: use train, val or test"),
        ("1.png,x,1", "line 3: 3 values for 4 columns"),
        ("0.png,x,2,train", "line 3, column 'person_id': 2, but 0.png has 1 in line 2"),
        ("./0.png,x,1,val", "line 3, column 'split': 'val', but 0.png has 'train' in line 2"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_column(
    line: str, problem: str, tmp_path: Path
) -> None:
    path = written(tmp_path, f"{HEADER}0.png,first,1,train\n{line}\n2.png,last,1,train\n")
    found = survey(path)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)
    assert [crop.captions for crop in found.crops.train] == [("first",), ("last",)]
    with pytest.raises(MetadataInvalid, match="1 of its entries cannot be used: line 3"):
        read(path)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"caption": 3}, "line 1, column 'caption': 3 is not text"),
        ({"caption": "\ud800"}, "line 1, column 'caption': '\\ud800' is not text"),
        ({"person_id": 1.5}, "line 1, column 'person_id': 1.5 is neither text nor an integer"),
        ({"person_id": True}, "line 1, column 'person_id': True is neither"),
        ({"split": 1}, "line 1, column 'split': 1 is no split"),
    ],
)
def test_values_of_other_types_are_named(
    changed: dict[str, object], problem: str, tmp_path: Path
) -> None:
    line = json.dumps(caption_line("1.png", "x", 1, "train") | changed)
    found = survey(written(tmp_path, f"{line}\n", "captions.jsonl"))
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,caption\n1.png,x\n", "has no column 'person_id', 'split', only"),
        ("path,caption,person_id,split,path\n", "column 'path' is there twice"),
        (HEADER, "has no line: add one for each caption"),
        ("", "has no column 'path', 'caption', 'person_id', 'split'"),
    ],
)
def test_a_table_that_is_none_of_captions_is_refused(
    text: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(MetadataInvalid, match=reason):
        survey(written(tmp_path, text))


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataInvalid, match=r"none of .*captions\.csv.*captions\.parquet"):
        read(tmp_path)
    with pytest.raises(MetadataInvalid, match="is missing: name an existing table"):
        read(tmp_path / "nowhere")
