"""What a gallery of several segments and copied originals gives, beside what test_gallery says."""

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from indexer.build import build, run_build
from indexer.deletion import Selection, delete_crops
from indexer.local_gallery import LocalGallery, open_gallery
from indexer.preparation import BuildOptions, prepare_build
from models.errors import CropUnreadable
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw

ONE_BY_ONE = BuildOptions(batch_size=1, workers=1)


@pytest.fixture
def grown(crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path) -> LocalGallery:
    """Five crops by their paths, two of another folder copied into the index, black deleted."""
    build(crops, index, encoder, ONE_BY_ONE)
    draw(tmp_path / "more" / "crimson.png", "red", (10, 40))
    draw(tmp_path / "more" / "navy.png", "blue", (10, 40))
    options = ONE_BY_ONE.model_copy(update={"copy_contents": True})
    run_build(prepare_build(tmp_path / "more", index, options, "add"), encoder)
    black = open_gallery(index, encoder.card).ids_by_path()["black.jpeg"]
    delete_crops(index, Selection(ids=(black,)))
    return open_gallery(index, encoder.card)


def test_a_search_ranks_the_crops_of_all_segments_together(
    grown: LocalGallery, encoder: ColourEncoder
) -> None:
    answer = grown.search(encoder.encode_texts(["red"])[0], 3)
    assert [hit.crop.path for hit in answer.hits][:2] == ["cam1/red.png", "crimson.png"]
    assert [hit.rank for hit in answer.hits] == [1, 2, 3]
    assert (answer.matching, grown.size) == (6, 6)
    assert len(grown.search(encoder.encode_texts(["red"])[0], 100).hits) == 6


def test_every_crop_gives_its_thumbnail_and_its_original(
    grown: LocalGallery, crops: Path, tmp_path: Path
) -> None:
    ids = grown.ids_by_path()
    assert "black.jpeg" not in ids
    for path, crop_id in ids.items():
        crop = grown.crop(crop_id)
        assert crop is not None
        with Image.open(io.BytesIO(grown.read_thumbnail(crop_id))) as thumbnail:
            assert thumbnail.size == (crop.width, crop.height)
        original = (Path(crop.root) / path).read_bytes()
        assert grown.read_crop(crop_id) == original
    shutil.rmtree(tmp_path / "more")
    shutil.rmtree(crops)
    with Image.open(io.BytesIO(grown.read_crop(ids["navy.png"]))) as navy:
        assert navy.getpixel((0, 0)) == (0, 0, 255)
    with pytest.raises(CropUnreadable, match=r"red\.png': the file is gone\. Put the file back"):
        grown.read_crop(ids["cam1/red.png"])
