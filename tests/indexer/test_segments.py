from pathlib import Path

import pytest

from indexer import bundle
from indexer.segments import Segment, SegmentWriter
from models.errors import BundleDamaged
from tests.indexer.stored_crops import WIDTH, stored


def written(folder: Path, *numbers: int) -> Path:
    folder.mkdir()
    with SegmentWriter(folder, WIDTH, {"floor": "integer"}) as writer:
        for number in numbers:
            writer.append(stored(number, extra={"floor": number}))
    assert writer.rows == len(numbers)
    return folder


def test_row_n_of_every_file_is_the_same_crop(tmp_path: Path) -> None:
    segment = Segment(written(tmp_path / "segment", 5, 3, 8))
    assert segment.size == 3
    for row, number in enumerate((5, 3, 8)):
        back = segment.stored(row)
        assert back.crop == stored(number, extra={"floor": number}).crop
        assert back.vector.tolist() == stored(number).vector.tolist()
        assert back.thumbnail == b"thumbnail %d" % number
        assert back.content == b"%d" % number
    segment.close()


@pytest.mark.parametrize(
    "name", [bundle.CROPS, bundle.VECTORS, bundle.THUMBNAIL_OFFSETS, bundle.CONTENT_OFFSETS]
)
def test_files_of_different_segments_do_not_belong_together(tmp_path: Path, name: str) -> None:
    segment = written(tmp_path / "segment", 1, 2)
    other = written(tmp_path / "other", 1, 2, 3)
    (segment / name).write_bytes((other / name).read_bytes())
    with pytest.raises(BundleDamaged, match="Build the index again"):
        Segment(segment)


@pytest.mark.parametrize(
    "name", [each for each in bundle.SEGMENT_FILES if each != bundle.FAISS_INDEX]
)
def test_a_missing_file_is_damage(tmp_path: Path, name: str) -> None:
    segment = written(tmp_path / "segment", 1)
    (segment / name).unlink()
    with pytest.raises(BundleDamaged, match="cannot be read"):
        Segment(segment)
