import os
from pathlib import Path

import pytest

from indexer.disk import sync, sync_tree, write_text


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were forced to disk, in order."""
    paths: list[str] = []

    def record(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", record)
    return paths


def test_a_file_and_the_names_in_a_folder_are_forced_to_disk(
    tmp_path: Path, synced: list[str]
) -> None:
    (tmp_path / "a").touch()
    sync(tmp_path / "a")
    sync(tmp_path)
    assert synced == [str(tmp_path / "a"), str(tmp_path)]
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "gone")


def test_a_tree_is_forced_to_disk_before_the_name_that_leads_to_it(
    tmp_path: Path, synced: list[str]
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    sync_tree(tmp_path)
    assert sorted(synced[:-1]) == [str(tmp_path / name) for name in ("a", "a/b", "a/b/c")]
    assert synced[-1] == str(tmp_path)


def test_a_text_is_on_disk_when_it_is_written(tmp_path: Path, synced: list[str]) -> None:
    write_text(tmp_path / "text", "línea\n")
    assert (tmp_path / "text").read_bytes() == "línea\n".encode()
    assert synced == [str(tmp_path / "text")]
