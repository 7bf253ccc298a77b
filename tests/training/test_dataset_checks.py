from pathlib import Path

import pytest
from PIL import Image

from tests.training.datasets.made_up import (
    Record,
    caption_line,
    csv_table,
    record,
    whole_records,
    write_cuhk,
    write_images,
    write_json,
)
from training.dataset_checks import DatasetCheck, check_dataset, clip_token_count
from training.datasets import captioned_folder, cuhk_pedes, icfg_pedes
from training.datasets.captioned_crops import Counts


def checked(root: Path, records: list[Record], *, images: bool = True) -> DatasetCheck:
    return check_dataset(cuhk_pedes.survey(write_cuhk(root, records)), images=images)


def with_record(index: int, **changes: object) -> list[Record]:
    records = whole_records()
    records[index] |= changes
    return records


def test_a_whole_data_set_has_no_problem(tmp_path: Path) -> None:
    check = checked(tmp_path, whole_records())
    assert check.problems == ()
    assert check.ok
    assert check.notes == ("train: labels are person id - 1, 0..2 without a gap",)


def test_counts_stand_beside_the_published_ones(tmp_path: Path) -> None:
    check = checked(tmp_path, whole_records())
    train, val, test = check.splits
    assert train.counts == Counts(images=6, captions=12, people=3)
    assert (val.counts, test.counts) == (Counts(4, 8, 2), Counts(4, 8, 2))
    assert train.differences == {"images": -34048, "captions": -68114, "people": -11000}
    assert next(iter(check.lines())) == (
        "CUHK-PEDES train: 6 images (published 34,054: -34,048), "
        "12 captions (published 68,126: -68,114), 3 people (published 11,003: -11,000)"
    )


def test_a_split_that_is_as_published_says_so(tmp_path: Path) -> None:
    write_json(tmp_path / "ICFG-PEDES.json", [record(0, 0, "train")])
    check = check_dataset(icfg_pedes.survey(tmp_path), images=False)
    assert check.splits[1].differences == {}
    assert list(check.lines())[1] == (
        "ICFG-PEDES val: "
        "0 images (as published), 0 captions (as published), 0 people (as published)"
    )
    assert "val: holds no crop" not in check.notes
    assert "test: holds no crop" in check.notes


def test_a_user_s_data_has_nothing_published_beside_it(tmp_path: Path) -> None:
    lines = [caption_line(f"{n}.png", "x", n // 2, "train") for n in range(4)]
    (tmp_path / "captions.csv").write_text(csv_table(lines))
    write_images(tmp_path, [f"{n}.png" for n in range(4)])
    check = check_dataset(captioned_folder.survey(tmp_path), images=True)
    assert check.ok
    assert list(check.lines()) == [
        "captioned folder train: 4 images, 4 captions, 2 people",
        "captioned folder val: 0 images, 0 captions, 0 people",
        "captioned folder test: 0 images, 0 captions, 0 people",
        "note: val: holds no crop",
        "note: test: holds no crop",
        "captioned folder: nothing is wrong, notes: 2",
    ]


def test_every_broken_record_is_named(tmp_path: Path) -> None:
    records = whole_records()
    del records[1]["id"], records[3]["captions"], records[5]["split"]
    check = checked(tmp_path, records)
    assert check.problems == (
        "record 1 (cam_a/1.png): no 'id'",
        "record 3 (cam_a/3.png): no 'captions'",
        "record 5 (cam_a/5.png): no 'split'",
    )
    assert not check.ok
    lines = list(check.lines())
    assert "problem: record 3 (cam_a/3.png): no 'captions'" in lines
    assert lines[-1] == "CUHK-PEDES: problems: 3, notes: 2"


def test_empty_captions_are_named(tmp_path: Path) -> None:
    check = checked(tmp_path, with_record(4, captions=["fine", " \n", ""]))
    assert check.problems == (
        "cam_a/4.png: caption 1 is empty",
        "cam_a/4.png: caption 2 is empty",
    )


def test_a_path_that_is_there_twice_is_named(tmp_path: Path) -> None:
    check = checked(tmp_path, with_record(6, file_path="cam_a/0.png"))
    assert check.problems == ("cam_a/0.png: is there twice, in train and in val",)


def test_a_person_in_two_splits_is_named(tmp_path: Path) -> None:
    records = whole_records()
    records[6]["id"], records[10]["id"] = 1, 3
    check = checked(tmp_path, records)
    assert check.problems == (
        "person 1: is in train and in val",
        "person 3: is in train and in test",
    )


def test_a_split_with_only_one_person_is_a_problem(tmp_path: Path) -> None:
    check = checked(tmp_path, whole_records()[:2])
    assert check.problems == (
        "train: has only one person, and telling people apart needs at least 2",
    )
    assert "val: holds no crop" in check.notes


def test_a_person_with_a_single_crop_is_noted(tmp_path: Path) -> None:
    check = checked(tmp_path, whole_records()[1:])
    assert check.ok
    assert "train: 1 people with a single crop: 1" in check.notes


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ((1, 3, 4), "are not 1..3 (not there: 2)"),
        ((0, 1, 2), "are not 1..3 (too low: 0)"),
        ((0, 2, 10**12), "are not 1..3 (not there: 1, 3, 4, 5, ...; too low: 0)"),
    ],
)
def test_train_ids_with_gaps_are_a_problem_of_published_data(
    ids: tuple[int, int, int], reason: str, tmp_path: Path
) -> None:
    records = [
        record(2 * n + sighting, person_id, "train")
        for n, person_id in enumerate(ids)
        for sighting in range(2)
    ]
    survey = cuhk_pedes.survey(write_cuhk(tmp_path, records))
    (problem,) = check_dataset(survey, images=False).problems
    assert problem.startswith("train: the 3 person ids")
    assert reason in problem
    assert sorted(survey.crops.labels.values()) == [0, 1, 2]


def test_missing_and_empty_files_are_named_without_decoding_any(tmp_path: Path) -> None:
    write_cuhk(tmp_path, whole_records())
    images = tmp_path / "CUHK-PEDES" / "imgs"
    (images / "cam_a/2.png").unlink()
    (images / "cam_a/9.png").write_bytes(b"")
    (images / "cam_a/5.png").write_bytes(b"no image")
    (images / "cam_a/11.png").unlink()
    (images / "cam_a/11.png").mkdir()
    survey = cuhk_pedes.survey(tmp_path)
    files = [
        "cam_a/2.png: the image is missing",
        "cam_a/9.png: the image file is empty",
        "cam_a/11.png: is no image file but something else",
    ]
    assert list(check_dataset(survey, images=False).problems) == files
    decoded = check_dataset(survey, images=True).problems
    assert [problem for problem in decoded if not problem.startswith("cam_a/5.png")] == files
    assert len(decoded) == 4


def test_images_that_break_off_or_are_none_are_named(tmp_path: Path) -> None:
    write_cuhk(tmp_path, whole_records())
    images = tmp_path / "CUHK-PEDES" / "imgs" / "cam_a"
    noise = Image.effect_noise((64, 64), 90)
    noise.save(images / "3.png")
    whole = (images / "3.png").read_bytes()
    (images / "3.png").write_bytes(whole[: len(whole) // 2])
    # A PNG whose header says that it is 0 pixels wide.
    (images / "4.png").write_bytes(whole[:16] + bytes(4) + whole[20:])
    problems = check_dataset(cuhk_pedes.survey(tmp_path), images=True).problems
    assert [problem.split(":")[0] for problem in problems] == ["cam_a/3.png", "cam_a/4.png"]
    assert all("the image cannot be read" in problem for problem in problems)


def test_a_missing_folder_of_images_is_one_problem(tmp_path: Path) -> None:
    write_json(tmp_path / "reid_raw.json", whole_records())
    check = check_dataset(cuhk_pedes.survey(tmp_path), images=True)
    assert check.problems == (f"the folder of images {tmp_path / 'imgs'} is missing",)


def test_data_of_which_nothing_can_be_used_is_a_problem(tmp_path: Path) -> None:
    check = checked(tmp_path, [{"file_path": "0.png"}])
    assert len(check.problems) == 2
    assert check.problems[1] == "there is no crop in it that can be used"


def test_captions_too_long_for_clip_are_counted(tmp_path: Path) -> None:
    # Each "man" is one token; start and end are two more.
    records = with_record(0, captions=["man " * 75, "man " * 76])
    survey = cuhk_pedes.survey(write_cuhk(tmp_path, records))
    check = check_dataset(survey, images=False, token_count=clip_token_count())
    assert check.ok
    assert check.notes[-1] == (
        "train: 1 captions are longer than 77 tokens of CLIP, whose encoders cut them"
    )
