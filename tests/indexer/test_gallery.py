import io
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.gallery import Condition, Filters, Gallery, open_gallery, read_manifest
from indexer.preparation import BuildOptions
from models.errors import (
    BundleDamaged,
    BundleNotFound,
    ConfigurationInvalid,
    CropUnreadable,
    EncoderMismatch,
)
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


@pytest.fixture
def gallery(built: BuildReport, index: Path, encoder: ColourEncoder) -> Gallery:
    assert built.manifest.counts.indexed == 5
    return open_gallery(index, encoder.card)


def id_of(gallery: Gallery, path: str) -> str:
    hits = gallery.search(np.array([1, 0, 0], np.float32), gallery.size).hits
    return next(hit.crop.id for hit in hits if hit.crop.path == path)


def test_a_text_finds_the_crops_of_its_colour_first(
    gallery: Gallery, encoder: ColourEncoder
) -> None:
    hits = gallery.search(encoder.encode_texts(["woman in red coat"])[0], 3).hits
    assert [hit.rank for hit in hits] == [1, 2, 3]
    # Cosines of the corners of a cube: the same corner, then those that share two of three signs.
    assert hits[0].crop.path == "cam1/red.png"
    assert [hit.score for hit in hits] == pytest.approx([1, 1 / 3, -1 / 3], abs=0.02)
    assert hits[1].crop.path == "black.jpeg"


def test_equal_crops_come_in_the_order_of_their_rows(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    for number in range(60):
        draw(crops / "copies" / f"{number:02}.png", "red")
    build(crops, index, encoder)
    gallery = open_gallery(index, encoder.card)
    hits = gallery.search(encoder.encode_texts(["red"])[0], 5).hits
    assert [hit.crop.path for hit in hits] == [
        "cam1/red.png",
        *(f"copies/{number:02}.png" for number in range(4)),
    ]
    gallery.close()


def test_a_limit_beyond_the_size_gives_every_crop(gallery: Gallery) -> None:
    query = np.array([1, 0, 0], np.float32)
    assert len(gallery.search(query, 10**9).hits) == gallery.size == 5
    with pytest.raises(ValueError, match="limit is 0"):
        gallery.search(query, 0)


def test_filters_leave_the_crops_that_meet_them_and_say_how_they_were_found(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    metadata = tmp_path / "m.jsonl"
    lines = [
        {"path": "cam1/red.png", "camera": "c1", "captured_at": "2024-05-01T10:00Z", "floor": 3},
        {"path": "black.jpeg", "camera": "c2", "captured_at": "2024-05-01T11:00Z", "floor": 4},
    ]
    metadata.write_text("\n".join(map(json.dumps, lines)))
    build(crops, index, encoder, BuildOptions(metadata=metadata))
    gallery = open_gallery(index, encoder.card)
    red = encoder.encode_texts(["red"])[0]

    def found(**conditions: Condition) -> tuple[list[str], int]:
        answer = gallery.search(red, 100, Filters(columns=conditions))
        assert (answer.strategy, answer.recall) == ("selected rows", 1)
        assert answer.scanned == answer.matching
        assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
        return [hit.crop.path for hit in answer.hits], answer.matching

    assert found(camera=Condition(among=("c1", "c2"))) == (["cam1/red.png", "black.jpeg"], 2)
    late = Condition(at_least=datetime(2024, 5, 1, 10, 30, tzinfo=UTC))
    assert found(captured_at=late) == (["black.jpeg"], 1)
    assert found(floor=Condition(among=(3,)), camera=Condition(among=("c2",))) == ([], 0)
    paths, matching = found(camera=Condition(exists=False))
    assert len(paths) == matching == gallery.size - 2
    everything = gallery.search(red, 2)
    assert (everything.matching, everything.strategy) == (gallery.size, "scan")
    with pytest.raises(ConfigurationInvalid, match="no column 'colour'"):
        gallery.search(red, 2, Filters(columns={"colour": Condition(exists=True)}))


def test_metadata_comes_back_with_the_crop(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    metadata = tmp_path / "m.jsonl"
    line = {"path": "cam1/red.png", "camera": "c1", "captured_at": "2024-05-01T10:00", "floor": 3}
    metadata.write_text(json.dumps(line))
    build(crops, index, encoder, BuildOptions(metadata=metadata))
    gallery = open_gallery(index, encoder.card)
    red = gallery.crop(id_of(gallery, "cam1/red.png"))
    assert red is not None
    assert (red.camera, red.track_id, red.extra) == ("c1", None, {"floor": 3})
    assert red.captured_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert (red.media_type, red.width, red.height) == ("image/png", 16, 32)
    assert red.size_bytes == (crops / "cam1/red.png").stat().st_size
    gallery.close()


def test_a_crop_is_read_as_it_was_indexed(gallery: Gallery, crops: Path) -> None:
    for path in ("cam1/red.png", "cam1/green.JPG", "black.jpeg"):
        assert gallery.read_crop(id_of(gallery, path)) == (crops / path).read_bytes()


def test_a_thumbnail_is_webp(gallery: Gallery) -> None:
    with Image.open(io.BytesIO(gallery.read_thumbnail(id_of(gallery, "cam1/red.png")))) as image:
        assert (image.format, image.size) == ("WEBP", (16, 32))


@pytest.mark.parametrize("unknown", ["", "0" * 20, "../../etc/passwd", "a\0", "🧥"])
def test_an_unknown_id_is_a_key_error(gallery: Gallery, unknown: str) -> None:
    assert gallery.crop(unknown) is None
    with pytest.raises(KeyError):
        gallery.read_crop(unknown)
    with pytest.raises(KeyError):
        gallery.read_thumbnail(unknown)


@pytest.mark.timeout(30)
def test_a_crop_that_is_no_longer_what_was_indexed_is_unreadable(
    gallery: Gallery, crops: Path, tmp_path: Path
) -> None:
    path = crops / "cam1" / "red.png"
    crop_id = id_of(gallery, "cam1/red.png")
    original = path.read_bytes()

    draw(path, "green")
    with pytest.raises(CropUnreadable, match=r"red\.png' changed since it was indexed"):
        gallery.read_crop(crop_id)
    path.unlink()
    with pytest.raises(CropUnreadable, match=r"red\.png': the file is gone\. Put the file back"):
        gallery.read_crop(crop_id)
    (tmp_path / "outside.png").write_bytes(original)
    path.symlink_to(tmp_path / "outside.png")
    with pytest.raises(CropUnreadable, match="leads out of the crops folder"):
        gallery.read_crop(crop_id)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CropUnreadable, match="not a regular file"):
        gallery.read_crop(crop_id)
    path.unlink()
    path.write_bytes(original)
    assert gallery.read_crop(crop_id) == original
    shutil.rmtree(crops)
    with pytest.raises(CropUnreadable, match="the file is gone"):
        gallery.read_crop(crop_id)
    assert gallery.read_thumbnail(crop_id)


def test_another_models_index_is_refused_and_both_models_are_named(
    crops: Path, index: Path
) -> None:
    first = ColourEncoder("first", "1" * 64)
    second = ColourEncoder("second", "2" * 64)
    build(crops, index, first, BuildOptions(model_source="/models/first"))
    with pytest.raises(EncoderMismatch) as raised:
        open_gallery(index, second.card)
    message = str(raised.value)
    for part in (
        f"built with model 'first' ({first.card.fingerprint()[:12]})",
        f"not with 'second' ({second.card.fingerprint()[:12]})",
        "Use --model /models/first",
    ):
        assert part in message


def test_new_weights_under_the_old_name_ask_for_a_new_build(crops: Path, index: Path) -> None:
    build(crops, index, ColourEncoder(weights_sha256="1" * 64))
    with pytest.raises(EncoderMismatch, match="into another index folder") as raised:
        open_gallery(index, ColourEncoder(weights_sha256="2" * 64).card)
    assert "Use --model" not in str(raised.value)


def test_a_renamed_model_with_the_same_weights_is_accepted(built: BuildReport, index: Path) -> None:
    assert built.manifest.model.name == "colour"
    open_gallery(index, ColourEncoder("renamed").card).close()


def test_no_index_is_not_damage(tmp_path: Path, encoder: ColourEncoder) -> None:
    with pytest.raises(BundleNotFound):
        open_gallery(tmp_path, encoder.card)
    with pytest.raises(BundleNotFound):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "name",
    [*bundle.GENERATION_FILES, *(f"000001/{name}" for name in bundle.SEGMENT_FILES)],
)
def test_a_changed_byte_in_any_file_is_found_when_opening(
    built: BuildReport, index: Path, encoder: ColourEncoder, name: str
) -> None:
    path = built.folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x01\x02")
    with pytest.raises(BundleDamaged, match=name):
        open_gallery(index, encoder.card)


@pytest.mark.parametrize(
    "name", [bundle.CROPS, bundle.FAISS_INDEX, bundle.THUMBNAIL_OFFSETS, bundle.CONTENT_OFFSETS]
)
def test_even_without_checksums_files_of_another_segment_are_refused(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder, name: str
) -> None:
    draw(crops / "new.png")
    newer = build(crops, index, encoder)
    shutil.copy(newer.folder / "000002" / name, built.folder / "000001" / name)
    (index / "CURRENT").write_text("000001")
    with pytest.raises(BundleDamaged, match="Build the index again"):
        open_gallery(index, encoder.card, verify=False)


def test_many_threads_may_use_one_gallery(gallery: Gallery, encoder: ColourEncoder) -> None:
    queries = encoder.encode_texts(["red", "green", "blue", "white", "black"] * 40)

    def best(query: np.ndarray) -> tuple[str, bytes]:
        crop = gallery.search(query, 1).hits[0].crop
        return crop.path, gallery.read_crop(crop.id) + gallery.read_thumbnail(crop.id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(best, queries))
    assert [path for path, _ in answers[:5]] == [
        "cam1/red.png",
        "cam1/green.JPG",
        "cam2/blue.webp",
        "cam2/white.bmp",
        "black.jpeg",
    ]
    assert answers == answers[:5] * 40


def test_opening_a_gallery_loads_no_model_library() -> None:
    script = (
        "import sys, indexer.gallery; "
        "print([m for m in ('torch', 'open_clip', 'transformers', 'indexer.build', "
        "'indexer.crops', 'indexer.embedding', 'indexer.cli') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
