import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from indexer.metadata import CropMetadata
from indexer.sources import parquet_files
from indexer.sources.entries import Quarantined
from indexer.sources.parquet_files import ParquetFiles, open_parquet_files
from indexer.sources.shards import Shard
from models.errors import ConfigurationInvalid, MetadataInvalid
from tests.indexer.sources.conftest import contents_of, entries_of, picture, quarantined_in

RED, BLUE = picture("red"), picture("blue")


def table(file: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), file)
    return file


def opened(*paths: Path) -> ParquetFiles:
    shards = [Shard(LocalFileSystem(), str(path), path.name) for path in paths]
    return open_parquet_files("somewhere", shards, "name")


def test_columns_of_bytes_path_and_metadata_are_told_apart(tmp_path: Path) -> None:
    times = pa.array([datetime(2024, 5, 1, 12), None], pa.timestamp("ms"))  # noqa: DTZ001
    source = opened(
        table(
            tmp_path / "x.parquet",
            content=[RED, BLUE],
            path=["a/0.png", "./a//1.png"],
            camera=pa.array([3, None]),
            captured_at=times,
            floor=pa.array([1.5, float("nan")]),
            kind=pa.array(["p", "q"]).dictionary_encode(),
            indoor=[True, None],
        )
    )
    assert source.columns == ("camera", "captured_at", "floor", "kind", "indoor")
    assert source.extra_types == {"floor": "number", "kind": "text", "indoor": "boolean"}
    assert (source.count(), source.root, source.rereadable) == (2, "somewhere", False)
    assert contents_of(source) == {"x.parquet/a/0.png": RED, "x.parquet/a/1.png": BLUE}
    first, second = (entry.metadata for entry in entries_of(source).values())
    assert first == CropMetadata(
        "3",
        datetime(2024, 5, 1, 12, tzinfo=UTC),
        None,
        {"floor": 1.5, "kind": "p", "indoor": True},
    )
    assert second == CropMetadata(None, None, None, {"floor": None, "kind": "q", "indoor": None})


@pytest.mark.parametrize("column", ["image", "bytes", "content", "photo"])
def test_hugging_face_s_pairs_of_bytes_and_path_are_read(tmp_path: Path, column: str) -> None:
    pairs = [
        {"bytes": RED, "path": "a.png"},
        {"bytes": BLUE, "path": None},
        {"bytes": RED, "path": "/home/somebody/b.png"},
    ]
    source = opened(table(tmp_path / "x.parquet", **{column: pairs}))
    assert contents_of(source) == {
        "x.parquet/a.png": RED,
        "x.parquet/row-2": BLUE,
        "x.parquet/row-3": RED,
    }
    assert source.columns == ()
    assert all(entry.metadata is None for entry in entries_of(source).values())


def test_rows_without_a_path_are_numbered_across_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "_ROWS_AT_ONCE", 2)
    contents = [bytes([n]) for n in range(5)]
    source = opened(table(tmp_path / "x.parquet", image=pa.array(contents, pa.large_binary())))
    expected = {f"x.parquet/row-{n + 1}": content for n, content in enumerate(contents)}
    assert contents_of(source) == expected


@pytest.mark.parametrize("name", ["path", "file_name", "id"])
def test_the_path_may_stand_in_a_column_of_another_name(tmp_path: Path, name: str) -> None:
    source = opened(table(tmp_path / "x.parquet", image=[RED], **{name: ["a.png"]}))
    assert list(entries_of(source)) == ["x.parquet/a.png"]


def test_numbers_are_names_as_well(tmp_path: Path) -> None:
    source = opened(table(tmp_path / "x.parquet", id=[17], image=[RED]))
    assert list(entries_of(source)) == ["x.parquet/17"]


def test_rows_that_name_no_crop_are_quarantined(tmp_path: Path) -> None:
    names = ["/abs.png", "../up.png", None, "a.png", "a.png", "b.png", "c.png"]
    images = [RED, RED, RED, RED, BLUE, None, BLUE]
    cameras = [*("c",) * 6, "d"]
    source = opened(table(tmp_path / "x.parquet", path=names, image=images, camera=cameras))
    assert contents_of(source) == {"x.parquet/a.png": RED, "x.parquet/c.png": BLUE}
    refused = {item.path: item.reason for item in quarantined_in(source)}
    assert list(refused) == [
        "x.parquet/row-1",
        "x.parquet/row-2",
        "x.parquet/row-3",
        "x.parquet/a.png#row-5",
        "x.parquet/b.png",
    ]
    assert "'/abs.png' is absolute" in refused["x.parquet/row-1"]
    assert "row 5 has the path of an earlier row" in refused["x.parquet/a.png#row-5"]
    assert refused["x.parquet/b.png"] == "the row holds no image"


def test_a_row_whose_metadata_cannot_be_kept_is_quarantined(tmp_path: Path) -> None:
    times = ["2024-05-01", "yesterday"]
    large = pa.array([1, 2**63], pa.uint64())
    for columns in ({"captured_at": times}, {"huge": large}):
        source = opened(table(tmp_path / "x.parquet", image=[RED, RED], **columns))
        assert list(entries_of(source)) == ["x.parquet/row-1"]
        assert [item.path for item in quarantined_in(source)] == ["x.parquet/row-2"]


def test_an_image_too_large_is_quarantined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "MAX_FILE_BYTES", 3)
    source = opened(table(tmp_path / "x.parquet", image=[b"four", b"abc"]))
    assert list(entries_of(source)) == ["x.parquet/row-2"]
    assert quarantined_in(source)[0].reason.startswith("too large: 4 bytes")


def test_several_files_keep_their_paths_apart(tmp_path: Path) -> None:
    first = table(tmp_path / "a.parquet", image=[RED], path=["0.png"])
    second = table(tmp_path / "b.parquet", image=[BLUE, RED], path=["0.png", "1.png"])
    source = opened(first, second)
    assert source.count() == 3
    assert list(entries_of(source)) == ["a.parquet/0.png", "b.parquet/0.png", "b.parquet/1.png"]


def test_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    first = table(tmp_path / "a.parquet", image=[RED], floor=[1])
    second = table(tmp_path / "b.parquet", image=[RED], floor=["one"])
    with pytest.raises(
        ConfigurationInvalid,
        match=r"b\.parquet' has the columns image, floor \(text\), .*a\.parquet' has image, "
        r"floor \(integer\): index them separately",
    ):
        opened(first, second)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.png"]}, r"no column of image bytes, only \['path'\]: name one image, bytes"),
        ({"image": ["text"]}, "no column of image bytes"),
        ({"image": [RED], "width": [5]}, "column 'width' would hide a field"),
        ({"image": [RED], "box": [[1, 2]]}, r"column 'box': type list<.*> is not supported"),
        ({"image": [RED], "id": [[1, 2]]}, r"column 'id': type list<.*> is not supported"),
    ],
)
def test_columns_that_make_no_source_are_refused(
    tmp_path: Path, columns: dict[str, object], message: str
) -> None:
    with pytest.raises((ConfigurationInvalid, MetadataInvalid), match=message):
        opened(table(tmp_path / "x.parquet", **columns))


def test_a_broken_file_among_whole_ones_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no table PAR1")
    whole = table(tmp_path / "b.parquet", image=[RED])
    source = opened(tmp_path / "a.parquet", whole)
    first, second = source.entries()
    assert isinstance(first, Quarantined)
    assert first.path == "a.parquet"
    assert first.reason.startswith("the file cannot be read to its end: ")
    assert second.path == "b.parquet/row-1"
    assert source.count() == 1


def test_a_file_damaged_in_the_middle_gives_what_comes_before(tmp_path: Path) -> None:
    contents = [os.urandom(3000) for _ in range(300)]
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"image": contents}), path, row_group_size=100, compression="gzip",
        use_dictionary=False,
    )  # fmt: skip
    damaged = bytearray(path.read_bytes())
    middle = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    damaged[middle : middle + 2000] = bytes(2000)
    path.write_bytes(damaged)
    source = opened(path)
    *readable, last = source.entries()
    assert [item.path for item in readable] == [f"x.parquet/row-{n + 1}" for n in range(100)][
        : len(readable)
    ]
    assert len(readable) >= 64
    assert isinstance(last, Quarantined)
    assert last.path == "x.parquet"


def test_no_readable_file_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no table")
    with pytest.raises(ConfigurationInvalid, match=r"no readable parquet file: .*x\.parquet'"):
        opened(tmp_path / "x.parquet")


def test_memory_does_not_grow_with_a_row_group(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    contents = [content[n:] + content[:n] for n in range(500)]  # 50 MB in one row group
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": contents}), path, compression="none", use_dictionary=False)
    del contents
    source = opened(path)
    before = pa.total_allocated_bytes()
    most = 0
    for number, entry in enumerate(source.entries()):
        assert entry.path == f"x.parquet/row-{number + 1}"
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 25_000_000
