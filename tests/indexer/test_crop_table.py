from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from indexer import crop_table
from indexer.crop_table import CropTable, CropTableWriter
from indexer.records import ColumnType, Crop
from models.errors import BundleDamaged

EXTRA: dict[str, ColumnType] = {
    "floor": "text",
    "age": "integer",
    "metres": "number",
    "indoor": "boolean",
}
NOTHING = dict.fromkeys(EXTRA)


def crop(number: int) -> Crop:
    # Ids in an order unlike that of the rows: 7919 is prime, and no two numbers below it collide.
    return Crop(
        id=f"{number * 1000 % 7919:020x}",
        root="/crops",
        path=f"cam/🧥 {number}\n.jpg",
        other_paths=(),
        content_sha256=f"{number:064x}",
        media_type="image/jpeg",
        size_bytes=2**40 + number,
        width=8,
        height=16,
        camera=None,
        captured_at=None,
        track_id=None,
        extra=NOTHING,
    )


def written(folder: Path, *crops: Crop) -> Path:
    path = folder / "crops.arrow"
    with CropTableWriter(path, EXTRA) as writer:
        for each in crops:
            writer.append(each)
    return path


def test_every_field_comes_back_with_its_type(tmp_path: Path) -> None:
    full = Crop(
        id="a" * 20,
        root="s3://bucket/crops",
        path="cam1/línea\nnueva.jpg",
        other_paths=("copy of línea\nnueva.jpg", "/elsewhere/a.jpg"),
        content_sha256="b" * 64,
        media_type="image/webp",
        size_bytes=67_108_864,
        width=40_000,
        height=8,
        camera="c1",
        captured_at=datetime(2024, 5, 1, 15, 30, 0, 123_456, UTC),
        track_id="17",
        extra={"floor": "2", "age": 2**62, "metres": 1.75, "indoor": False},
    )
    table = CropTable(written(tmp_path, full, crop(1)))
    assert table.size == 2
    assert table.crop(0) == full
    assert table.crop(1) == crop(1)
    time = table.crop(0).captured_at
    assert time is not None
    assert time.tzinfo is UTC


def test_every_row_is_found_by_id_across_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crop_table, "_ROWS_PER_BATCH", 16)
    crops = [crop(number) for number in range(100)]
    table = CropTable(written(tmp_path, *crops))
    assert [table.crop(row) for row in range(100)] == crops
    assert table.crops(np.array([99, 0, 50, 0])) == [crops[99], crops[0], crops[50], crops[0]]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(table.find, [each.id for each in crops])) == list(enumerate(crops))


@pytest.mark.parametrize(
    "unknown", ["", "0", "f" * 20, f"{0:020x}\0", "../../etc/passwd", "🧥", "\ud800"]
)
def test_an_unknown_id_is_not_found(tmp_path: Path, unknown: str) -> None:
    table = CropTable(written(tmp_path, crop(0), crop(1)))
    assert table.find(unknown) is None


def test_a_file_that_is_no_crop_table_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path, crop(0))
    content = path.read_bytes()
    for broken in (b"", b"no arrow", content[: len(content) // 2]):
        (tmp_path / "broken.arrow").write_bytes(broken)
        with pytest.raises(BundleDamaged, match="cannot be read as an Arrow file"):
            CropTable(tmp_path / "broken.arrow")
    with pa.OSFile(str(tmp_path / "other.arrow"), "wb") as sink:
        table = pa.table({"id": ["a"]})
        with pa.ipc.new_file(sink, table.schema) as other:
            other.write_table(table)
    with pytest.raises(BundleDamaged, match="lacks columns"):
        CropTable(tmp_path / "other.arrow")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        CropTable(tmp_path / "missing.arrow")
