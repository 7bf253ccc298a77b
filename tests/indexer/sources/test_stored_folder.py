from collections.abc import Callable

import fsspec
import pytest

from indexer.sources import stored_folder
from indexer.sources.entries import Quarantined, Skipped
from indexer.sources.stored_folder import StoredFile, StoredFolder
from models.errors import ConfigurationInvalid, CropUnreadable
from tests.indexer.sources.conftest import contents_of, picture, quarantined_in

Put = Callable[[str, bytes], None]
RED, BLUE = picture("red"), picture("blue")


def folder() -> StoredFolder:
    return StoredFolder("memory://crops", fsspec.filesystem("memory"), "/crops", "crops")


def test_images_of_every_folder_are_found_in_byte_order(store: Put) -> None:
    names = ["b.png", "a/é.png", "a.png", "a/b/c.JPG", "a-b.webp"]
    for name in names:
        store(f"/crops/{name}", RED)
    store("/crops/notes.txt", b"")
    store("/crops2/other.png", b"")
    source = folder()
    assert list(contents_of(source)) == sorted(names, key=str.encode)
    assert source.skipped == Skipped(other=1)
    assert (source.root, source.name, source.rereadable) == ("memory://crops", "crops", False)
    assert (source.columns, source.extra_types, source.count()) == ((), {}, 5)


def test_hidden_objects_are_skipped_and_counted(store: Put) -> None:
    for name in (".a.png", ".cache/b.png", "c/._d.png", "e.png"):
        store(f"/crops/{name}", RED)
    source = folder()
    for _ in range(2):
        assert list(contents_of(source)) == ["e.png"]
        assert source.skipped == Skipped(hidden=3)
    assert source.count() == 1


def test_an_object_whose_name_leads_upwards_is_quarantined(store: Put) -> None:
    files = fsspec.filesystem("memory")
    store("/crops/a.png", RED)
    files.store["/crops/../b.png"] = files.store["/crops/a.png"]
    assert quarantined_in(folder()) == [
        Quarantined("../b.png", "its name is absolute or contains '..': rename it")
    ]


def test_an_object_that_vanishes_is_unreadable(store: Put) -> None:
    store("/crops/a.png", RED)
    (entry,) = folder().entries()
    fsspec.filesystem("memory").rm("/crops/a.png")
    assert isinstance(entry, StoredFile)
    with pytest.raises(CropUnreadable, match="the file is gone"):
        entry.read()


def test_a_store_that_fails_makes_a_crop_unreadable(
    store: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    store("/crops/a.png", RED)
    (entry,) = folder().entries()
    assert isinstance(entry, StoredFile)

    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("503 slow down")

    monkeypatch.setattr(type(entry.files), "cat_file", fail)
    with pytest.raises(CropUnreadable, match="the file cannot be read: 503 slow down"):
        entry.read()


@pytest.mark.parametrize("listed", [True, False])
def test_an_object_too_large_is_refused(
    store: Put, monkeypatch: pytest.MonkeyPatch, *, listed: bool
) -> None:
    monkeypatch.setattr(stored_folder, "MAX_FILE_BYTES", 3)
    store("/crops/a.png", b"four")
    files = fsspec.filesystem("memory")
    entry = StoredFile(files, "/crops/a.png", "a.png", 4 if listed else None)
    with pytest.raises(CropUnreadable, match="too large: 4 bytes"):
        entry.read()
    store("/crops/a.png", b"abc")
    assert StoredFile(files, "/crops/a.png", "a.png", 3 if listed else None).read() == b"abc"
    assert StoredFile(files, "/crops/a.png", "a.png", None).size_bytes == 0


def test_a_store_that_cannot_be_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder()

    def fail(*_: object, **__: object) -> None:
        raise PermissionError("403 Forbidden")

    monkeypatch.setattr(type(source.files), "find", fail)
    with pytest.raises(ConfigurationInvalid, match=r"memory://crops' cannot be listed: 403"):
        source.count()
