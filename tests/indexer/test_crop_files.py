import os
from pathlib import Path

import pytest

from indexer import crop_files
from indexer.crop_files import is_inside, read_crop_file
from models.errors import CropUnreadable


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"content")
    assert read_crop_file(tmp_path, "a/b.jpg") == b"content"


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CropUnreadable, match="gone"):
        read_crop_file(tmp_path, "a.jpg")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(CropUnreadable, match="Is a directory"):
        read_crop_file(tmp_path, "a.jpg")


@pytest.mark.timeout(10)
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(CropUnreadable, match="not a regular file"):
        read_crop_file(tmp_path, "a.jpg")


@pytest.mark.parametrize("relative", ["../secret", "link", "folder/secret", "/etc/hostname"])
def test_nothing_outside_the_folder_is_read(tmp_path: Path, relative: str) -> None:
    root = tmp_path / "crops"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(CropUnreadable, match="leads out of the crops folder"):
        read_crop_file(root, relative)


def test_a_link_inside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"content")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    assert read_crop_file(tmp_path, "b.jpg") == b"content"


def test_a_circle_of_links_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    with pytest.raises(CropUnreadable, match="cannot be read"):
        read_crop_file(tmp_path, "a.jpg")
    with pytest.raises(OSError, match=r"loop|symbolic"):
        is_inside(tmp_path, tmp_path / "a.jpg")


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(crop_files.MAX_FILE_BYTES + 1)  # sparse: takes no space
    with pytest.raises(CropUnreadable, match=r"too large: 67,108,865 bytes, at most 67,108,864"):
        read_crop_file(tmp_path, "a.jpg")


def test_a_file_that_grows_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # /proc/self/status says it has 0 bytes and then gives some, as a growing file does.
    monkeypatch.setattr(crop_files, "MAX_FILE_BYTES", 100)
    with pytest.raises(CropUnreadable, match="too large: 101 bytes, at most 100"):
        read_crop_file(Path("/proc/self").resolve(), "status")
