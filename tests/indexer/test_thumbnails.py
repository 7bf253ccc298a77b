import io

import numpy as np
import pytest
from PIL import Image

from indexer.thumbnails import make_thumbnail


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 128), (64, 128)),
        ((512, 1024), (128, 256)),
        ((1000, 200), (128, 26)),
        ((100, 2000), (13, 256)),
        ((8, 1_000_000), (1, 256)),
    ],
)
def test_a_thumbnail_fits_and_is_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(make_thumbnail(Image.new("RGB", size, "red")))) as image:
        assert (image.format, image.size) == ("WEBP", expected)
        assert np.abs(np.asarray(image).astype(int) - (255, 0, 0)).max() < 8
