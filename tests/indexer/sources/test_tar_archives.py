import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from indexer.metadata import CropMetadata
from indexer.sources import tar_archives
from indexer.sources.entries import Quarantined, Skipped
from indexer.sources.shards import Shard
from indexer.sources.tar_archives import TarArchives, open_tar_archives
from models.errors import ConfigurationInvalid, MetadataInvalid
from tests.indexer.sources.conftest import (
    contents_of,
    entries_of,
    pack,
    picture,
    quarantined_in,
    sidecar,
)

RED, BLUE = picture("red"), picture("blue")


def opened(*paths: Path) -> TarArchives:
    shards = [Shard(LocalFileSystem(), str(path), path.name) for path in paths]
    return open_tar_archives("somewhere", shards, "name")


def test_an_image_carries_the_metadata_beside_it(tmp_path: Path) -> None:
    source = opened(
        pack(
            tmp_path / "x.tar",
            {
                "000.png": RED,
                "000.json": sidecar(
                    camera=3, captured_at="2024-05-01T17:30:00+02:00", track_id="t", floor=1
                ),
                "001.json": sidecar(floor=2.5, path="is ignored"),
                "001.png": BLUE,
                "002.png": BLUE,
            },
        )
    )
    assert source.columns == ("camera", "captured_at", "track_id", "floor")
    assert source.extra_types == {"floor": "number"}
    assert {path: entry.metadata for path, entry in entries_of(source).items()} == {
        "x.tar/000.png": CropMetadata(
            "3", datetime(2024, 5, 1, 15, 30, tzinfo=UTC), "t", {"floor": 1.0}
        ),
        "x.tar/001.png": CropMetadata(None, None, None, {"floor": 2.5}),
        "x.tar/002.png": None,
    }
    assert contents_of(source) == {
        "x.tar/000.png": RED,
        "x.tar/001.png": BLUE,
        "x.tar/002.png": BLUE,
    }
    assert (source.root, source.rereadable, source.count()) == ("somewhere", False, None)


def test_members_of_one_name_in_two_archives_have_two_paths(tmp_path: Path) -> None:
    first = pack(tmp_path / "a.tar", {"x/0.png": RED})
    second = pack(tmp_path / "b.tar", {"x/0.png": BLUE, ".hidden": b""})
    source = opened(first, second)
    assert contents_of(source) == {"a.tar/x/0.png": RED, "b.tar/x/0.png": BLUE}
    assert source.skipped == Skipped(hidden=1)
    assert contents_of(source)
    assert source.skipped == Skipped(hidden=1)  # counted anew


def test_dots_within_a_name_are_no_suffix(tmp_path: Path) -> None:
    members = {f"12.30.{n}.png": RED for n in range(2)} | {"12.30.1.json": sidecar(camera="c")}
    entries = entries_of(opened(pack(tmp_path / "x.tar", members)))
    cameras = {path: entry.metadata and entry.metadata.camera for path, entry in entries.items()}
    assert cameras == {"x.tar/12.30.0.png": None, "x.tar/12.30.1.png": "c"}


def test_metadata_that_stands_apart_from_its_image_is_told(tmp_path: Path) -> None:
    members = {"0.png": RED, "1.png": BLUE, "0.json": sidecar(camera="c")}
    source = opened(pack(tmp_path / "x.tar", members))
    (refused,) = quarantined_in(source)
    assert refused.path == "x.tar/0.json"
    assert "without an image of its name beside it" in refused.reason


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (b"{", "its metadata 1.json: not a JSON object"),
        (b"[1]", "its metadata 1.json: '[1]' is not a JSON object: write {\"camera\": ...}"),
        (b"\xff\xfe\xff", "its metadata 1.json: not a JSON object"),
        (b'{"floor": 1, "floor": 2}', "a key is there twice"),
        (sidecar(captured_at="yesterday"), "captured_at 'yesterday' is no ISO-8601 time"),
        (sidecar(camera=[1]), "camera [1] is neither text nor an integer"),
        (sidecar(floor="two"), "'floor' holds 'two' (text) in a column of type integer"),
        (sidecar(floor=1.5), "'floor' holds '1.5' (number) in a column of type integer"),
        (sidecar(colour="red"), "column 'colour' is not among those of the source, ['floor']"),
    ],
)
def test_a_crop_whose_metadata_cannot_be_kept_is_quarantined(
    tmp_path: Path, metadata: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_archives, "_SAMPLED_CROPS", 1)
    first = {"0.png": RED, "0.json": sidecar(floor=1)}
    rest = {"1.png": RED, "1.json": metadata, "2.png": RED, "2.json": sidecar(floor=None)}
    source = opened(pack(tmp_path / "x.tar", first | rest))
    (refused,) = quarantined_in(source)
    assert refused.path == "x.tar/1.png"
    assert reason in refused.reason
    assert list(entries_of(source)) == ["x.tar/0.png", "x.tar/2.png"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 5}, "column 'width' would hide a field"),
        ({"floor": "two"}, r"floor.*mixes|column 'floor' holds 'two' \(text\) where earlier"),
        ({"box": [1, 2]}, "column 'box' holds"),
    ],
)
def test_columns_that_no_index_can_have_are_refused_at_once(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    members = {"0.png": RED, "0.json": sidecar(floor=1), "1.png": RED, "1.json": sidecar(**values)}
    with pytest.raises(MetadataInvalid, match=message):
        opened(pack(tmp_path / "x.tar", members))


def test_a_broken_sidecar_among_the_first_crops_stops_nothing(tmp_path: Path) -> None:
    members = {"0.png": RED, "0.json": b"{", "1.png": RED, "1.json": sidecar(floor=1)}
    source = opened(pack(tmp_path / "x.tar", members))
    assert source.extra_types == {"floor": "integer"}
    assert [item.path for item in quarantined_in(source)] == ["x.tar/0.png"]


def test_a_second_member_of_a_name_is_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    pack(path, {"a/0.png": RED, "./a//0.png": BLUE})
    source = opened(path)
    assert contents_of(source) == {"x.tar/a/0.png": RED}
    assert quarantined_in(source) == [
        Quarantined("x.tar/a/0.png", "the archive holds a second file of this name: rename it")
    ]


def test_an_image_too_large_with_metadata_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.sources.tar_members.MAX_FILE_BYTES", 1000)
    members = {"0.png": bytes(1001), "0.json": sidecar(camera="c"), "1.png": RED}
    source = opened(pack(tmp_path / "x.tar", members))
    (refused,) = quarantined_in(source)
    assert refused.path == "x.tar/0.png"
    assert refused.reason.startswith("too large: 1,001 bytes")
    assert list(entries_of(source)) == ["x.tar/1.png"]


def test_metadata_too_large_quarantines_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.sources.tar_members.MAX_FILE_BYTES", 1000)
    members = {"0.png": RED, "0.json": sidecar(note="x" * 1000)}
    (refused,) = quarantined_in(opened(pack(tmp_path / "x.tar", members)))
    assert refused.path == "x.tar/0.png"
    assert "its metadata 0.json: too large" in refused.reason


def test_a_cut_archive_does_not_stop_the_next(tmp_path: Path) -> None:
    first = pack(tmp_path / "a.tar", {"0.png": RED, "1.png": RED})
    second = pack(tmp_path / "b.tar", {"0.png": BLUE})
    os.truncate(first, 512 + 512 * -(-len(RED) // 512) + 512 + 10)
    source = opened(first, second)
    items = list(source.entries())
    assert [item.path for item in items] == ["a.tar/0.png", "a.tar", "b.tar/0.png"]
    assert isinstance(items[1], Quarantined)


def test_a_first_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(ConfigurationInvalid, match=r"x\.tar' cannot be used: the archive cannot"):
        opened(tmp_path / "x.tar")


def test_an_empty_archive_holds_nothing(tmp_path: Path) -> None:
    assert list(opened(pack(tmp_path / "x.tar", {})).entries()) == []
