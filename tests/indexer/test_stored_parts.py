from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import bundle
from indexer.build import build, run_build
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions, prepare_build
from indexer.retention import compact
from indexer.stored_parts import PartsWriter, open_parts
from indexer.verification import verify_index
from models.contracts import Float32Array, PartScorer
from models.errors import BundleDamaged, CheckpointMismatch, ConfigurationInvalid
from models.parts import PartFormat, Parts
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


class MeanAndTop:
    """Two parts of a crop: its mean colour, and that of its first row, in -1..1."""

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        pixels = [np.asarray(image, np.float32) / 127.5 - 1 for image in images]
        parts = [np.stack([each.mean((0, 1)), each[0].mean(0)]) for each in pixels]
        return np.stack(parts).astype(np.float32)

    def prepare(self, text: str) -> str:
        return text

    def score(self, prepared: str, parts: Parts) -> Float32Array:
        raise NotImplementedError(prepared, parts)


class TwoStages(ColourEncoder):
    @property
    def part_scorer(self) -> PartScorer:
        return MeanAndTop()


def restored(parts: Parts) -> Float32Array:
    values = parts.values.astype(np.float32)
    return values if parts.scales is None else values * parts.scales[..., None]


@pytest.mark.parametrize(("part_format", "error"), [("fp32", 0), ("fp16", 1e-3), ("int8", 1 / 254)])
def test_parts_come_back_by_id_through_additions_and_compaction(
    crops: Path, index: Path, part_format: PartFormat, error: float
) -> None:
    options = BuildOptions(batch_size=2, parts=part_format, shard_crops=2)
    build(crops, index, TwoStages(), options)
    draw(crops.parent / "more" / "green two.png", "green")
    run_build(prepare_build(crops.parent / "more", index, options, "add"), TwoStages())
    compact(index)
    assert verify_index(index).problems == ()
    gallery = open_gallery(index, TwoStages().card)
    assert gallery.manifest.parts == part_format
    ids = gallery.ids_by_path()
    asked = [ids["green two.png"], ids["cam2/white.bmp"], ids["cam1/red.png"]]
    parts = gallery.parts(asked)
    assert parts is not None
    colours = np.array([[-1, 1, -1], [1, 1, 1], [1, -1, -1]], np.float32)
    expected = np.repeat(colours[:, None], 2, axis=1)  # a crop of one colour has it in all parts
    # ColourEncoder draws pure green as (0, 255, 0): both parts are its colour.
    assert np.abs(restored(parts) - expected).max() <= error
    with pytest.raises(KeyError):
        gallery.parts(["0" * 20])
    gallery.close()


def test_without_parts_there_are_no_files_and_no_answer(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    report = build(crops, index, encoder)
    assert not list(report.folder.rglob(bundle.PARTS))
    gallery = open_gallery(index, encoder.card)
    assert gallery.parts([next(iter(gallery.ids_by_path().values()))]) is None
    gallery.close()


def test_a_model_without_a_second_stage_cannot_store_parts(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"'colour' has no second stage.*leave --parts"):
        build(crops, index, encoder, BuildOptions(parts="int8"))
    assert not (index / bundle.CURRENT).exists()


def test_parts_that_are_no_numbers_are_refused(crops: Path, index: Path) -> None:
    class Broken(MeanAndTop):
        def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
            return super().encode_parts(images) * np.float32(np.nan)

    class Spoilt(ColourEncoder):
        @property
        def part_scorer(self) -> PartScorer:
            return Broken()

    with pytest.raises(CheckpointMismatch, match=r"'colour' gave parts \(64, 2, 3\)"):
        build(crops, index, Spoilt(), BuildOptions(parts="fp32"))


def test_another_format_encodes_everything_again_and_says_so(crops: Path, index: Path) -> None:
    encoder = TwoStages()
    build(crops, index, encoder, BuildOptions(batch_size=5))
    report = build(crops, index, encoder, BuildOptions(batch_size=5, parts="fp16"))
    assert report.warnings == (
        "everything is encoded again: parts were stored as none before, and are as fp16 now",
    )
    assert (report.counts.encoded, report.counts.reused, encoder.images_seen) == (5, 0, 10)


def test_parts_that_do_not_belong_together_are_damage(tmp_path: Path) -> None:
    with PartsWriter(tmp_path) as writer:
        for _ in range(3):
            writer.append(Parts(np.ones((1, 2, 4), np.int8), np.ones((1, 2), np.float32)))
    opened = open_parts(tmp_path)
    assert opened is not None
    assert (opened.values.shape, opened.bytes_per_crop) == ((3, 2, 4), 16)
    np.save(tmp_path / bundle.PART_SCALES, np.ones((2, 2), np.float32))
    with pytest.raises(BundleDamaged, match="holds no parts of crops"):
        open_parts(tmp_path)
    (tmp_path / bundle.PARTS).write_bytes(b"nothing")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        open_parts(tmp_path)
