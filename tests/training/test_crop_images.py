from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import CropUnreadable
from training.crop_images import open_image


def test_a_turned_crop_is_opened_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    Image.new("L", (6, 2), 200).save(tmp_path / "turned.jpg", exif=exif)
    image = open_image(tmp_path / "turned.jpg")
    assert (image.mode, image.size) == ("RGB", (2, 6))
    assert np.asarray(image).mean() == pytest.approx(200, abs=1)


@pytest.mark.parametrize("content", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_crop_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CropUnreadable, match=r"odd\.png cannot be read"):
        open_image(path)


def test_a_truncated_crop_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(255, size=(64, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    path = tmp_path / "half.jpg"
    path.write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    with pytest.raises(CropUnreadable, match=r"half\.jpg cannot be read"):
        open_image(path)
