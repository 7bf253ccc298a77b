import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.thumbnails import ThumbnailPack, ThumbnailWriter, make_thumbnail
from models.errors import BundleDamaged


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


def written(folder: Path, *thumbnails: bytes) -> tuple[Path, Path]:
    pack, offsets = folder / "thumbnails.pack", folder / "thumbnails.npy"
    with ThumbnailWriter(pack, offsets) as writer:
        for thumbnail in thumbnails:
            writer.append(thumbnail)
    return pack, offsets


def test_each_row_gets_its_own_bytes_back(tmp_path: Path) -> None:
    pack = ThumbnailPack(*written(tmp_path, b"one", b"", b"three"))
    assert [pack.read(row) for row in range(pack.size)] == [b"one", b"", b"three"]
    pack.close()


@pytest.mark.parametrize("content", [b"", b"on", b"one and more"])
def test_a_pack_of_another_length_is_damage(tmp_path: Path, content: bytes) -> None:
    pack, offsets = written(tmp_path, b"one")
    pack.write_bytes(content)
    with pytest.raises(BundleDamaged, match="Build the index again"):
        ThumbnailPack(pack, offsets)


def test_offsets_that_are_no_array_are_damage(tmp_path: Path) -> None:
    pack, offsets = written(tmp_path, b"one")
    offsets.write_bytes(b"nothing")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        ThumbnailPack(pack, offsets)
