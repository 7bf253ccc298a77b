"""An index on disk: numbered generations, one of them published.

::

    INDEX/CURRENT                 the name of the published generation, replaced atomically
    INDEX/generations/000001/     manifest.json and the files it lists; never changed afterwards
    INDEX/.building-000002/       a build at work; renamed into generations/ when it is whole
    INDEX/.lock                   held while a build is at work
"""

import hashlib
import json
import re
from pathlib import Path

from pydantic import ValidationError

from indexer.manifest import IndexManifest, StoredFile
from models.errors import BundleDamaged, BundleNotFound, ConfigurationInvalid

CURRENT = "CURRENT"
GENERATIONS = "generations"
MANIFEST = "manifest.json"
CROPS = "crops.arrow"
VECTORS = "vectors.npy"
FAISS_INDEX = "index.faiss"
THUMBNAILS = "thumbnails.pack"
THUMBNAIL_OFFSETS = "thumbnails.npy"
QUARANTINE = "quarantine.jsonl"
DATA_FILES = (CROPS, VECTORS, FAISS_INDEX, THUMBNAILS, THUMBNAIL_OFFSETS, QUARANTINE)

LOCK = ".lock"

_GENERATION = re.compile(r"[0-9]{6,}")
_REBUILD = "Build the index again."


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
        name = (index / CURRENT).read_text().strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleNotFound(
            f"{index} holds no published index. "
            f"Make one: python -m indexer build --crops FOLDER --index {index}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleDamaged(f"{index / CURRENT} cannot be read: {error}. {_REBUILD}") from error
    folder = index / GENERATIONS / name
    if not _GENERATION.fullmatch(name) or not folder.is_dir():
        raise BundleDamaged(f"{index / CURRENT} names {name!r}, no generation. {_REBUILD}")
    return folder


def read_generation_manifest(folder: Path) -> IndexManifest:
    """Read the manifest of one generation.

    Raises:
        BundleDamaged: If it is missing, broken, or of another schema version.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        version = json.loads(content)["schema_version"]
        if version != IndexManifest.model_fields["schema_version"].default:
            raise BundleDamaged(
                f"{path} has schema version {version!r}, made by another version of this program. "
                f"{_REBUILD}"
            )
        return IndexManifest.model_validate_json(content)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise BundleDamaged(f"{path} is no readable manifest: {error}. {_REBUILD}") from error


def read_manifest(index: Path) -> IndexManifest:
    """Read the manifest of the published generation.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the pointer or the manifest cannot be read.
    """
    return read_generation_manifest(published_generation(index))


def damaged_files(folder: Path, manifest: IndexManifest) -> list[str]:
    """Return what is wrong with each file of a generation: one message for each, best none."""
    problems = [
        f"{name} is not in the manifest" for name in DATA_FILES if name not in manifest.files
    ]
    for name, expected in manifest.files.items():
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


def check_files(folder: Path, manifest: IndexManifest) -> None:
    """Compare size and SHA-256 of every file with the manifest.

    Raises:
        BundleDamaged: If a file is missing or differs.
    """
    problems = damaged_files(folder, manifest)
    if problems:
        raise BundleDamaged(f"{folder} is damaged: {'; '.join(problems)}. {_REBUILD}")


def measure_file(path: Path) -> StoredFile:
    """Return size and SHA-256 of a file.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return StoredFile(size_bytes=file.tell(), sha256=digest)
