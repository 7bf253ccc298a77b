"""A build that died goes on where it was, and ends as if it had never died."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.deletion import Selection, delete_crops
from indexer.preparation import BuildOptions
from indexer.retention import clear, compact, roll_back
from indexer.verification import verify_index
from models.contracts import Float32Array
from models.errors import BundleError
from tests.fakes import ColourEncoder

SHARDS_OF_FOUR = BuildOptions(batch_size=2, workers=2, shard_crops=4)
CROPS = 30


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Thirty crops, each of its own colour."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(CROPS):
        Image.new("RGB", (16, 32), (8 * number, 255 - 8 * number, 77)).save(
            folder / f"{number:02}.png"
        )
    return folder


class DyingEncoder(ColourEncoder):
    """Fails after a number of crops."""

    def __init__(self, crops: int) -> None:
        super().__init__()
        self._left = crops

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        self._left -= len(images)
        if self._left < 0:
            raise KeyboardInterrupt
        return super().encode_images(images)


def interrupt(many: Path, index: Path, crops: int = 15, **options: object) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(many, index, DyingEncoder(crops), SHARDS_OF_FOUR.model_copy(update=options))
    assert not (index / "CURRENT").exists()


def same_rows(first: BuildReport, second: BuildReport) -> None:
    """Compare everything but the name of the segment, which is that of its generation."""
    (one,), (other,) = first.manifest.segments, second.manifest.segments
    for name in bundle.SEGMENT_FILES:
        assert (first.folder / one.name / name).read_bytes() == (
            second.folder / other.name / name
        ).read_bytes(), name
    assert first.manifest.canaries == second.manifest.canaries


def test_a_resumed_build_encodes_the_rest_and_ends_with_the_same_bytes(
    many: Path, index: Path, tmp_path: Path
) -> None:
    interrupt(many, index)
    encoder = ColourEncoder()
    resumed = build(many, index, encoder, SHARDS_OF_FOUR)
    # 14 crops were encoded; three shards of four were whole.
    assert (resumed.resumed, encoder.images_seen) == (12, CROPS - 12)
    assert (resumed.counts.encoded, resumed.counts.indexed) == (CROPS, CROPS)
    whole = build(many, tmp_path / "whole", ColourEncoder(), SHARDS_OF_FOUR)
    assert whole.resumed == 0
    same_rows(resumed, whole)
    assert resumed.manifest.files == whole.manifest.files
    assert not (index / ".journal").exists()
    assert verify_index(index, sources=True).problems == ()


def test_a_build_may_die_again_and_again(many: Path, index: Path, tmp_path: Path) -> None:
    for crops in (5, 5, 9, 0, 5):
        interrupt(many, index, crops)
    encoder = ColourEncoder()
    resumed = build(many, index, encoder, SHARDS_OF_FOUR)
    # Whole shards of four: 4, 4, 8, 0, 4.
    assert (resumed.resumed, encoder.images_seen) == (20, CROPS - 20)
    same_rows(resumed, build(many, tmp_path / "whole", ColourEncoder(), SHARDS_OF_FOUR))


@pytest.mark.parametrize(
    ("change", "encoder"),
    [
        ({}, ColourEncoder(weights_sha256="1" * 64)),
        ({}, ColourEncoder(precision="bf16")),
        ({"batch_size": 3}, ColourEncoder()),
        ({"copy_contents": True}, ColourEncoder()),
    ],
)
def test_what_another_build_encoded_is_not_used_and_that_is_told(
    many: Path, index: Path, change: dict[str, object], encoder: ColourEncoder
) -> None:
    interrupt(many, index)
    report = build(many, index, encoder, SHARDS_OF_FOUR.model_copy(update=change))
    assert (report.resumed, encoder.images_seen) == (0, CROPS)
    (warning,) = report.warnings
    assert warning.startswith("what a build that did not end had encoded is not used")


def test_a_damaged_shard_is_encoded_again(many: Path, index: Path, tmp_path: Path) -> None:
    interrupt(many, index)
    path = index / ".journal" / "shard-000001" / bundle.VECTORS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    encoder = ColourEncoder()
    resumed = build(many, index, encoder, SHARDS_OF_FOUR)
    assert (resumed.resumed, encoder.images_seen) == (8, CROPS - 8)
    same_rows(resumed, build(many, tmp_path / "whole", ColourEncoder(), SHARDS_OF_FOUR))


def test_a_crop_that_changed_since_the_build_died_is_encoded_as_it_is_now(
    many: Path, index: Path
) -> None:
    interrupt(many, index)
    Image.new("RGB", (16, 32), "red").save(many / "00.png")
    (many / "01.png").unlink()
    report = build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    assert (report.counts.indexed, report.resumed) == (CROPS - 1, 10)
    assert verify_index(index, sources=True).problems == ()


@pytest.mark.parametrize("after", [0, 7, 25, 60, 74])
def test_a_disk_that_is_full_keeps_the_generation_and_the_journal(
    many: Path, index: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for path in sorted(many.iterdir())[10:]:
        path.rename(path.with_suffix(".later"))
    before = build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    for path in many.glob("*.later"):
        path.rename(path.with_suffix(".png"))
    syncs = 0
    fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    assert bundle.read_manifest(index) == before.manifest
    assert list(index.glob(".building-*")) == []
    assert verify_index(index, sources=True).problems == ()
    shards = len(list((index / ".journal").glob("shard-*")))
    assert shards == {0: 0, 7: 0, 25: 2, 60: 5, 74: 5}[after]
    encoder = ColourEncoder()
    report = build(many, index, encoder, SHARDS_OF_FOUR)
    assert (report.resumed, encoder.images_seen) == (4 * shards, 20 - 4 * shards)
    assert report.counts.indexed == CROPS
    assert verify_index(index, sources=True).problems == ()


@pytest.mark.parametrize(
    "place", ["numpy.save", "faiss.write_index", "pathlib.Path.rename", "pathlib.Path.replace"]
)
def test_a_write_that_fails_keeps_the_generation(
    many: Path, index: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    before = build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    Image.new("RGB", (16, 32), "red").save(many / "new.png")

    def full(*_: object, **__: object) -> None:
        error = RuntimeError if place.startswith("faiss") else OSError
        raise error("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(OSError, match="No space left"):
            build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    assert bundle.read_manifest(index) == before.manifest
    assert verify_index(index, sources=True).problems == ()
    assert build(many, index, ColourEncoder(), SHARDS_OF_FOUR).counts.indexed == CROPS + 1


def test_nothing_else_writes_while_a_build_does(many: Path, index: Path) -> None:
    build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    Image.new("RGB", (16, 32), "red").save(many / "new.png")
    refused = []

    class Meddler(ColourEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
            commands: list[Callable[[], object]] = [
                lambda: build(many, index, ColourEncoder()),
                lambda: delete_crops(index, Selection(ids=("0" * 20,))),
                lambda: compact(index),
                lambda: roll_back(index),
                lambda: clear(index, 1),
            ]
            for command in commands:
                with pytest.raises(BundleError, match=rf"\(process {os.getpid()}\): wait for it"):
                    command()
                refused.append(command)
            return super().encode_images(images)

    report = build(many, index, Meddler(), SHARDS_OF_FOUR)
    assert (len(refused), report.counts.indexed) == (5, CROPS + 1)


def test_vectors_are_those_of_the_crops_they_stand_for(many: Path, index: Path) -> None:
    interrupt(many, index)
    report = build(many, index, ColourEncoder(), SHARDS_OF_FOUR)
    vectors = np.load(report.folder / "000001" / bundle.VECTORS)
    colours = [(8 * number, 255 - 8 * number, 77) for number in range(CROPS)]
    centred = np.array(colours) / 127.5 - 1
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert np.abs(vectors - expected).max() < 1e-5
