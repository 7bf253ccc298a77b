from pathlib import Path

import numpy as np
import pytest

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.deletion import Selection, delete_crops
from indexer.generation import Generation, open_generation
from models.errors import BundleDamaged
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw
from tests.indexer.test_verification import sign_again

RED = np.array([1, -1, -1], np.float32) / np.float32(np.sqrt(3))


@pytest.fixture
def grown(built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder) -> Path:
    """Two segments: black, red, green, blue, white (rows 0 to 4) without green; two more reds."""
    assert built.published
    draw(crops / "new" / "1.png", "red")
    draw(crops / "new" / "2.png", "red")
    build(crops, index, encoder)
    opened = open_generation(bundle.published_generation(index))
    (green,) = [crop.id for _, crop in opened.crops.each() if crop.path == "cam1/green.JPG"]
    opened.close()
    return delete_crops(index, Selection(ids=(green,))).folder


def test_rows_are_those_of_the_segments_below_each_other(grown: Path) -> None:
    generation = open_generation(grown)
    assert generation.size == 6
    assert [(row, crop.path) for row, crop in generation.crops.each()] == [
        (0, "black.jpeg"), (2, "cam1/red.png"), (3, "cam2/blue.webp"), (4, "cam2/white.bmp"),
        (5, "new/1.png"), (6, "new/2.png"),
    ]  # fmt: skip
    assert generation.deleted.tolist() == [1]
    segment, row = generation.place(6)
    assert (segment.folder.name, row) == ("000002", 1)
    assert generation.stored(6).crop.path == "new/2.png"
    generation.close()


def test_a_search_merges_the_segments_and_passes_over_deleted_rows(grown: Path) -> None:
    generation = open_generation(grown)
    found = generation.search(RED, 100, None)
    # The reds, ties by row; black shares two signs with red; white and blue one, about as far off.
    assert found.rows[:4].tolist() == [2, 5, 6, 0]
    assert sorted(found.rows[4:]) == [3, 4]
    expected = [1, 1, 1, 1 / 3, -1 / 3, -1 / 3]
    assert found.scores.tolist() == pytest.approx(expected, abs=0.02)
    assert found.scanned == 6
    assert generation.search(RED, 2, None).rows.tolist() == [2, 5]
    chosen = generation.search(RED, 100, np.array([0, 6]))
    assert (chosen.rows.tolist(), chosen.scanned) == ([6, 0], 2)
    assert generation.search(RED, 100, np.zeros(0, np.int64)).rows.tolist() == []
    generation.close()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.array([9]), "no list of deleted rows"),
        (np.array([-1]), "no list of deleted rows"),
        (np.array([1, 1]), "no list of deleted rows"),
        (np.array([1.0]), "no list of deleted rows"),
        (np.zeros((1, 1), np.int64), "no list of deleted rows"),
        (np.zeros(0, np.int64), "no list of deleted rows"),
    ],
)
def test_a_list_of_deleted_rows_that_cannot_be_is_damage(
    grown: Path, rows: np.ndarray, message: str
) -> None:
    (grown / bundle.DELETED).unlink()
    np.save(grown / bundle.DELETED, rows)
    with pytest.raises(BundleDamaged, match=message):
        open_generation(grown)
    (grown / bundle.DELETED).write_bytes(b"nothing")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        open_generation(grown)


@pytest.mark.parametrize(
    "wrong", [{"embedding_width": 4}, {"counts": {"indexed": 5}}, {"segments": "fewer rows"}]
)
def test_files_that_are_not_what_the_manifest_says_are_damage(
    grown: Path, wrong: dict[str, object]
) -> None:
    manifest = bundle.read_generation_manifest(grown)
    if "segments" in wrong:
        first, second = manifest.segments
        segments = [first.model_copy(update={"rows": 4}).model_dump(), second.model_dump()]
        wrong = {"segments": segments}
    sign_again(grown, **wrong)
    with pytest.raises(BundleDamaged, match="do not belong together"):
        open_generation(grown)
    Generation(grown, manifest).close()
