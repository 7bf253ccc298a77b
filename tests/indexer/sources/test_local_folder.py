import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.sources.entries import Quarantined, Skipped
from indexer.sources.local_folder import LocalFile, LocalFolder, open_local_folder
from models.errors import ConfigurationInvalid, CropUnreadable
from tests.indexer.conftest import draw


@dataclass(frozen=True)
class Found:
    """What a folder hands out, sorted into files and refusals."""

    folder: LocalFolder
    paths: list[str]
    quarantined: list[Quarantined]

    @property
    def skipped(self) -> Skipped:
        return self.folder.skipped


def find_crops(path: Path) -> Found:
    folder = open_local_folder(path)
    items = list(folder.entries())
    return Found(
        folder,
        [item.path for item in items if isinstance(item, LocalFile)],
        [item for item in items if isinstance(item, Quarantined)],
    )


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_every_format_is_found_in_every_folder_whatever_the_case(crops: Path) -> None:
    touch(crops / "notes.txt")
    touch(crops / "movie.gif")
    found = find_crops(crops)
    assert found.paths == [
        "black.jpeg",
        "cam1/green.JPG",
        "cam1/red.png",
        "cam2/blue.webp",
        "cam2/white.bmp",
    ]
    assert found.skipped.other == 2
    assert found.folder.root == str(crops.resolve())
    assert (found.folder.name, found.folder.rereadable) == ("crops", True)


def test_folders_stand_where_their_files_do_in_byte_order(tmp_path: Path) -> None:
    names = ["a.jpg", "a/b.jpg", "a/b/c.jpg", "a-b/c.jpg", "a0.jpg", "B/a.jpg", "a/é.jpg", "ab.jpg"]
    for name in names:
        touch(tmp_path / name)
    assert find_crops(tmp_path).paths == sorted(names, key=str.encode)


def test_counting_leaves_what_was_skipped_alone(crops: Path) -> None:
    touch(crops / ".hidden.jpg")
    os.mkfifo(crops / "pipe.jpg")
    folder = open_local_folder(crops)
    assert folder.count() == 6
    assert folder.skipped == Skipped()
    for _ in range(2):
        assert len(list(folder.entries())) == 6
        assert folder.skipped == Skipped(hidden=1)


def test_an_entry_reads_its_file_and_knows_its_size(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.jpg")
    (entry,) = open_local_folder(tmp_path).entries()
    assert isinstance(entry, LocalFile)
    assert entry.read() == path.read_bytes()
    assert entry.size_bytes == path.stat().st_size
    assert entry.metadata is None
    path.unlink()
    assert entry.size_bytes == 0
    with pytest.raises(CropUnreadable, match="the file is gone"):
        entry.read()


def test_names_with_spaces_unicode_and_newlines_are_found_in_byte_order(tmp_path: Path) -> None:
    names = [
        "two words.jpg",
        "línea\nnueva.jpg",
        "赤い コート.jpg",
        "🧥.jpg",
        "[red]<b>.jpg",
        "'\".jpg",
    ]
    for name in names:
        draw(tmp_path / name)
    assert find_crops(tmp_path).paths == sorted(names, key=str.encode)


def test_a_name_that_is_not_utf8_is_quarantined(tmp_path: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")))
    found = find_crops(tmp_path)
    assert found.paths == []
    assert found.quarantined == [Quarantined("\udcff.jpg", "its name is not UTF-8: rename it")]


def test_hidden_files_and_folders_are_skipped_and_counted(tmp_path: Path) -> None:
    touch(tmp_path / ".hidden.jpg")
    touch(tmp_path / ".cache" / "a.jpg")
    touch(tmp_path / "a.jpg")
    found = find_crops(tmp_path)
    assert (found.paths, found.skipped.hidden) == (["a.jpg"], 2)


def test_links_out_of_the_folder_are_skipped_and_counted(tmp_path: Path) -> None:
    outside = draw(tmp_path / "outside" / "secret.jpg")
    root = tmp_path / "crops"
    draw(root / "a.jpg")
    (root / "file.jpg").symlink_to(outside)
    (root / "relative.jpg").symlink_to("../outside/secret.jpg")
    (root / "folder").symlink_to(outside.parent)
    found = find_crops(root)
    assert (found.paths, found.skipped.outside, found.skipped.links) == (["a.jpg"], 3, 0)


@pytest.mark.timeout(10)
def test_loops_dangling_links_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "a.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "gone.jpg").symlink_to("no such file.jpg")
    (tmp_path / "alias").symlink_to("a")
    found = find_crops(tmp_path)
    assert (found.paths, found.skipped.outside, found.skipped.links) == (["a/a.jpg"], 0, 4)


def test_a_link_to_a_file_inside_is_a_crop_of_its_own(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    assert find_crops(tmp_path).paths == ["a.jpg", "b.jpg"]


def test_a_special_file_is_quarantined_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    assert find_crops(tmp_path).quarantined == [
        Quarantined("link.jpg", "not a regular file"),
        Quarantined("pipe.jpg", "not a regular file"),
    ]


def test_a_folder_named_like_an_image_is_looked_into(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg" / "b.jpg")
    assert find_crops(tmp_path).paths == ["a.jpg/b.jpg"]


def test_a_subfolder_that_cannot_be_read_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "a.jpg")
    draw(tmp_path / "locked" / "b.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> "os._ScandirIterator[str]":
        # Permissions do not stop the superuser, as whom tests may run.
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_crops(tmp_path)
    assert found.paths == ["a.jpg"]
    assert found.quarantined == [
        Quarantined("locked", "the folder cannot be read: Permission denied")
    ]


@pytest.mark.slow
def test_a_hundred_thousand_files_in_one_folder_are_found(tmp_path: Path) -> None:
    number = 100_000
    for each in range(number):
        os.mknod(tmp_path / f"{each:06}.jpg")
    found = find_crops(tmp_path)
    assert found.paths == [f"{each:06}.jpg" for each in range(number)]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"no such place' does not exist: name an"):
        find_crops(tmp_path / "no such place")


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"a\.jpg' is a file: name the folder"):
        find_crops(draw(tmp_path / "a.jpg"))


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigurationInvalid, match=r"cannot be read .*Permission denied.*: allow"):
        find_crops(tmp_path)


@pytest.mark.parametrize("name", [b"\xff", b"loop"])
def test_a_folder_of_an_unusable_name_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "loop").symlink_to("loop")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    if name == b"\xff":
        folder.mkdir()
    with pytest.raises(ConfigurationInvalid, match=r"not UTF-8|cannot be read"):
        find_crops(folder)


def test_a_nul_in_the_name_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        find_crops(Path("a\0b"))
