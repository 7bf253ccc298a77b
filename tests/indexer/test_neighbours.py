from pathlib import Path

import numpy as np
import pytest

from indexer.build import build, run_build
from indexer.bundle import NEIGHBOURS
from indexer.deletion import Selection, delete_crops
from indexer.gallery import open_gallery
from indexer.neighbours import (
    NOBODY,
    NeighbourLists,
    empty_lists,
    grown_lists,
    open_lists,
    renumbered_lists,
    reverse_lists,
    write_lists,
)
from indexer.preparation import BuildOptions, prepare_build
from indexer.retention import compact, roll_back
from indexer.verification import verify_index
from models.contracts import Float32Array
from models.errors import BundleDamaged
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


def unit_rows(count: int, width: int = 8, seed: int = 0) -> Float32Array:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def by_hand(vectors: Float32Array, alive: np.ndarray, k: int) -> np.ndarray:
    """One row at a time: the k others of highest cosine, ties by row."""
    lists = np.full((len(vectors), k), NOBODY)
    for row in alive:
        others = [other for other in alive if other != row]
        cosines = {other: float(np.dot(vectors[row], vectors[other])) for other in others}
        best = sorted(others, key=lambda other: (-cosines[other], other))[:k]
        lists[row, : len(best)] = best
    return lists


def made(vectors: Float32Array, alive: np.ndarray, k: int) -> NeighbourLists:
    return grown_lists(empty_lists(0, k), vectors, alive, alive)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_lists_are_those_of_comparing_everyone_with_everyone(k: int) -> None:
    vectors = unit_rows(30)
    alive = np.delete(np.arange(30), [3, 17])
    lists = made(vectors, alive, k)
    assert lists.rows.tolist() == by_hand(vectors, alive, k).tolist()
    for row in alive:
        listed = lists.of(int(row))
        assert lists.scores[row, : len(listed)] == pytest.approx(
            vectors[listed] @ vectors[row], abs=1e-6
        )


def test_rows_that_look_the_same_are_listed_by_number() -> None:
    vectors = np.repeat(unit_rows(2), 4, axis=0)
    lists = made(vectors, np.arange(8), 3)
    assert lists.of(5).tolist() == [4, 6, 7]
    assert lists.of(0).tolist() == [1, 2, 3]


def test_growing_and_shrinking_gives_what_computing_anew_gives() -> None:
    vectors, rng = unit_rows(120), np.random.default_rng(1)
    alive = np.arange(50)
    lists = made(vectors[:50], alive, 6)
    for size in (51, 80, 120):
        gone = rng.choice(alive, 9, replace=False)
        added = np.arange(len(lists.rows), size)
        alive = np.union1d(np.setdiff1d(alive, gone), added)
        lists = grown_lists(lists, vectors[:size], alive, added)
        assert lists.rows.tolist() == by_hand(vectors[:size], alive, 6).tolist()
    renumbered = renumbered_lists(lists, alive)
    assert renumbered.rows.tolist() == by_hand(vectors[alive], np.arange(len(alive)), 6).tolist()


def test_reverse_lists_say_on_whose_list_each_row_is() -> None:
    vectors = unit_rows(40)
    lists = made(vectors, np.delete(np.arange(40), 7), 4)
    reverse = reverse_lists(lists)
    for row in range(40):
        expected = [other for other in range(40) if row in lists.rows[other]]
        assert reverse.of(row).tolist() == expected
    assert reverse.of(7).tolist() == []


def test_lists_that_are_damaged_are_told(tmp_path: Path) -> None:
    write_lists(made(unit_rows(9), np.arange(9), 3), tmp_path)
    assert open_lists(tmp_path).rows.shape == (9, 3)
    np.save(tmp_path / NEIGHBOURS, np.zeros((9, 4), np.int32))
    with pytest.raises(BundleDamaged, match="holds no lists of neighbours"):
        open_lists(tmp_path)
    (tmp_path / NEIGHBOURS).unlink()
    with pytest.raises(BundleDamaged, match=r"neighbours in .* cannot be read"):
        open_lists(tmp_path)


def paths(found: list[object] | None) -> list[str]:
    return [crop.path for crop in found or []]  # type: ignore[attr-defined]


def test_a_gallery_names_look_alikes_through_every_change(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    options = BuildOptions(neighbours=2)
    build(crops, index, encoder, options)
    more = crops.parent / "more"
    draw(more / "red too.png", "red")
    run_build(prepare_build(more, index, options, "add"), encoder)

    def looked_up() -> tuple[list[str], list[str]]:
        gallery = open_gallery(index, encoder.card)
        red = gallery.ids_by_path()["cam1/red.png"]
        found = paths(gallery.neighbours(red)), paths(gallery.listed_by(red))  # type: ignore[arg-type]
        assert verify_index(index).problems == ()
        gallery.close()
        return found

    # Corners of a cube: black and white share two signs, or one, with red.
    nearest, listed_by = looked_up()
    assert nearest == ["red too.png", "black.jpeg"]
    assert {"red too.png", "black.jpeg"} <= set(listed_by)
    gallery = open_gallery(index, encoder.card)
    too = gallery.ids_by_path()["red too.png"]
    with pytest.raises(KeyError):
        gallery.neighbours("0" * 20)
    gallery.close()
    delete_crops(index, Selection(ids=(too,)))
    shrunk = looked_up()
    assert shrunk[0][0] == "black.jpeg"
    assert "red too.png" not in (*shrunk[0], *shrunk[1])
    compact(index)
    assert looked_up() == shrunk
    roll_back(index, 2)
    assert looked_up() == (nearest, listed_by)


def test_a_gallery_without_neighbours_says_so(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    build(crops, index, encoder)
    gallery = open_gallery(index, encoder.card)
    first = next(iter(gallery.ids_by_path().values()))
    assert gallery.neighbours(first) is None
    assert gallery.listed_by(first) is None
    gallery.close()
