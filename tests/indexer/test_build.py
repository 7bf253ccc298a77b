import errno
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions, prepare_build
from indexer.progress import Progress
from models.contracts import Float32Array
from models.errors import ConfigurationInvalid, GalleryEmpty, MetadataInvalid
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


def test_the_manifest_tells_all_about_the_build(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    began = datetime.now(UTC)
    options = BuildOptions(model_source="/models/colour", name="my gallery", precision="fp32")
    manifest = build(crops, index, encoder, options).manifest
    assert (manifest.schema_version, manifest.generation, manifest.name) == (2, 1, "my gallery")
    assert began <= manifest.created_at <= datetime.now(UTC)
    assert manifest.source == str(crops.resolve())
    assert (manifest.change, manifest.parent) == ("build", None)
    assert manifest.model.card == encoder.card
    assert manifest.model.fingerprint == encoder.card.fingerprint()
    assert (manifest.model.name, manifest.model.source) == ("colour", "/models/colour")
    assert (manifest.precision, manifest.embedding_width) == ("fp32", 3)
    assert (manifest.index_kind, manifest.metadata_columns) == ("scalar-fp16", ())
    assert (manifest.counts.found, manifest.counts.indexed) == (5, 5)


def test_the_name_is_the_folders_where_none_is_given(built: BuildReport) -> None:
    assert built.manifest.name == "crops"


def test_every_crop_is_encoded_once(crops: Path, index: Path, encoder: ColourEncoder) -> None:
    build(crops, index, encoder, BuildOptions(batch_size=3))
    assert encoder.images_seen == 6  # the last batch is filled up to its size
    build(crops, index, encoder, BuildOptions(batch_size=3))
    assert encoder.images_seen == 6


def test_the_same_folder_gives_the_same_files(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    first = build(crops, index, encoder, BuildOptions(batch_size=1, workers=1))
    other = index.parent / "other"
    second = build(crops, other, encoder, BuildOptions(batch_size=4, workers=4))
    assert first.manifest.files == second.manifest.files
    assert first.manifest.canaries == second.manifest.canaries


def test_bad_files_are_quarantined_with_their_reasons_and_counted(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    (crops / "truncated.jpg").write_bytes(
        draw(tmp_path / "whole.jpg", size=(64, 128)).read_bytes()[:700]
    )
    (crops / "text.jpg").write_text("not a picture")
    (crops / "empty.png").touch()
    draw(crops / "tiny.png", size=(1, 1))
    os.mkfifo(crops / "pipe.jpg")
    (crops / ".hidden.jpg").touch()
    (crops / "notes.txt").touch()
    (crops / "out.jpg").symlink_to(tmp_path / "whole.jpg")
    (crops / "loop.jpg").symlink_to("loop.jpg")
    report = build(crops, index, encoder)
    counts = report.manifest.counts
    assert (counts.found, counts.indexed, counts.quarantined) == (10, 5, 5)
    assert (counts.skipped_hidden, counts.skipped_outside) == (1, 1)
    assert (counts.skipped_links, counts.skipped_other) == (1, 1)
    lines = (report.folder / bundle.QUARANTINE).read_text().splitlines()
    reasons = {line["path"]: line["reason"] for line in map(json.loads, lines)}
    assert set(reasons) == {"truncated.jpg", "text.jpg", "empty.png", "tiny.png", "pipe.jpg"}
    assert reasons["truncated.jpg"].startswith("the image is broken: ")
    assert reasons["text.jpg"] == "not a JPEG, PNG, WebP or BMP image"
    assert reasons["empty.png"] == "the file is empty"
    assert reasons["tiny.png"] == "too small: 1x1, at least 8x8"
    assert reasons["pipe.jpg"] == "not a regular file"
    assert {item.path: item.reason for item in report.quarantined} == reasons


def test_a_picture_with_broken_exif_is_indexed_without_a_warning(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"  # ends within its first tag
    Image.new("RGB", (16, 32), "red").save(crops / "exif.jpg", exif=exif)
    assert build(crops, index, encoder).quarantined == ()


def test_strange_names_are_indexed_like_others(
    tmp_path: Path, index: Path, encoder: ColourEncoder
) -> None:
    names = [
        "two words.png",
        "línea\nnueva.png",
        "赤い コート.png",
        "🧥.png",
        "%2f..png",
        "<|x|>.png",
    ]
    for name in names:
        draw(tmp_path / "crops" / "a b" / name)
    build(tmp_path / "crops", index, encoder)
    gallery = open_gallery(index, encoder.card)
    hits = gallery.search(encoder.encode_texts(["red"])[0], 100).hits
    assert {hit.crop.path for hit in hits} == {f"a b/{name}" for name in names}
    for hit in hits:
        assert gallery.read_crop(hit.crop.id) == (tmp_path / "crops" / hit.crop.path).read_bytes()
    gallery.close()


def test_a_crop_that_vanishes_during_the_build_is_quarantined(crops: Path, index: Path) -> None:
    class Thief(ColourEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
            (crops / "cam2" / "white.bmp").unlink(missing_ok=True)
            return super().encode_images(images)

    report = build(crops, index, Thief(), BuildOptions(batch_size=1, workers=1))
    assert report.manifest.counts.indexed == 4
    assert [(item.path, item.reason) for item in report.quarantined] == [
        ("cam2/white.bmp", "the file is gone")
    ]


@pytest.mark.parametrize("content", ["nothing", "others", "broken"])
def test_without_a_readable_crop_nothing_is_published(
    tmp_path: Path, crops: Path, index: Path, built: BuildReport, content: str
) -> None:
    folder = tmp_path / "other crops"
    folder.mkdir()
    if content == "others":
        (folder / "notes.txt").touch()
        (folder / ".hidden.jpg").touch()
    if content == "broken":
        (folder / "a.jpg").touch()
    expected = {
        "nothing": r"no readable \.jpg, .* file under .*other files: 0, hidden: 0",
        "others": r"no readable .*other files: 1, hidden: 1",
        "broken": r"none of the 1 images under .* can be indexed: 'a\.jpg': the file is empty",
    }
    with pytest.raises(GalleryEmpty, match=expected[content]):
        build(folder, index, ColourEncoder())
    assert bundle.read_manifest(index) == built.manifest
    assert sorted(path.name for path in (index / "generations").iterdir()) == ["000001"]
    with pytest.raises(GalleryEmpty):
        build(folder, tmp_path / "fresh", ColourEncoder())
    assert not (tmp_path / "fresh" / "CURRENT").exists()
    assert crops.is_dir()


@pytest.mark.parametrize(
    ("folder", "message"), [("missing", "does not exist"), ("file", "is a file")]
)
def test_a_wrong_crops_folder_is_refused_before_anything_is_written(
    tmp_path: Path, index: Path, encoder: ColourEncoder, folder: str, message: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationInvalid, match=message):
        build(tmp_path / folder, index, encoder)
    assert not index.exists()


def test_an_index_in_the_way_of_other_files_is_refused(crops: Path, encoder: ColourEncoder) -> None:
    with pytest.raises(ConfigurationInvalid, match="other files in it"):
        build(crops, crops, encoder)


def test_an_index_may_lie_inside_the_crops_folder(crops: Path, encoder: ColourEncoder) -> None:
    build(crops, crops / "index", encoder)
    assert build(crops, crops / "index", encoder).manifest.counts.found == 5


def test_metadata_is_matched_by_path_and_its_gaps_are_counted(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    metadata = tmp_path / "m.csv"
    unknown = [f"gone/{number}.jpg" for number in range(7)]
    lines = ["path,camera", "./cam1/red.png,c1", "black.jpeg,c2", *(f"{p},c3" for p in unknown)]
    metadata.write_text("\n".join(lines))
    report = build(crops, index, encoder, BuildOptions(metadata=metadata))
    counts = report.manifest.counts
    assert report.manifest.metadata_columns == ("path", "camera")
    assert counts.metadata_rows == 9
    assert counts.metadata_without_crop == 7
    assert counts.crops_without_metadata == 3
    (warning,) = report.warnings
    assert warning.startswith(f"7 of 9 lines of {metadata} name no crop under {crops}: ")
    assert warning.endswith("'gone/2.jpg', 'gone/3.jpg', ...")


def test_metadata_of_a_quarantined_crop_is_no_reason_to_warn(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    (crops / "broken.jpg").touch()
    (tmp_path / "m.csv").write_text("path\nbroken.jpg\n")
    report = build(crops, index, encoder, BuildOptions(metadata=tmp_path / "m.csv"))
    assert report.warnings == ()
    assert report.manifest.counts.metadata_without_crop == 0


def test_bad_metadata_stops_the_build_before_anything_is_encoded(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("path,captured_at\nblack.jpeg,soon\n")
    with pytest.raises(MetadataInvalid, match=r"m\.csv, line 2: captured_at 'soon'"):
        build(crops, index, encoder, BuildOptions(metadata=tmp_path / "m.csv"))
    assert encoder.images_seen == 0
    assert not index.exists()


def test_progress_rises_to_the_total_and_counts_the_quarantined(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    (crops / "broken.jpg").touch()
    told: list[Progress] = []
    build(crops, index, encoder, BuildOptions(batch_size=2), told.append)
    assert told == [
        Progress("encoding", 0, 6, 0),
        Progress("encoding", 3, 6, 1),
        Progress("encoding", 5, 6, 1),
        Progress("encoding", 6, 6, 1),
        Progress("publishing", 0, 6, 1),
        Progress("publishing", 6, 6, 1),
    ]


def test_a_full_disk_leaves_the_old_generation(
    built: BuildReport,
    crops: Path,
    index: Path,
    encoder: ColourEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        build(crops, index, encoder)
    assert bundle.read_manifest(index) == built.manifest
    assert not list(index.glob(".building-*"))


def test_preparing_writes_nothing(crops: Path, index: Path) -> None:
    prepared = prepare_build(crops, index)
    assert prepared.source.count() == 5
    assert not index.exists()


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"workers": 0}, {"name": ""}, {"batchsize": 3}]
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BuildOptions.model_validate(wrong)
