"""An index on disk: numbered generations, one of them published.

::

    INDEX/CURRENT                        the name of the published generation, and check digits of
                                         that name; replaced atomically
    INDEX/generations/000002/            manifest.json and the files it lists; never changed
        manifest.json  manifest.sha256   what is in it; as sha256sum -c reads it
        deleted.npy  quarantine.jsonl  canaries.npy  (neighbours.npy  neighbour_scores.npy)
        000001/  000002/                 segments: crops, vectors, index, thumbnails, and if asked
                                         for originals and parts; those of the parent are hard
                                         links, so that growing copies nothing
    INDEX/.building-000003/              a generation being made; renamed when it is whole
    INDEX/.journal/                      what an unfinished build has encoded already
    INDEX/.lock                          held, and with the number of the process, while one writes
"""

import hashlib
import json
import re
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from indexer.manifest import IndexManifest, StoredFile
from models.errors import BundleDamaged, BundleError, BundleNotFound, ConfigurationInvalid

CURRENT = "CURRENT"
GENERATIONS = "generations"
BUILDING = ".building-"
JOURNAL = ".journal"
LOCK = ".lock"

MANIFEST = "manifest.json"
MANIFEST_SUM = "manifest.sha256"
DELETED = "deleted.npy"
QUARANTINE = "quarantine.jsonl"
CANARY_QUERIES = "canaries.npy"
NEIGHBOURS = "neighbours.npy"
NEIGHBOUR_SCORES = "neighbour_scores.npy"
GENERATION_FILES = (DELETED, QUARANTINE, CANARY_QUERIES)

CROPS = "crops.arrow"
VECTORS = "vectors.npy"
FAISS_INDEX = "index.faiss"
THUMBNAILS = "thumbnails.pack"
THUMBNAIL_OFFSETS = "thumbnails.npy"
CONTENTS = "contents.pack"
CONTENT_OFFSETS = "contents.npy"
PARTS = "parts.npy"
PART_SCALES = "part_scales.npy"
SEGMENT_FILES = (
    CROPS, VECTORS, FAISS_INDEX, THUMBNAILS, THUMBNAIL_OFFSETS, CONTENTS, CONTENT_OFFSETS,
)  # fmt: skip

REBUILD = "Build the index again."
_GENERATION = re.compile(r"[0-9]{6,}")


def generation_name(number: int) -> str:
    """Return the folder name of a generation, or of the segment it brought."""
    return f"{number:06d}"


def pointer_text(name: str) -> str:
    """Return what ``CURRENT`` says: a generation's name, and digits that no slip of a bit keeps.

    A name that somebody wrote there without them is taken as it is.
    """
    return f"{name} {hashlib.sha256(name.encode()).hexdigest()[:16]}\n"


def manifest_sum(content: bytes) -> str:
    """Return what ``manifest.sha256`` says of a manifest's bytes."""
    return f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n"


def check_index_folder(index: Path) -> None:
    """Refuse a place where an index would mix with other files.

    Raises:
        ConfigurationInvalid: If it is a file, or a folder that holds something else.
    """
    if not str(index).isprintable():
        raise ConfigurationInvalid(f"index {str(index)!r} is no plain UTF-8 name: rename it")
    if not index.exists():
        return
    if not index.is_dir():
        raise ConfigurationInvalid(f"index {str(index)!r} is a file: name a folder")
    names = {entry.name for entry in index.iterdir()}
    if names and not names & {CURRENT, GENERATIONS, LOCK}:
        raise ConfigurationInvalid(
            f"index {str(index)!r} is a folder with other files in it: name a new or empty folder"
        )


def published_generation(index: Path) -> Path:
    """Return the folder of the generation that ``CURRENT`` names.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If ``CURRENT`` names no generation.
    """
    try:
        pointer = (index / CURRENT).read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleNotFound(
            f"{index} holds no published index. "
            f"Make one: python -m indexer build --crops FOLDER --index {index}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleDamaged(f"{index / CURRENT} cannot be read: {error}. {REBUILD}") from error
    name, *digits = pointer.split() or [""]
    folder = index / GENERATIONS / name
    known = _GENERATION.fullmatch(name) and folder.is_dir()
    if not known or (digits and pointer != pointer_text(name)):
        raise BundleDamaged(f"{index / CURRENT} says {pointer!r}, no generation. {REBUILD}")
    return folder


def generation_folders(index: Path) -> list[Path]:
    """Return the folders of all generations, oldest first, published or not."""
    folders = (index / GENERATIONS).glob("[0-9]*")
    return sorted(
        (folder for folder in folders if folder.name.isdecimal()), key=lambda f: int(f.name)
    )


def read_generation_manifest(folder: Path) -> IndexManifest:
    """Read the manifest of one generation.

    Raises:
        BundleDamaged: If it is missing, broken, or of an older schema version.
        BundleError: If it is of a newer schema version.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        _check_version(path, json.loads(content)["schema_version"])
        return IndexManifest.model_validate_json(content)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise BundleDamaged(f"{path} is no readable manifest: {error}. {REBUILD}") from error


def _check_version(path: Path, version: object) -> None:
    """Refuse what another version of this program has written.

    Raises:
        BundleDamaged: If it is an older version, or none.
        BundleError: If it is a newer one.
    """
    own = IndexManifest.model_fields["schema_version"].default
    if version == own:
        return
    if isinstance(version, int) and version > own:
        # Not damage: a build must not go over what a newer program made.
        raise BundleError(
            f"{path} has schema version {version}, this program reads {own}: install the newer "
            "version of this program that wrote it"
        )
    raise BundleDamaged(
        f"{path} has schema version {version!r}, made by an older version of this program: build "
        "the crops into another index folder, then serve that one"
    )


def read_manifest(index: Path) -> IndexManifest:
    """Read the manifest of the published generation.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the pointer or the manifest cannot be read.
        BundleError: If the manifest is of a newer schema version.
    """
    return read_generation_manifest(published_generation(index))


def damaged_files(
    folder: Path, manifest: IndexManifest, only: Collection[str] | None = None
) -> list[str]:
    """Return what is wrong with each file of a generation: one message for each, best none.

    Args:
        folder: The generation.
        manifest: What it should be.
        only: Names of the files to read; None is all.
    """
    expected_names = [
        *GENERATION_FILES,
        *(f"{segment.name}/{name}" for segment in manifest.segments for name in SEGMENT_FILES),
    ]
    problems = [
        f"{name} is not in the manifest" for name in expected_names if name not in manifest.files
    ]
    problems += _manifest_problems(folder)
    for name, expected in manifest.files.items():
        if only is not None and name not in only:
            continue
        try:
            actual = measure_file(folder / name)
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}")
            continue
        if actual.size_bytes != expected.size_bytes:
            problems.append(
                f"{name} has {actual.size_bytes:,} bytes, the manifest says {expected.size_bytes:,}"
            )
        elif actual != expected:
            problems.append(f"{name} has another SHA-256 than the manifest says")
    return problems


def _manifest_problems(folder: Path) -> list[str]:
    try:
        expected = manifest_sum((folder / MANIFEST).read_bytes()).encode()
        signed = (folder / MANIFEST_SUM).read_bytes()
    except OSError as error:
        return [f"{MANIFEST_SUM} cannot be read: {error.strerror or error}"]
    return (
        [] if signed == expected else [f"{MANIFEST} has another SHA-256 than {MANIFEST_SUM} says"]
    )


def check_files(folder: Path, manifest: IndexManifest, only: Collection[str] | None = None) -> None:
    """Compare size and SHA-256 of every file with the manifest, or of ``only`` some.

    Raises:
        BundleDamaged: If a file is missing or differs.
    """
    problems = damaged_files(folder, manifest, only)
    if problems:
        raise BundleDamaged(
            f"{folder} is damaged: {'; '.join(problems)}. Go back with python -m indexer rollback, "
            "or build the index again."
        )


def measure_file(path: Path) -> StoredFile:
    """Return size and SHA-256 of a file.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return StoredFile(size_bytes=file.tell(), sha256=digest)
