import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from indexer import crop_files
from indexer.sources import tar_members
from indexer.sources.entries import Quarantined, Skipped
from indexer.sources.shards import Shard
from indexer.sources.tar_members import Member, read_members
from tests.indexer.sources.conftest import add, pack, picture

BLOCK = 512
TWO = {"a.jpg": b"A" * 700, "b.jpg": b"B" * 700}  # each a header and two blocks


def members_of(path: Path) -> tuple[list[Member | Quarantined], Skipped]:
    skipped = Skipped()
    shard = Shard(LocalFileSystem(), str(path), path.name)
    return list(read_members(shard, skipped)), skipped


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz"])
def test_images_and_sidecars_are_read_in_the_order_of_the_archive(
    tmp_path: Path, name: str
) -> None:
    content = {"b/2.JPG": b"two", "./a/1.png": b"one", "a/1.json": b"{}", "a/notes.txt": b"-"}
    members, skipped = members_of(pack(tmp_path / name, content))
    assert members == [
        Member("b/2.JPG", b"two"),
        Member("a/1.png", b"one"),
        Member("a/1.json", b"{}"),
    ]
    assert skipped == Skipped(other=1)


def test_hidden_members_are_skipped_and_counted(tmp_path: Path) -> None:
    content = {".a.jpg": b"", "b/._c.jpg": b"", ".d/e.jpg": b"", "./f.jpg": b"f"}
    members, skipped = members_of(pack(tmp_path / "x.tar", content))
    assert members == [Member("f.jpg", b"f")]
    assert skipped == Skipped(hidden=3)


def test_members_that_lead_out_of_the_archive_are_quarantined(tmp_path: Path) -> None:
    content = {"/etc/a.jpg": b"", "../b.jpg": b"", "c/../../d.txt": b"", "e.jpg": b"e"}
    before = set(tmp_path.parent.iterdir())
    members, _ = members_of(pack(tmp_path / "x.tar", content))
    reason = "its name is absolute or contains '..': rename it"
    assert members == [
        Quarantined("x.tar/etc/a.jpg", reason),
        Quarantined("x.tar/../b.jpg", reason),
        Quarantined("x.tar/c/../../d.txt", reason),
        Member("e.jpg", b"e"),
    ]
    assert set(tmp_path.parent.iterdir()) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "x.tar"]


def test_links_folders_and_devices_are_no_crops(tmp_path: Path) -> None:
    kinds = {
        "folder.jpg": tarfile.DIRTYPE,
        "soft.jpg": tarfile.SYMTYPE,
        "hard.jpg": tarfile.LNKTYPE,
        "pipe.jpg": tarfile.FIFOTYPE,
    }
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "a.jpg", b"a")
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.jpg"
            archive.addfile(info)
    members, skipped = members_of(tmp_path / "x.tar")
    assert members == [Member("a.jpg", b"a"), Quarantined("x.tar/pipe.jpg", "not a regular file")]
    assert skipped == Skipped(links=2)


def test_a_name_that_is_not_utf8_is_quarantined(tmp_path: Path) -> None:
    with tarfile.open(
        tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as file:
        add(file, "\xff.jpg", b"")
    members, _ = members_of(tmp_path / "x.tar")
    assert members == [Quarantined("x.tar/\udcff.jpg", "its name is not UTF-8: rename it")]


def test_long_and_unicode_names_are_whole(tmp_path: Path) -> None:
    name = "赤い/" + "x" * 300 + ".jpg"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=kind) as archive:
            add(archive, name, b"x")
        assert members_of(tmp_path / "x.tar")[0] == [Member(name, b"x")]


def test_a_member_that_is_too_large_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_members, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(crop_files, "MAX_FILE_BYTES", 100)
    members, _ = members_of(pack(tmp_path / "x.tar", {"a.jpg": bytes(101), "b.jpg": bytes(100)}))
    assert members == [
        Member("a.jpg", b"", "too large: 101 bytes, at most 100"),
        Member("b.jpg", bytes(100)),
    ]


@pytest.mark.parametrize(
    ("kept", "readable", "reason"),
    [
        (3 * BLOCK + BLOCK + 10, ["a.jpg"], "unexpected end of data"),  # in b's content
        (3 * BLOCK + 100, ["a.jpg"], "truncated header"),
        (3 * BLOCK, ["a.jpg"], "empty header"),  # a whole member, but no end of the archive
        (6 * BLOCK, ["a.jpg", "b.jpg"], "empty header"),
        (100, [], "truncated header"),
        (0, [], "empty"),
    ],
)
def test_of_a_cut_archive_the_whole_members_are_read_and_the_cut_is_told(
    tmp_path: Path, kept: int, readable: list[str], reason: str
) -> None:
    path = pack(tmp_path / "x.tar", TWO)
    os.truncate(path, kept)
    *members, last = members_of(path)[0]
    assert [member.path for member in members] == readable
    assert isinstance(last, Quarantined)
    assert last.path == "x.tar"
    assert last.reason.startswith("the archive cannot be read to its end: ")
    assert reason in last.reason


def test_a_damaged_header_in_the_middle_is_told(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tar", TWO)
    content = bytearray(path.read_bytes())
    content[3 * BLOCK + 5] ^= 0xFF
    path.write_bytes(content)
    first, last = members_of(path)[0]
    assert first == Member("a.jpg", TWO["a.jpg"])
    assert last == Quarantined("x.tar", "the archive cannot be read to its end: bad checksum")


def test_a_cut_compressed_archive_is_told(tmp_path: Path) -> None:
    noise = {f"{n}.jpg": os.urandom(50_000) for n in range(4)}
    path = pack(tmp_path / "x.tar.gz", noise)
    os.truncate(path, path.stat().st_size // 2)
    *members, last = members_of(path)[0]
    assert [member.path for member in members] == ["0.jpg", "1.jpg"][: len(members)]
    assert members
    assert isinstance(last, Quarantined)
    assert "Compressed file ended before" in last.reason


def test_a_compressed_archive_whose_sum_differs_is_told(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tgz", TWO)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # of the CRC in the last eight bytes (RFC 1952)
    path.write_bytes(content)
    *members, last = members_of(path)[0]
    assert len(members) == 2
    assert isinstance(last, Quarantined)
    assert "CRC" in last.reason


def test_archives_joined_end_to_end_are_told(tmp_path: Path) -> None:
    first, second = (pack(tmp_path / name, TWO).read_bytes() for name in ("x.tar", "y.tar"))
    (tmp_path / "x.tar").write_bytes(first + second)
    *members, last = members_of(tmp_path / "x.tar")[0]
    assert len(members) == 2
    assert isinstance(last, Quarantined)
    assert "more behind its end mark" in last.reason


@pytest.mark.parametrize("content", [b"no archive" * 100, picture(), gzip.compress(b"x" * 2000)])
def test_a_file_that_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    (only,) = members_of(tmp_path / "x.tar")[0]
    assert isinstance(only, Quarantined)
    assert only.path == "x.tar"


def test_a_missing_archive_is_told(tmp_path: Path) -> None:
    (only,) = members_of(tmp_path / "x.tar")[0]
    assert isinstance(only, Quarantined)
    assert "No such file" in only.reason


def test_reading_does_not_pile_up_headers(tmp_path: Path) -> None:
    names: list[int] = []

    class Watched(tarfile.TarFile):
        def next(self) -> tarfile.TarInfo | None:
            names.append(len(self.members))  # type: ignore[attr-defined]
            return super().next()

    path = pack(tmp_path / "x.tar", {f"{n}.jpg": b"x" for n in range(50)})
    shard = Shard(LocalFileSystem(), str(path), path.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarfile, "open", Watched.open)
        assert len(list(read_members(shard, Skipped()))) == 50
    assert max(names) <= 1


def test_nothing_is_read_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(io.BytesIO):
        read_so_far = 0

        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            Watched.read_so_far += len(content)
            return content

    path = pack(tmp_path / "x.tar", {f"{n}.jpg": bytes(500_000) for n in range(20)})
    files = LocalFileSystem()
    monkeypatch.setattr(files, "open", lambda *_: Watched(path.read_bytes()))
    members = read_members(Shard(files, str(path), "x.tar"), Skipped())
    next(members)
    assert 500_000 < Watched.read_so_far <= 2 * 2**20
    members.close()  # type: ignore[attr-defined]
