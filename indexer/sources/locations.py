"""From what a user names to the source of crops that is there."""

import os
import posixpath
from pathlib import Path
from urllib.parse import urlsplit

from indexer.sources.entries import CropSource, is_image
from indexer.sources.local_folder import open_local_folder
from indexer.sources.parquet_files import open_parquet_files
from indexer.sources.shards import (
    Shard,
    as_shards,
    expanded,
    file_system,
    is_pattern,
    suffix_of,
    told,
)
from indexer.sources.stored_folder import StoredFolder
from indexer.sources.tar_archives import open_tar_archives
from models.errors import ConfigurationInvalid

_KINDS = "a folder of images, .tar, .tar.gz or .tgz archives, or .parquet files"


def open_source(location: str) -> CropSource:
    """Open a folder, tar archives or parquet files, local or wherever fsspec reaches.

    A location is a path or a URL. Archives and tables may be several: ``shards-{000..012}.tar``,
    ``*.parquet``, or a folder that holds them and neither images nor folders. A local path that
    is there is taken as it stands, whatever characters it holds.

    Raises:
        ConfigurationInvalid: If nothing is there, it cannot be read, is of no kind that holds
            crops, or needs a package that is not installed.
        MetadataInvalid: If the metadata that the source carries breaks its rules.
    """
    local = _local_path(location)
    if local is not None and (os.path.lexists(local) or not is_pattern(str(local))):
        return _open_local(location, local)
    if is_pattern(location):
        return _open_shards(location, expanded(location))
    return _open_stored(location)


def _local_path(location: str) -> Path | None:
    """Return the path of a local location, None for a URL that leads elsewhere.

    Raises:
        ConfigurationInvalid: If the location is no name at all.
    """
    if not location or "\0" in location:
        raise ConfigurationInvalid(f"crops {location!r} cannot be read: name {_KINDS}")
    for protocol in ("file://", "local://"):
        if location.startswith(protocol):
            return Path(location.removeprefix(protocol))
    if "://" in location and not os.path.lexists(location):
        return None
    return Path(location)


def _open_local(location: str, path: Path) -> CropSource:
    if path.is_file():
        if not suffix_of(path.name):
            raise ConfigurationInvalid(
                f"crops {str(path)!r} is a file of another kind: name {_KINDS}"
            )
        return _open_shards(location, as_shards(location, [file_system(str(path.absolute()))]))
    folder = open_local_folder(path)
    inside = _shards_in(folder.folder)
    if not inside:
        return folder
    places = [file_system(str(shard)) for shard in inside]
    return _open_shards(location, as_shards(location, places))


def _shards_in(folder: Path) -> list[Path]:
    """Return the archives or tables of a folder that holds one kind of them, else nothing."""
    found: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_image(entry.name) or entry.is_dir(follow_symlinks=False):
                return []  # tables beside crops are their metadata, not crops
            if suffix_of(entry.name):
                found.append(folder / entry.name)
    kinds = {suffix_of(path.name) for path in found}
    return sorted(found, key=os.fsencode) if len(kinds) == 1 else []


def _open_stored(location: str) -> CropSource:
    files, path = file_system(location)
    if suffix_of(location):
        return _open_shards(location, as_shards(location, [(files, path)]))
    if not told(location, files.exists, path):
        raise ConfigurationInvalid(f"crops {location!r} does not exist: name {_KINDS}")
    if not told(location, files.isdir, path):
        raise ConfigurationInvalid(f"crops {location!r} is a file of another kind: name {_KINDS}")
    listed = [entry for entry in told(location, files.ls, path) if entry["name"] != path]
    names = [posixpath.basename(entry["name"].rstrip("/")) for entry in listed]
    kinds = {suffix_of(name) for name in names}
    has_crops = any(map(is_image, names)) or any(entry["type"] == "directory" for entry in listed)
    if has_crops or len(kinds - {""}) != 1:
        return StoredFolder(location, files, path, _name(location))
    shards = sorted(entry["name"] for entry in listed if suffix_of(entry["name"]))
    return _open_shards(location, as_shards(location, [(files, shard) for shard in shards]))


def _open_shards(location: str, shards: list[Shard]) -> CropSource:
    kinds = {suffix_of(shard.path) for shard in shards}
    if kinds == {"tar"}:
        return open_tar_archives(location, shards, _name(location))
    if kinds == {"parquet"}:
        return open_parquet_files(location, shards, _name(location))
    raise ConfigurationInvalid(
        f"crops {location!r} names files of several kinds or none that holds crops: name {_KINDS}"
    )


def _name(location: str) -> str:
    """Return the last part of a location that is not a pattern, without the suffix."""
    path = location
    if "://" in location:
        path = urlsplit(location).netloc + urlsplit(location).path
    parts = [part for part in path.split("/") if part and not is_pattern(part)]
    last = parts[-1] if parts else ""
    for suffix in (".tar.gz", ".tgz", ".tar", ".parquet"):
        if last.lower().endswith(suffix):
            return last[: -len(suffix)]
    return last
