from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import CropUnreadable
from tests.fakes import ColourEncoder
from training.evaluation.captioned_gallery import CaptionedGallery
from training.validation import measure_gallery


def gallery(folder: Path) -> CaptionedGallery:
    """Red, green and yellow crops of three people; the green one is described as purple."""
    for name, colour in (("0", (255, 0, 0)), ("1", (0, 255, 0)), ("2", (255, 255, 0))):
        Image.new("RGB", (4, 8), colour).save(folder / f"{name}.png")
    return CaptionedGallery(
        crops=tuple(folder / f"{name}.png" for name in "012"),
        person_ids=np.array([0, 1, 2]),
        captions=("a red person", "a purple person"),
        caption_person_ids=np.array([0, 1]),
        source_crops=np.array([0, 1]),
    )


def test_figures_are_those_of_captions_that_rank_all_crops(tmp_path: Path) -> None:
    # Red finds its crop first; purple is 1/3 like red, -1/3 like yellow, -1 like green: third.
    assert measure_gallery(ColourEncoder(), gallery(tmp_path)) == pytest.approx(
        {
            "recall_at_1": 1 / 2,
            "recall_at_5": 1,
            "recall_at_10": 1,
            "mean_average_precision": (1 + 1 / 3) / 2,
            "mean_inverse_negative_penalty": (1 + 1 / 3) / 2,
        }
    )


def test_a_crop_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    there = gallery(tmp_path)
    (tmp_path / "1.png").write_bytes(b"no image")
    with pytest.raises(CropUnreadable, match=r"1\.png"):
        measure_gallery(ColourEncoder(), there)
