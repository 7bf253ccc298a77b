import hashlib
import json
import shutil
from pathlib import Path

import pytest

from indexer import bundle
from indexer.build import BuildReport
from models.errors import BundleDamaged, BundleError, BundleNotFound, ConfigurationInvalid


def test_the_files_of_a_generation_are_those_of_the_layout(built: BuildReport, index: Path) -> None:
    assert sorted(path.name for path in index.iterdir()) == [".lock", "CURRENT", "generations"]
    digits = hashlib.sha256(b"000001").hexdigest()[:16]
    assert (index / "CURRENT").read_text() == f"000001 {digits}\n"
    assert bundle.published_generation(index) == index / "generations" / "000001"
    names = sorted(path.name for path in built.folder.iterdir())
    assert names == sorted(
        [
            "manifest.json",
            "manifest.sha256",
            "000001",
            "deleted.npy",
            "canaries.npy",
            "quarantine.jsonl",
        ]
    )
    assert sorted(path.name for path in (built.folder / "000001").iterdir()) == sorted(
        [
            "crops.arrow",
            "vectors.npy",
            "index.faiss",
            "thumbnails.pack",
            "thumbnails.npy",
            "contents.pack",
            "contents.npy",
        ]
    )
    assert len(built.manifest.files) == 10
    for name, stored in built.manifest.files.items():
        content = (built.folder / name).read_bytes()
        assert stored.size_bytes == len(content)
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert bundle.read_manifest(index) == built.manifest


@pytest.mark.parametrize("place", ["nothing", "empty", "file"])
def test_a_place_without_an_index_says_how_to_make_one(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(BundleNotFound, match=r"Make one: python -m indexer build --crops FOLDER"):
        bundle.read_manifest(tmp_path / place)


@pytest.mark.parametrize(
    "pointer", [b"", b"000009", b"../..", b"..", b"1", b"\xff", b"000001/x", b"000001 0"]
)
def test_a_pointer_to_nowhere_is_damage(built: BuildReport, index: Path, pointer: bytes) -> None:
    assert built.folder.is_dir()
    (index / "CURRENT").write_bytes(pointer)
    with pytest.raises(BundleDamaged, match=r"CURRENT .*Build the index again"):
        bundle.read_manifest(index)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"schema_version": 2}', b"\xff", b"null"]
)
def test_a_broken_manifest_is_damage(built: BuildReport, index: Path, content: bytes) -> None:
    (built.folder / bundle.MANIFEST).write_bytes(content)
    with pytest.raises(BundleDamaged, match="no readable manifest"):
        bundle.read_manifest(index)


def test_a_missing_manifest_is_damage(built: BuildReport, index: Path) -> None:
    (built.folder / bundle.MANIFEST).unlink()
    with pytest.raises(BundleDamaged, match=r"manifest\.json is no readable manifest"):
        bundle.read_manifest(index)


def test_a_manifest_of_another_version_is_told_from_a_broken_one(
    built: BuildReport, index: Path
) -> None:
    path = built.folder / bundle.MANIFEST
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "schema_version": 3, "new": 1}))
    with pytest.raises(
        BundleError, match="version 3, this program reads 2: install the newer"
    ) as newer:
        bundle.read_manifest(index)
    assert not isinstance(newer.value, BundleDamaged)
    path.write_text(json.dumps({**content, "schema_version": 1}))
    with pytest.raises(BundleDamaged, match=r"version 1, .* older .*into another index folder"):
        bundle.read_manifest(index)


FILES = (*bundle.GENERATION_FILES, *(f"000001/{name}" for name in bundle.SEGMENT_FILES))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_covered_by_the_check(built: BuildReport, name: str) -> None:
    path = built.folder / name
    good = path.read_bytes()
    bundle.check_files(built.folder, built.manifest)
    path.write_bytes(good + b"x")
    with pytest.raises(BundleDamaged, match=rf"{name} has {len(good) + 1:,} bytes"):
        bundle.check_files(built.folder, built.manifest)
    if good:
        path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
        with pytest.raises(BundleDamaged, match=rf"{name} has another SHA-256"):
            bundle.check_files(built.folder, built.manifest)
    path.unlink()
    with pytest.raises(BundleDamaged, match=rf"{name} cannot be read: No such file"):
        bundle.check_files(built.folder, built.manifest)


def test_a_file_the_manifest_does_not_know_is_damage(built: BuildReport) -> None:
    files = {
        name: file
        for name, file in built.manifest.files.items()
        if name != f"000001/{bundle.CROPS}"
    }
    manifest = built.manifest.model_copy(update={"files": files})
    assert bundle.damaged_files(built.folder, manifest) == [
        "000001/crops.arrow is not in the manifest"
    ]


def test_an_index_never_mixes_with_other_files(tmp_path: Path, built: BuildReport) -> None:
    index = built.folder.parent.parent
    bundle.check_index_folder(index)
    bundle.check_index_folder(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    bundle.check_index_folder(tmp_path / "empty")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(ConfigurationInvalid, match=r"photos' is a folder with other files in it"):
        bundle.check_index_folder(tmp_path / "photos")
    with pytest.raises(ConfigurationInvalid, match=r"a\.jpg' is a file: name a folder"):
        bundle.check_index_folder(tmp_path / "photos" / "a.jpg")
    with pytest.raises(ConfigurationInvalid, match="no plain UTF-8 name"):
        bundle.check_index_folder(tmp_path / "\udcff")


def test_a_bundle_may_be_moved(built: BuildReport, index: Path, tmp_path: Path) -> None:
    shutil.move(index, tmp_path / "elsewhere")
    assert bundle.read_manifest(tmp_path / "elsewhere") == built.manifest
