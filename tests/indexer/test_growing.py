"""Builds and additions over what an index holds already: nothing encoded twice, nothing lost."""

import json
import os
import shutil
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest

from indexer import build as build_module
from indexer import bundle, drafts
from indexer.build import BuildReport, build, run_build
from indexer.deletion import Selection, delete_crops
from indexer.gallery import Condition, Crop, Filters, open_gallery
from indexer.local_gallery import LocalGallery
from indexer.preparation import BuildOptions, prepare_build
from indexer.verification import verify_index
from models.errors import (
    BundleDamaged,
    BundleError,
    BundleNotFound,
    ConfigurationInvalid,
    EncoderMismatch,
)
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw

ONE_BY_ONE = BuildOptions(batch_size=1, workers=1)


def add(
    crops: Path, index: Path, encoder: ColourEncoder, metadata: Path | None = None
) -> BuildReport:
    options = ONE_BY_ONE.model_copy(update={"metadata": metadata})
    return run_build(prepare_build(crops, index, options, "add"), encoder)


def opened(index: Path) -> LocalGallery:
    return open_gallery(index, ColourEncoder().card)


def crops_by_path(index: Path) -> dict[str, Crop]:
    gallery = opened(index)
    found = {path: gallery.crop(crop_id) for path, crop_id in gallery.ids_by_path().items()}
    gallery.close()
    return {path: crop for path, crop in found.items() if crop is not None}


@pytest.fixture
def encoder(crops: Path, index: Path) -> ColourEncoder:
    """The encoder of the five crops at ``index``, as if it had seen none of them."""
    build(crops, index, ColourEncoder(), ONE_BY_ONE)
    return ColourEncoder()


def test_an_index_that_is_up_to_date_is_left_alone(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    before = {path: path.stat().st_mtime_ns for path in index.rglob("*") if path.name != ".lock"}
    for again in (build, add):
        report = again(crops, index, encoder)
        assert (report.published, report.manifest.generation) == (False, 1)
        assert (report.counts.reused, report.counts.encoded) == (5, 0)
    assert encoder.images_seen == 0
    after = {path: path.stat().st_mtime_ns for path in index.rglob("*") if path.name != ".lock"}
    before.pop(index, None)
    assert {path: after[path] for path in before if path.is_file()} == {
        path: time for path, time in before.items() if path.is_file()
    }


def test_a_renamed_file_keeps_its_vector(crops: Path, index: Path, encoder: ColourEncoder) -> None:
    red = crops_by_path(index)["cam1/red.png"]
    (crops / "cam1" / "red.png").rename(crops / "crimson.png")
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert encoder.images_seen == 0
    assert (report.counts.replaced, report.counts.removed, report.counts.indexed) == (1, 0, 5)
    renamed = crops_by_path(index)
    assert "cam1/red.png" not in renamed
    assert renamed["crimson.png"].id == red.id
    assert verify_index(index, sources=True).problems == ()


def test_another_content_at_a_path_replaces_the_crop(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    before = crops_by_path(index)["cam1/red.png"]
    draw(crops / "cam1" / "red.png", "blue")
    for again in (add, build):
        report = again(crops, index, encoder)
        assert report.counts.indexed == 5
        assert encoder.images_seen == 1
        assert crops_by_path(index)["cam1/red.png"].id != before.id
        gallery = opened(index)
        assert gallery.crop(before.id) is None
        gallery.close()
    assert bundle.read_manifest(index).generation == 2  # nothing was left for the build to do
    assert verify_index(index, sources=True).problems == ()


def test_copies_are_one_crop_with_all_paths_within_a_folder_and_across_additions(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    shutil.copy(crops / "black.jpeg", crops / "copy.jpeg")
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert (report.counts.found, report.counts.duplicates, report.counts.indexed) == (6, 1, 5)
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(crops / "black.jpeg", more / "again.jpeg")
    report = add(more, index, encoder)
    assert (report.counts.reused, report.counts.indexed) == (1, 5)
    assert encoder.images_seen == 0
    found = crops_by_path(index)
    assert found["black.jpeg"].other_paths == ("copy.jpeg", f"{more.resolve()}/again.jpeg")
    assert found["copy.jpeg"] == found["black.jpeg"]
    assert not add(more, index, encoder).published


def test_a_copy_that_gets_another_content_is_taken_from_the_crop(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    shutil.copy(crops / "black.jpeg", crops / "copy.jpeg")
    build(crops, index, encoder, ONE_BY_ONE)
    draw(crops / "black.jpeg", "white")
    add(crops, index, encoder)
    found = crops_by_path(index)
    assert (found["copy.jpeg"].path, found["copy.jpeg"].other_paths) == ("copy.jpeg", ())
    assert found["black.jpeg"].path == "black.jpeg"
    assert verify_index(index, sources=True).problems == ()


def test_an_addition_from_another_folder_keeps_what_is_there(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    draw(tmp_path / "more" / "cam1" / "red.png", "red", (20, 40))  # the same path, another root
    draw(tmp_path / "more" / "new.png", "red")
    report = add(tmp_path / "more", index, encoder)
    assert (report.counts.encoded, report.counts.indexed) == (2, 7)
    assert encoder.images_seen == 2
    assert (report.manifest.change, report.manifest.parent) == ("add", 1)
    assert [segment.rows for segment in report.manifest.segments] == [5, 2]
    assert verify_index(index, sources=True).problems == ()
    # A build from the first folder makes the gallery equal to it again.
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert (report.counts.removed, report.counts.indexed) == (2, 5)


def test_metadata_alone_may_change_without_encoding(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    metadata = tmp_path / "m.csv"
    metadata.write_text("path,camera,captured_at\nblack.jpeg,c1,2024-05-01\n")
    options = ONE_BY_ONE.model_copy(update={"metadata": metadata})
    report = build(crops, index, encoder, options)
    assert (report.counts.replaced, report.counts.indexed) == (1, 5)
    assert not build(crops, index, encoder, options).published
    # An addition that says nothing of the camera leaves it, and adds the floor.
    metadata.write_text("path,floor\nblack.jpeg,2\n")
    add(crops, index, encoder, metadata)
    black = crops_by_path(index)["black.jpeg"]
    assert (black.camera, black.extra) == ("c1", {"floor": "2"})
    assert black.captured_at == datetime(2024, 5, 1, tzinfo=UTC)
    assert encoder.images_seen == 0
    gallery = opened(index)
    filters = Filters(columns={"floor": Condition(exists=False)})
    assert gallery.search(encoder.encode_texts(["red"])[0], 10, filters).matching == 4
    gallery.close()


def lines(file: Path, **columns: object) -> Path:
    """Write a metadata file of one line."""
    file.write_text(json.dumps(columns))
    return file


def test_an_addition_may_lack_a_column_or_bring_one(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    floor = lines(tmp_path / "floor.jsonl", path="black.jpeg", floor=2, metres=1.5)
    build(crops, index, encoder, BuildOptions(metadata=floor, batch_size=1))
    draw(tmp_path / "more" / "new.png", "red")
    draw(tmp_path / "more" / "other.png", "blue")
    # Whole numbers come to numbers; a column without a value has no type to be in the way.
    age = lines(tmp_path / "age.jsonl", path="new.png", age=30, metres=2, floor=None)
    report = add(tmp_path / "more", index, encoder, age)
    assert report.manifest.metadata_columns == ("path", "floor", "metres", "age")
    found = crops_by_path(index)
    assert found["black.jpeg"].extra == {"floor": 2, "metres": 1.5, "age": None}
    assert found["new.png"].extra == {"floor": None, "metres": 2.0, "age": 30}
    assert found["other.png"].extra == {"floor": None, "metres": None, "age": None}


def test_a_column_of_another_type_is_refused_before_anything_is_encoded(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    floor = lines(tmp_path / "floor.jsonl", path="black.jpeg", floor=2)
    first = build(crops, index, encoder, BuildOptions(metadata=floor, batch_size=1))
    draw(tmp_path / "more" / "new.png", "red")
    other = lines(tmp_path / "other.jsonl", path="new.png", floor="second")
    with pytest.raises(
        ConfigurationInvalid, match="'floor' holds text values, where the gallery holds integer"
    ):
        add(tmp_path / "more", index, encoder, other)
    assert encoder.images_seen == 0
    assert bundle.read_manifest(index) == first.manifest
    # A build writes all rows again, without encoding them.
    floor = lines(tmp_path / "floor.jsonl", path="black.jpeg", floor="second")
    report = build(crops, index, encoder, BuildOptions(metadata=floor, batch_size=1))
    assert crops_by_path(index)["black.jpeg"].extra == {"floor": "second"}
    assert [segment.rows for segment in report.manifest.segments] == [5]
    assert encoder.images_seen == 0
    assert verify_index(index).problems == ()


def test_deleting_everything_leaves_a_gallery_that_can_be_built_again(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    everything = Filters(columns={"camera": Condition(exists=False)})
    assert delete_crops(index, Selection(filters=everything)).manifest.counts.indexed == 0
    gallery = opened(index)
    assert gallery.search(encoder.encode_texts(["red"])[0], 10).hits == []
    gallery.close()
    assert verify_index(index).problems == ()
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert (report.counts.encoded, report.counts.indexed, encoder.images_seen) == (5, 5, 5)
    assert verify_index(index, sources=True).problems == ()


@pytest.mark.parametrize("place", ["fresh", "index"])
def test_copied_originals_are_readable_after_the_folder_is_gone(
    crops: Path, index: Path, encoder: ColourEncoder, place: str
) -> None:
    index = index.with_name(place)
    # Crops that were indexed without a copy are read, and encoded, once more.
    options = ONE_BY_ONE.model_copy(update={"copy_contents": True})
    report = build(crops, index, encoder, options)
    assert (report.published, report.counts.encoded) == (True, 5)
    assert not build(crops, index, encoder, options).published
    originals = {path: (crops / path).read_bytes() for path in crops_by_path(index)}
    shutil.rmtree(crops)
    gallery = opened(index)
    for path, crop_id in gallery.ids_by_path().items():
        assert gallery.read_crop(crop_id) == originals[path]
    gallery.close()
    assert len(originals) == 5
    assert verify_index(index, sources=True).problems == ()


def test_quarantined_files_are_the_ones_of_now(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    (crops / "a.png").touch()
    assert build(crops, index, encoder, ONE_BY_ONE).published
    assert not build(crops, index, encoder, ONE_BY_ONE).published
    (crops / "a.png").rename(crops / "b.png")
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert json.loads(report.quarantine.read_text())["path"] == "b.png"
    assert encoder.images_seen == 0


def test_another_model_is_refused_with_both_ways_out(crops: Path, index: Path) -> None:
    build(crops, index, ColourEncoder(), BuildOptions(model_source="/models/colour"))
    other = ColourEncoder("other", "1" * 64)
    for again in (build, add):
        with pytest.raises(EncoderMismatch) as refused:
            again(crops, index, other)
        for part in ("'colour'", "'other'", "--model /models/colour", "--index and another folder"):
            assert part in str(refused.value)
    assert other.images_seen == 0
    assert bundle.read_manifest(index).generation == 1


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_over_a_damaged_generation_a_build_encodes_all_again_and_an_addition_does_not(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    flip(bundle.published_generation(index) / "000001" / bundle.VECTORS)
    with pytest.raises(BundleDamaged, match=r"000001/vectors\.npy has another SHA-256"):
        add(crops, index, encoder)
    assert encoder.images_seen == 0
    report = build(crops, index, encoder, ONE_BY_ONE)
    (warning,) = report.warnings
    assert warning.startswith("everything is encoded again, as ")
    assert "000001/vectors.npy has another SHA-256" in warning
    assert encoder.images_seen == 5
    assert verify_index(index).problems == ()


def test_what_a_newer_program_made_is_not_built_over(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    path = bundle.published_generation(index) / bundle.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 3}))
    for again in (build, add):
        with pytest.raises(BundleError, match="install the newer version"):
            again(crops, index, encoder)
    assert encoder.images_seen == 0
    assert (index / "CURRENT").read_text().split()[0] == "000001"


def test_a_clock_that_goes_backwards_changes_nothing(
    crops: Path, index: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Past(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(1990, 1, 1, tzinfo=tz)

    monkeypatch.setattr(drafts, "datetime", Past)
    monkeypatch.setattr(build_module, "datetime", Past)
    for path in (*crops.rglob("*"), *index.rglob("*")):
        os.utime(path, (0, 2**33))
    assert not build(crops, index, encoder, ONE_BY_ONE).published
    draw(crops / "new.png", "red")
    os.utime(crops / "new.png", (0, 0))
    report = build(crops, index, encoder, ONE_BY_ONE)
    assert report.manifest.created_at == datetime(1990, 1, 1, tzinfo=UTC)
    assert (report.manifest.generation, report.counts.encoded, encoder.images_seen) == (2, 1, 1)
    assert bundle.read_manifest(index) == report.manifest
    assert verify_index(index, sources=True).problems == ()


def test_there_must_be_something_to_add_to(crops: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match="holds no published index"):
        add(crops, tmp_path / "nothing", ColourEncoder())
    assert not (tmp_path / "nothing").exists()
