from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from indexer.changes import Changes, decide, extended_crop, stored_rows, wanted_crop
from indexer.crop_table import CropTable, CropTableWriter
from indexer.listing import ListedCrop, Listing
from indexer.metadata import NO_METADATA, CropMetadata
from indexer.records import Crop
from tests.indexer.stored_crops import crop, digest, stored

TIME = datetime(2024, 5, 1, tzinfo=UTC)
SAID = CropMetadata("c1", TIME, "17", {"floor": 2})
NOTHING_SAID = CropMetadata(None, None, None, {"floor": None})


def table(folder: Path, *crops: Crop, deleted: tuple[int, ...] = ()) -> CropTable:
    path = folder / "crops.arrow"
    with CropTableWriter(path, {"floor": "integer"}) as writer:
        for each in crops:
            writer.append(each)
    return CropTable(path, deleted=np.array(deleted, np.int64))


def listing(folder: Path, **files: int) -> Listing:
    """List files by name (with ``_`` for the dot of ``.png``) and the number of their content."""
    listed = Listing(NO_METADATA, folder / "quarantine.jsonl")
    for name, number in files.items():
        listed.take(f"{name}.png", digest(number), None)
    return listed


def new_paths(changes: Changes) -> list[tuple[str, int | None]]:
    return [(row.listed.path, row.row) for row in changes.new]


def test_without_a_parent_all_is_new_in_the_order_of_the_paths(tmp_path: Path) -> None:
    changes = decide(None, listing(tmp_path, b=1, a=2, é=3, z=4), "/crops", "build")
    assert new_paths(changes) == [
        ("a.png", None), ("b.png", None), ("z.png", None), ("é.png", None),
    ]  # fmt: skip
    assert changes.deleted.tolist() == []
    assert (changes.replaced, changes.removed, changes.reused) == (0, 0, 0)


def test_a_build_keeps_replaces_and_removes_rows(tmp_path: Path) -> None:
    # Rows 0 to 4: the same, renamed, another content at its path, gone, deleted before.
    parent = table(
        tmp_path,
        crop(0, path="same.png"),
        crop(1, path="old.png"),
        crop(2, path="changed.png"),
        crop(3, path="gone.png"),
        crop(4, path="deleted.png"),
        deleted=(4,),
    )
    found = listing(tmp_path, same=0, renamed=1, changed=12, deleted=4)
    changes = decide(parent, found, "/crops", "build")
    assert new_paths(changes) == [
        ("changed.png", None), ("deleted.png", None), ("renamed.png", 1),
    ]  # fmt: skip
    assert changes.deleted.tolist() == [1, 2, 3]
    assert (changes.replaced, changes.removed, changes.reused) == (2, 1, 2)


def test_an_addition_keeps_what_its_source_does_not_hold(tmp_path: Path) -> None:
    parent = table(tmp_path, crop(0, path="same.png"), crop(1, path="changed.png"), crop(2))
    changes = decide(parent, listing(tmp_path, same=0, changed=11, new=3), "/crops", "add")
    assert new_paths(changes) == [("changed.png", None), ("new.png", None)]
    assert changes.deleted.tolist() == [1]
    assert (changes.replaced, changes.removed, changes.reused) == (1, 0, 1)


def test_the_same_path_below_another_root_is_another_file(tmp_path: Path) -> None:
    parent = table(tmp_path, crop(0, path="a.png"))
    changes = decide(parent, listing(tmp_path, a=1), "/other", "add")
    assert new_paths(changes) == [("a.png", None)]
    assert changes.deleted.tolist() == []


def test_a_column_without_a_value_is_no_change(tmp_path: Path) -> None:
    parent = table(tmp_path, crop(0, path="a.png"))  # floor comes back as None
    changes = decide(parent, listing(tmp_path, a=0), "/crops", "build")
    assert (new_paths(changes), changes.reused) == ([], 1)


def test_rows_may_have_to_come_again_or_be_encoded_again(tmp_path: Path) -> None:
    parent = table(tmp_path, crop(0, path="a.png"), crop(1, path="b.png"))
    found = listing(tmp_path, a=0, b=1)
    changes = decide(parent, found, "/crops", "build", may_stay=False)
    assert new_paths(changes) == [("a.png", 0), ("b.png", 1)]
    assert (changes.deleted.tolist(), changes.reused) == ([0, 1], 2)
    changes = decide(parent, found, "/crops", "build", encoded_again=lambda row: row == 1)
    assert new_paths(changes) == [("b.png", None)]
    assert (changes.deleted.tolist(), changes.replaced, changes.reused) == ([1], 1, 1)


def test_new_rows_have_their_vectors_from_the_journal_or_the_parent(tmp_path: Path) -> None:
    parent = table(tmp_path, crop(1, path="old.png"))
    changes = decide(parent, listing(tmp_path, renamed=1, new=2), "/crops", "build")
    rows = list(
        stored_rows(changes, "/crops", lambda _: stored(2, root=""), lambda row: stored(row + 1))
    )
    assert [row.crop.path for row in rows] == ["new.png", "renamed.png"]
    assert [row.crop.root for row in rows] == ["/crops", "/crops"]
    assert [row.content for row in rows] == [b"2", b"1"]
    assert [row.crop.id for row in rows] == [crop(2).id, crop(1).id]


def test_a_crop_is_what_its_source_says() -> None:
    before = crop(0, camera="c9", track_id="9", other_paths=("x.png",), extra={"floor": 9})
    assert wanted_crop(before, ListedCrop("a.png", ["b.png"], SAID), "/new") == crop(
        0, root="/new", path="a.png", other_paths=("b.png",), camera="c1", captured_at=TIME,
        track_id="17", extra={"floor": 2},
    )  # fmt: skip
    assert wanted_crop(before, ListedCrop("a.png", [], None), "/new") == crop(
        0, root="/new", path="a.png"
    )


@pytest.mark.parametrize("said", [None, NOTHING_SAID])
def test_an_addition_that_says_nothing_of_a_crop_leaves_what_is_known(
    said: CropMetadata | None,
) -> None:
    before = crop(0, camera="c9", captured_at=TIME, track_id="9", extra={"floor": 9})
    listed = ListedCrop("0.png", [], said)
    assert extended_crop(before, listed, "/crops", {"0.png": digest(0)}) == before


def test_an_addition_brings_paths_and_metadata() -> None:
    before = crop(0, path="a.png", camera="c9", extra={"floor": 9, "age": 3})
    listed = ListedCrop("b.png", ["a.png"], SAID)
    contents = {"a.png": digest(0), "b.png": digest(0)}
    after = extended_crop(before, listed, "/crops", contents)
    assert (after.path, after.other_paths) == ("a.png", ("b.png",))
    assert (after.camera, after.track_id, after.extra) == ("c1", "17", {"floor": 2, "age": 3})
    # From another root the paths say where they are; the same again adds nothing.
    elsewhere = extended_crop(before, listed, "/more", contents)
    assert (elsewhere.root, elsewhere.path) == ("/crops", "a.png")
    assert elsewhere.other_paths == ("/more/b.png", "/more/a.png")
    assert extended_crop(elsewhere, listed, "/more", contents) == elsewhere


def test_a_path_that_holds_another_content_now_is_no_longer_the_crops() -> None:
    before = crop(0, path="a.png", other_paths=("b.png", "c.png", "/more/d.png"))
    contents = {"a.png": digest(1), "b.png": digest(0), "c.png": digest(2), "d.png": digest(3)}
    after = extended_crop(before, ListedCrop("b.png", [], None), "/crops", contents)
    assert (after.path, after.other_paths) == ("b.png", ("/more/d.png",))
    contents = {"d.png": digest(3), "e.png": digest(0)}
    after = extended_crop(before, ListedCrop("e.png", [], None), "/more", contents)
    assert after.path == "a.png"
    assert after.other_paths == ("b.png", "c.png", "/more/e.png")
