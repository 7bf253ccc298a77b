from pathlib import Path

import pytest
from PIL import Image

from training.datasets.rendered_people.contact_sheet import draw_sheet
from training.datasets.rendered_people.rendering import Rendering


def crops(count: int) -> list[Rendering]:
    return [Rendering(Image.new("RGB", (20, 60), (index, 0, 255)), {}) for index in range(count)]


def test_crops_lie_in_rows_of_ten(tmp_path: Path) -> None:
    draw_sheet(crops(12), None, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (200, 120)
        assert sheet.getpixel((190, 30)) == (9, 0, 255)
        assert sheet.getpixel((30, 90)) == (11, 0, 255)
        assert sheet.getpixel((50, 90)) == (255, 255, 255)


def test_captions_are_written_below(tmp_path: Path) -> None:
    draw_sheet(crops(2), ["a man in a red coat", ""], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (40, 93)  # three lines of 11 rows: a man, in a red, coat
        written, empty = (sheet.crop((x, 60, x + 20, 93)).convert("L") for x in (0, 20))
    assert written.getextrema()[0] < 128  # type: ignore[operator]
    assert empty.getextrema() == (255, 255)


def test_there_must_be_one_caption_per_crop(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 captions for 2 crops"):
        draw_sheet(crops(2), ["one"], tmp_path / "sheet.png")
    with pytest.raises(ValueError, match="at least one"):
        draw_sheet([], None, tmp_path / "sheet.png")
