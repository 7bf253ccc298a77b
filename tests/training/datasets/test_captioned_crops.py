from pathlib import Path

import pytest

from models.errors import MetadataInvalid
from training.datasets.captioned_crops import (
    Annotations,
    CaptionedCrop,
    CaptionedCrops,
    CaptionRow,
    Counts,
    PersonId,
    caption_rows,
    count,
    dense_labels,
)


def crop(path: str, person_id: PersonId, *captions: str) -> CaptionedCrop:
    return CaptionedCrop(path, person_id, captions)


TRAIN = (crop("a", 40, "x", "y"), crop("b", 3, "z"), crop("c", 40), crop("d", 12, "w"))
CROPS = CaptionedCrops("made up", Path("imgs"), train=TRAIN, val=TRAIN[:1], test=())


def test_labels_are_dense_in_the_order_of_person_ids() -> None:
    assert CROPS.labels == {3: 0, 12: 1, 40: 2}
    assert CROPS.classes == 3


def test_ids_that_are_text_have_labels_too() -> None:
    assert dense_labels([crop("a", "mia"), crop("b", "ada"), crop("c", "mia")]) == {
        "ada": 0,
        "mia": 1,
    }


def test_splits_are_found_by_name() -> None:
    assert [CROPS.split(split) for split in ("train", "val", "test")] == [TRAIN, TRAIN[:1], ()]


def test_captions_are_rows_crop_by_crop() -> None:
    assert caption_rows(TRAIN) == [
        CaptionRow(0, "x", None),
        CaptionRow(0, "y", None),
        CaptionRow(1, "z", None),
        CaptionRow(3, "w", None),
    ]


def test_counts_are_of_images_captions_and_people() -> None:
    assert count(TRAIN) == Counts(images=4, captions=4, people=3)


def test_annotations_without_a_problem_are_whole() -> None:
    assert Annotations(CROPS, Path("a.json"), notes=("odd",)).whole() is CROPS
    with pytest.raises(MetadataInvalid, match=r"a\.json: 1 of its entries .* line 3"):
        Annotations(CROPS, Path("a.json"), problems=("line 3",)).whole()
