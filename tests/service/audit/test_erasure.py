"""One crop is removed from everywhere, and that is proved."""

from contextlib import closing
from pathlib import Path

import pytest

from indexer.gallery import Crop, open_gallery
from models.errors import BundleError, BundleNotFound, ConfigurationInvalid
from service.audit.erasure import ErasureFailed, erase, find_crop
from service.audit.search_store import Asked, SearchStore
from service.database import Database
from tests.fakes import ColourEncoder
from tests.service.audit.rows import row
from tests.service.conftest import build_gallery

NEVER = "89abcdef" * 2 + "0123"


@pytest.fixture
def own_index(tmp_path: Path) -> Path:
    return build_gallery(tmp_path)


def some_crop(index: Path) -> Crop:
    with closing(open_gallery(index, ColourEncoder().card)) as gallery:
        crop = gallery.crop(gallery.manifest.canaries[0].ids[0])
    assert crop is not None
    return crop


def files_that_hold(folder: Path, content: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]


def test_a_crop_is_removed_from_index_and_rows_and_others_stay(
    own_index: Path, database: Database
) -> None:
    crop = some_crop(own_index)
    store = SearchStore(database, "text")
    store.write([row(1, returned=(crop.id,)), row(2, returned=("f" * 20,))])
    assert database.file is not None
    assert files_that_hold(own_index, crop.id.encode())
    assert files_that_hold(database.file.parent, crop.id.encode())

    erasure = erase(own_index, crop.id, store)
    assert (erasure.indexed, erasure.rows) == (True, 1)
    assert erasure.originals == (str(tmp_file := Path(crop.root) / crop.path),)
    assert tmp_file.is_file(), "a file outside the index is told of, not touched"
    assert files_that_hold(own_index, crop.id.encode()) == []
    assert files_that_hold(own_index, crop.content_sha256.encode()) == []
    assert files_that_hold(database.file.parent, crop.id.encode()) == []
    read = [path.stat().st_size for path in own_index.rglob("*") if path.is_file()]
    assert (erasure.files, erasure.bytes) == (len(read), sum(read))
    assert [each.returned for each in store.rows(Asked(crop_id="f" * 20))]
    with closing(open_gallery(own_index, ColourEncoder().card)) as gallery:
        assert gallery.size == 23
        assert gallery.crop(crop.id) is None

    again = erase(own_index, crop.id, store)
    assert (again.indexed, again.rows) == (False, 0)


def test_what_an_erasure_left_half_done_is_done_by_the_next(
    own_index: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = some_crop(own_index)
    store = SearchStore(database)
    store.write([row(1, returned=(crop.id,))])
    with monkeypatch.context() as broken:
        broken.setattr("service.audit.erasure.compact", _full_disk)
        with pytest.raises(OSError, match="disk is full"):
            erase(own_index, crop.id, store)
    assert find_crop(own_index, crop.id) is None
    assert store.holds(crop.id)
    assert files_that_hold(own_index, crop.id.encode())
    erasure = erase(own_index, crop.id, store)
    assert (erasure.indexed, erasure.rows) == (False, 1)
    assert files_that_hold(own_index, crop.id.encode()) == []


def _full_disk(_: Path) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("crop_id", ["", "abc", "%", "0" * 19, "0" * 21, "G" * 20, "../" * 7])
def test_what_is_no_id_is_refused_before_anything_is_removed(
    index: Path, database: Database, crop_id: str
) -> None:
    store = SearchStore(database)
    store.write([row(1, returned=("0" * 20,))])
    with pytest.raises(ConfigurationInvalid, match="no id of a crop"):
        erase(index, crop_id, store)
    assert store.holds("0" * 20)


def test_an_id_that_was_never_there_changes_nothing(index: Path, database: Database) -> None:
    before = sorted(index.rglob("*"))
    erasure = erase(index, NEVER, SearchStore(database))
    assert (erasure.indexed, erasure.rows, erasure.originals) == (False, 0, ())
    assert sorted(index.rglob("*")) == before


def test_an_index_that_is_not_there_is_named(tmp_path: Path, database: Database) -> None:
    with pytest.raises(BundleNotFound):
        erase(tmp_path / "none", "0" * 20, SearchStore(database))


def test_an_id_that_another_file_of_the_index_holds_is_not_taken_for_gone(
    own_index: Path, database: Database
) -> None:
    crop = some_crop(own_index)
    (own_index / "notes.txt").write_text(f"about {crop.id}")
    with pytest.raises(BundleError, match=r"notes\.txt"):
        erase(own_index, crop.id, SearchStore(database))
    assert find_crop(own_index, crop.id) is None


def test_an_id_that_is_left_in_the_database_is_not_taken_for_gone(
    own_index: Path, database: Database
) -> None:
    crop = some_crop(own_index)
    store = SearchStore(database)
    assert database.file is not None
    log = database.file.with_name("descry.db-wal")

    class Refilled(SearchStore):
        """A reader keeps the database's log from being emptied."""

        def erase(self, crop_id: str) -> int:
            rows = super().erase(crop_id)
            log.write_bytes(crop_id.encode())
            return rows

    with pytest.raises(ErasureFailed, match="still in the database"):
        erase(own_index, crop.id, Refilled(database))
    log.write_bytes(b"")
    assert erase(own_index, crop.id, store).indexed is False
