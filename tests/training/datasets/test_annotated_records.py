"""Records of IRRA's layouts: the recorded parsings, and every way in which a record can be bad."""

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from models.errors import MetadataInvalid
from tests.models.filled_weights import REFERENCE
from tests.training.datasets.made_up import Record, record, whole_records, write_cuhk, write_json
from training.datasets import cuhk_pedes, icfg_pedes, rstp_reid
from training.datasets.annotated_records import irra_split, parse_records
from training.datasets.captioned_crops import SPLITS, CaptionedCrops, Split, caption_rows

PUBLISHED: dict[str, ModuleType] = {
    "CUHK-PEDES": cuhk_pedes,
    "ICFG-PEDES": icfg_pedes,
    "RSTPReid": rstp_reid,
}


@functools.cache
def recorded() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(REFERENCE / "irra/datasets.pt", weights_only=True)
    return content


def written(name: str, root: Path) -> dict[str, Any]:
    case: dict[str, Any] = recorded()["datasets"][name]
    write_json(root / name / case["json_file"], case["annotations"])
    return case


def located(crops: CaptionedCrops, path: str, root: Path) -> str:
    return (crops.image_root / path).relative_to(root).as_posix()


@pytest.mark.parametrize("name", PUBLISHED)
def test_train_is_the_recorded_one_caption_by_caption(name: str, tmp_path: Path) -> None:
    case = written(name, tmp_path)
    crops = PUBLISHED[name].read(tmp_path)
    rows = [
        (
            crops.labels[crops.train[row.crop].person_id],
            row.crop,
            located(crops, crops.train[row.crop].path, tmp_path),
            row.caption,
        )
        for row in caption_rows(crops.train)
    ]
    assert rows == case["train"]
    assert crops.classes == case["num_classes"]


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_val_and_test_are_the_recorded_ones(name: str, split: Split, tmp_path: Path) -> None:
    case = written(name, tmp_path)[split]
    crops = PUBLISHED[name].read(tmp_path)
    found = crops.split(split)
    rows = caption_rows(found)
    assert [crop.person_id for crop in found] == case["image_pids"]
    assert [located(crops, crop.path, tmp_path) for crop in found] == case["img_paths"]
    assert [found[row.crop].person_id for row in rows] == case["caption_pids"]
    assert [row.caption for row in rows] == case["captions"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_folder_itself_can_be_named_as_well(name: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    module = PUBLISHED[name]
    assert module.read(tmp_path / name) == module.read(tmp_path)


@pytest.mark.parametrize("name", PUBLISHED)
def test_missing_annotations_are_refused_with_the_places_looked_at(
    name: str, tmp_path: Path
) -> None:
    file = str(tmp_path / name / recorded()["datasets"][name]["json_file"])
    with pytest.raises(MetadataInvalid, match="found no annotations") as caught:
        PUBLISHED[name].read(tmp_path)
    assert file in str(caught.value)


def test_what_is_neither_train_nor_test_is_val_and_noted(tmp_path: Path) -> None:
    records = [record(0, 1, "train"), record(1, 5, "dev"), record(2, 6, "val"), record(3, 7, "dev")]
    survey = cuhk_pedes.survey(write_cuhk(tmp_path, records))
    assert [crop.person_id for crop in survey.crops.val] == [5, 6, 7]
    assert survey.notes == ("2 records of split 'dev' count as val",)
    assert survey.problems == ()


def without(key: str) -> Record:
    return {name: value for name, value in record(0, 1, "train").items() if name != key}


def having(**changes: object) -> Record:
    return record(0, 1, "train") | changes


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (without("id"), "record 0 (cam_a/0.png): no 'id'"),
        (without("captions"), "record 0 (cam_a/0.png): no 'captions'"),
        (without("split"), "record 0 (cam_a/0.png): no 'split'"),
        (without("file_path"), "record 0: no 'file_path'"),
        (having(id="12"), "'id' is '12'"),
        (having(id=True), "'id' is True"),
        (having(id=None), "'id' is None"),
        (having(captions=[]), "'captions' is []"),
        (having(captions="a person"), "'captions' is 'a person'"),
        (having(captions=["a person", 3]), "'captions[1]' is 3"),
        (having(captions=["\ud800"]), "'captions[0]' is '\\ud800': value error, it holds half"),
        (having(file_path="\ud800.png"), "record 0: '\\ud800.png' is no file name"),
        (having(split=1), "'split' is 1"),
        (having(file_path=""), "'' is no file name"),
        (having(file_path="../0.png"), "'../0.png' is absolute or contains '..'"),
        (having(file_path="/0.png"), "'/0.png' is absolute or contains '..'"),
        (having(cap_noun_phrases=[["a person"]]), "'cap_noun_phrases' has 1 lists for 2 captions"),
        (having(cap_noun_phrases=["a", "b"]), "'cap_noun_phrases[0]' is 'a'"),
        ("a line", "record 0: 'a line' is not a JSON object"),
        (None, "record 0: None is not a JSON object"),
    ],
)
def test_a_record_that_cannot_be_used_is_named_with_its_fault(bad: object, fault: str) -> None:
    parsed = parse_records([bad, record(1, 1, "train")], "file_path", irra_split)
    assert len(parsed.problems) == 1
    assert fault in parsed.problems[0]
    assert [crop.path for crop in parsed.crops["train"]] == ["cam_a/1.png"]


def test_all_faults_of_a_record_are_named() -> None:
    parsed = parse_records([{"file_path": "x.png", "id": "1"}], "file_path", irra_split)
    (problem,) = parsed.problems
    for fault in ("'id' is '1'", "no 'captions'", "no 'split'"):
        assert fault in problem


def test_reading_strictly_names_the_first_faults_and_how_many_there_are(tmp_path: Path) -> None:
    records = [*whole_records(), *(without("id") for _ in range(6))]
    root = write_cuhk(tmp_path, records)
    with pytest.raises(MetadataInvalid) as caught:
        cuhk_pedes.read(root)
    message = str(caught.value)
    assert "6 of its entries cannot be used" in message
    assert "record 14 (cam_a/0.png): no 'id'" in message
    assert "record 18" not in message
    assert len(cuhk_pedes.survey(root).problems) == 6


NOUN_FILES = [
    (cuhk_pedes, "CUHK-PEDES/reid_raw_noun.json", "file_path"),
    (icfg_pedes, "ICFG-PEDES/ICFG-PEDES_noun.json", "file_path"),
    (icfg_pedes, "ICFG-PEDES/ICFG_PEDES_noun.json", "file_path"),
    (rstp_reid, "RSTPReid/data_captions_noun.json", "img_path"),
]


def renamed(content: Record, key: str) -> Record:
    return {key if name == "file_path" else name: value for name, value in content.items()}


@pytest.mark.parametrize(("module", "file", "key"), NOUN_FILES, ids=lambda value: str(value))
def test_noun_phrases_are_read_beside_their_captions(
    module: ModuleType, file: str, key: str, tmp_path: Path
) -> None:
    phrases = [["red shirt", "black trousers"], []]
    with_phrases = renamed(having(cap_noun_phrases=phrases), key)
    write_json(tmp_path / file, [with_phrases, renamed(record(1, 9, "test"), key)])
    crops = module.read(tmp_path, noun_phrases=True)
    assert crops.train[0].phrases == (("red shirt", "black trousers"), ())
    assert crops.test[0].phrases is None
    rows = caption_rows(crops.train)
    assert [row.phrases for row in rows] == [("red shirt", "black trousers"), ()]


@pytest.mark.parametrize("module", PUBLISHED.values(), ids=PUBLISHED)
def test_noun_phrases_need_a_file_that_has_them(module: ModuleType, tmp_path: Path) -> None:
    written(module.LAYOUT.name, tmp_path)
    with pytest.raises(MetadataInvalid, match=r"found no annotations.*_noun\.json"):
        module.read(tmp_path, noun_phrases=True)


def test_a_train_record_without_noun_phrases_is_a_fault_where_they_are_asked_for() -> None:
    records = [record(0, 1, "train"), record(1, 5, "test")]
    needed = parse_records(records, "file_path", irra_split, phrases_needed=True)
    assert needed.problems == ["record 0 (cam_a/0.png): no 'cap_noun_phrases'"]
    assert parse_records(records, "file_path", irra_split).problems == []


def test_icfg_is_read_under_either_name_of_its_file(tmp_path: Path) -> None:
    names = ("ICFG-PEDES.json", "ICFG_PEDES.json")
    for name in names:
        write_json(tmp_path / name / "ICFG-PEDES" / name, [record(0, 0, "train")])
    hyphen, underscore = (icfg_pedes.read(tmp_path / name) for name in names)
    assert hyphen.train == underscore.train


@pytest.mark.parametrize(
    ("name", "images", "people", "all_images"),
    [
        ("CUHK-PEDES", [34054, 3078, 3074], [11003, 1000, 1000], 40_206),
        ("ICFG-PEDES", [34674, 0, 19848], [3102, 0, 1000], 54_522),
        ("RSTPReid", [18505, 1000, 1000], [3701, 200, 200], 20_505),
    ],
)
def test_published_counts_are_those_of_the_papers(
    name: str, images: list[int], people: list[int], all_images: int
) -> None:
    counts = [PUBLISHED[name].PUBLISHED_COUNTS[split] for split in SPLITS]
    assert [one.images for one in counts] == images
    assert [one.people for one in counts] == people
    assert sum(images) == all_images
