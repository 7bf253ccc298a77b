from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.deletion import Selection, delete_crops
from indexer.gallery import open_gallery
from indexer.generation import open_generation
from indexer.journal import Journal, JournalHeader
from indexer.preparation import BuildOptions
from indexer.retention import clear, compact, roll_back
from indexer.verification import verify_index
from models.errors import BundleDamaged, BundleNotFound, ConfigurationInvalid
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw
from tests.indexer.stored_crops import WIDTH, stored
from tests.indexer.test_growing import flip

ONE_BY_ONE = BuildOptions(batch_size=1, workers=1)


def generations(index: Path) -> list[int]:
    return [int(folder.name) for folder in bundle.generation_folders(index)]


def contents(index: Path) -> dict[str, tuple[list[float], bytes, bytes]]:
    """Return vector, thumbnail and copied bytes of every crop that can be found, by path."""
    opened = open_generation(bundle.published_generation(index))
    rows = {crop.path: opened.stored(row) for row, crop in opened.crops.each()}
    found = {
        path: (np.asarray(row.vector).tolist(), row.thumbnail, row.content)
        for path, row in rows.items()
    }
    opened.close()
    return found


def id_of(index: Path, path: str) -> str:
    gallery = open_gallery(index, ColourEncoder().card)
    crop_id = gallery.ids_by_path()[path]
    gallery.close()
    return crop_id


@pytest.fixture
def grown(crops: Path, index: Path, encoder: ColourEncoder) -> Path:
    """Generation 1: five crops; 2: a sixth; 3: without green, of the first segment."""
    options = ONE_BY_ONE.model_copy(update={"copy_contents": True})
    build(crops, index, encoder, options)
    draw(crops / "new.png", "red")
    build(crops, index, encoder, options)
    delete_crops(index, Selection(ids=(id_of(index, "cam1/green.JPG"),)))
    return index


def test_compact_merges_the_segments_without_what_is_deleted(grown: Path) -> None:
    before = contents(grown)
    done = compact(grown)
    assert done.published
    assert (done.manifest.generation, done.manifest.change) == (4, "compact")
    assert [(each.name, each.rows) for each in done.manifest.segments] == [("000004", 5)]
    assert (done.manifest.deleted, done.manifest.counts.indexed) == (0, 5)
    assert len(before) == 5
    assert contents(grown) == before
    assert verify_index(grown, sources=True).problems == ()
    again = compact(grown)
    assert (again.published, again.manifest.generation) == (False, 4)
    assert generations(grown) == [1, 2, 3, 4]


def test_compacting_what_is_all_deleted_leaves_an_empty_gallery(grown: Path) -> None:
    paths = list(contents(grown))
    delete_crops(grown, Selection(ids=tuple(id_of(grown, path) for path in paths)))
    done = compact(grown)
    assert (done.manifest.rows, done.manifest.counts.indexed) == (0, 0)
    assert contents(grown) == {}
    assert verify_index(grown).problems == ()


def test_a_rollback_brings_the_rows_of_an_older_generation_back(grown: Path) -> None:
    done = roll_back(grown)
    assert (done.manifest.generation, done.manifest.restores, done.manifest.parent) == (4, 2, 3)
    assert len(contents(grown)) == 6
    done = roll_back(grown, 1)
    assert (done.manifest.generation, done.manifest.restores, done.manifest.parent) == (5, 1, 4)
    assert sorted(contents(grown)) == [
        "black.jpeg", "cam1/green.JPG", "cam1/red.png", "cam2/blue.webp", "cam2/white.bmp",
    ]  # fmt: skip
    assert verify_index(grown, sources=True).problems == ()
    # Rows that were deleted in the older generation are deleted again.
    assert roll_back(grown, 3).manifest.counts.indexed == 5
    assert "cam1/green.JPG" not in contents(grown)


def test_a_rollback_to_nowhere_says_what_is_there(grown: Path) -> None:
    for number in (7, 0, -1, 3):
        with pytest.raises(ConfigurationInvalid, match="there is generation 1, 2") as refused:
            roll_back(grown, number)
        assert f"cannot go back to generation {number} from generation 3" in str(refused.value)
    clear(grown, 1)
    for asked, told in ((None, "generation 2"), (1, "generation 1")):
        with pytest.raises(ConfigurationInvalid, match=f"{told} .*there is no other one"):
            roll_back(grown, asked)


def test_the_first_generation_has_none_before_it(built: BuildReport, index: Path) -> None:
    assert built.manifest.parent is None
    with pytest.raises(ConfigurationInvalid, match="a generation before it from generation 1"):
        roll_back(index)


def back_to_the_second(index: Path) -> object:
    return roll_back(index, 2)


@pytest.mark.parametrize("change", [compact, back_to_the_second])
def test_a_flipped_bit_is_not_taken_over(grown: Path, change: Callable[[Path], object]) -> None:
    flip(grown / "generations" / "000002" / "000002" / bundle.VECTORS)  # the third's, too
    with pytest.raises(BundleDamaged, match=r"000002/vectors\.npy has another SHA-256"):
        change(grown)
    assert generations(grown) == [1, 2, 3]
    assert (grown / "CURRENT").read_text().split()[0] == "000003"
    assert list(grown.glob(".building-*")) == []


def test_a_damaged_newer_generation_can_be_left_by_a_rollback(grown: Path) -> None:
    flip(grown / "generations" / "000003" / "000002" / bundle.VECTORS)
    assert roll_back(grown, 1).manifest.counts.indexed == 5
    assert verify_index(grown).problems == ()


@pytest.mark.parametrize(
    ("keep", "left", "removed"),
    [
        (1, [3], (1, 2)),
        (2, [2, 3], (1,)),
        (3, [1, 2, 3], ()),
        (4, [1, 2, 3], ()),
        (5, [1, 2, 3], ()),
        (1000, [1, 2, 3], ()),
    ],
)
def test_gc_keeps_as_many_generations_as_it_is_told(
    grown: Path, keep: int, left: list[int], removed: tuple[int, ...]
) -> None:
    before = contents(grown)
    cleared = clear(grown, keep)
    assert generations(grown) == left
    assert (cleared.removed, cleared.kept) == (removed, tuple(left))
    assert contents(grown) == before
    assert verify_index(grown, sources=True).problems == ()


def test_gc_counts_only_the_bytes_that_no_other_generation_has(grown: Path) -> None:
    def on_disk() -> int:
        files = {path.stat().st_ino: path.stat() for path in grown.rglob("*") if path.is_file()}
        return sum(status.st_size for inode, status in files.items())

    compact(grown)
    (grown / ".lock").write_text("")
    before = on_disk()
    cleared = clear(grown, 1)
    assert cleared.freed_bytes == before - on_disk() > 0


def test_gc_removes_what_dead_builds_left(grown: Path) -> None:
    header = JournalHeader(
        model_fingerprint="a" * 64, precision="fp32", batch_size=1, keeps_contents=False
    )
    with Journal(grown, header, WIDTH, 1) as journal:
        journal.append(stored(0))
    (grown / ".building-000004").mkdir()
    (grown / ".building-000004" / "vectors.npy").touch()
    (grown / "generations" / "000009").mkdir()  # renamed, and killed before the switch
    cleared = clear(grown, 5)
    assert cleared.journal
    assert generations(grown) == [1, 2, 3]
    assert sorted(path.name for path in grown.iterdir()) == [".lock", "CURRENT", "generations"]
    assert not clear(grown, 5).journal


def test_at_least_the_published_generation_stays(grown: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="keep is 0"):
        clear(grown, 0)
    with pytest.raises(BundleNotFound):
        roll_back(tmp_path / "typo")
    with pytest.raises(BundleNotFound):
        compact(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()
