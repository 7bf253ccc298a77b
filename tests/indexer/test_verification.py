import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer import bundle
from indexer.ann import write_index
from indexer.build import BuildReport, build
from indexer.publishing import describe_files
from indexer.verification import verify_index
from models.errors import BundleNotFound
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


def sign_again(folder: Path, **changes: object) -> None:
    """Make the checksums right again, so that only the deeper checks can find a change."""
    path = folder / bundle.MANIFEST
    files = {name: file.model_dump() for name, file in describe_files(folder, {}).items()}
    path.write_text(json.dumps({**json.loads(path.read_text()), "files": files, **changes}))
    (folder / bundle.MANIFEST_SUM).write_text(bundle.manifest_sum(path.read_bytes()))


def test_a_sound_index_has_no_problems(built: BuildReport, index: Path) -> None:
    verification = verify_index(index, sources=True)
    assert verification.problems == ()
    assert verification.folder == built.folder
    assert verification.checks == (
        "size and SHA-256 of 11 files",
        "counts of 5 crops",
        "5 vectors of length 1",
        "5 crops find themselves",
        "5 thumbnails",
        "known answers are indexed crops",
        "5 originals are unchanged",
    )


def test_copies_of_one_picture_are_no_problem(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    for number in range(300):
        draw(crops / f"copy {number}.png", "red")
    build(crops, index, encoder)
    assert verify_index(index).problems == ()


def test_a_changed_byte_is_found(built: BuildReport, index: Path) -> None:
    path = built.folder / "000001" / bundle.THUMBNAILS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (problem,) = verify_index(index).problems
    assert problem == "000001/thumbnails.pack has another SHA-256 than the manifest says"


def test_a_place_without_an_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        verify_index(tmp_path)


def scale_a_vector(folder: Path) -> None:
    vectors = np.load(folder / "000001" / bundle.VECTORS)
    vectors[3] *= 1.5
    np.save(folder / "000001" / bundle.VECTORS, vectors)


def spoil_a_vector(folder: Path) -> None:
    vectors = np.load(folder / "000001" / bundle.VECTORS)
    vectors[1, 0] = np.nan
    np.save(folder / "000001" / bundle.VECTORS, vectors)


def swap_two_indexed_rows(folder: Path) -> None:
    vectors = np.load(folder / "000001" / bundle.VECTORS)
    write_index(vectors[[1, 0, 2, 3, 4]], folder / "000001" / bundle.FAISS_INDEX)


def drop_a_vector(folder: Path) -> None:
    np.save(folder / "000001" / bundle.VECTORS, np.load(folder / "000001" / bundle.VECTORS)[:-1])


def break_a_thumbnail(folder: Path) -> None:
    path = folder / "000001" / bundle.THUMBNAILS
    offset = int(np.load(folder / "000001" / bundle.THUMBNAIL_OFFSETS)[2])
    content = bytearray(path.read_bytes())
    content[offset : offset + 4] = b"nope"
    path.write_bytes(bytes(content))


def add_a_quarantined_file(folder: Path) -> None:
    (folder / bundle.QUARANTINE).write_text('{"path": "a.jpg", "reason": "the file is empty"}\n')


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (scale_a_vector, "row 3 has length 1.5 (1 such)"),
        (spoil_a_vector, "row 1 has length nan (1 such)"),
        (swap_two_indexed_rows, "row 0: index.faiss and vectors.npy hold different vectors"),
        (drop_a_vector, "Build the index again"),
        (break_a_thumbnail, "row 2: its thumbnail cannot be decoded"),
        (add_a_quarantined_file, "quarantine.jsonl has 1 lines for 0 files"),
    ],
)
def test_damage_that_checksums_do_not_show_is_found(
    built: BuildReport, index: Path, damage: Callable[[Path], None], problem: str
) -> None:
    damage(built.folder)
    sign_again(built.folder)
    problems = verify_index(index).problems
    assert any(problem in found for found in problems), problems


def test_a_manifest_that_contradicts_itself_is_found(built: BuildReport, index: Path) -> None:
    counts = {**built.manifest.counts.model_dump(), "found": 9}
    canary = {"text": "red", "ids": ["f" * 20], "scores": [1.0]}
    sign_again(built.folder, counts=counts, canaries=[canary])
    assert verify_index(index).problems == (
        "manifest: 9 files found, but 5 encoded, 0 reused, 0 duplicates and 0 quarantined",
        f"the known answer to 'red' names unknown crops: ['{'f' * 20}']",
    )


def test_changed_sources_are_found_only_when_asked_for(
    built: BuildReport, index: Path, crops: Path
) -> None:
    assert built.manifest.counts.indexed == 5
    draw(crops / "cam1" / "red.png", "green")
    (crops / "black.jpeg").unlink()
    assert verify_index(index).problems == ()
    gone, changed = verify_index(index, sources=True).problems
    assert "black.jpeg': the file is gone" in gone
    assert "red.png' changed since it was indexed" in changed


def test_many_changed_sources_are_summed_up(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    for number in range(30):
        draw(crops / f"{number:02}.png", "red")
    build(crops, index, encoder)
    for path in crops.glob("*.png"):
        path.unlink()
    problems = verify_index(index, sources=True).problems
    assert len(problems) == 21
    assert problems[-1] == "and 10 more such files"
