"""Files named by a location: URLs, wildcards and brace patterns, through fsspec."""

import itertools
import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TypeVar
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from models.errors import ConfigurationInvalid, first_few

_MAX_SHARDS = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
Answer = TypeVar("Answer")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Shard:
    """One file of a source of several; ``name`` is where its crops' paths begin."""

    files: fsspec.AbstractFileSystem
    path: str
    name: str

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open the file for reading from its beginning."""
        opened: AbstractContextManager[IO[bytes]] = self.files.open(self.path, "rb")
        return opened


def file_system(location: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system of a URL or of a local path, and the path within it.

    Raises:
        ConfigurationInvalid: If the protocol is unknown, or its package is not installed.
    """
    if "://" not in location:  # so that "::" in a local name is no chain of URLs
        return LocalFileSystem(), os.path.abspath(location)  # noqa: PTH100 - links stay links
    try:
        files, path = fsspec.core.url_to_fs(location)
    except ImportError as error:
        package = _package(location)
        raise ConfigurationInvalid(
            f"{location!r} cannot be opened: {error}. Install it with: pip install {package}"
        ) from error
    except Exception as error:
        # File systems check keys and addresses on opening, each with errors of its own.
        raise ConfigurationInvalid(f"{location!r} cannot be opened: {error}") from error
    return files, path


def _package(location: str) -> str:
    protocol = location.split("://", 1)[0].split("::")[-1]
    module = known_implementations.get(protocol, {}).get("class", protocol).split(".")[0]
    # A protocol that fsspec brings itself names what it lacks as an extra of fsspec.
    return f"'fsspec[{protocol.removesuffix('s')}]'" if module == "fsspec" else module


def suffix_of(location: str) -> str:
    """Return ``tar``, ``parquet`` or an empty text, by how a path or URL ends."""
    path = urlsplit(location).path if "://" in location else location
    lowered = path.lower()
    if lowered.endswith((".tar", ".tar.gz", ".tgz")):
        return "tar"
    return "parquet" if lowered.endswith(".parquet") else ""


def is_pattern(location: str) -> bool:
    """Tell whether a location stands for several files."""
    return bool(_BRACES.search(location)) or _has_wildcard(location)


def expanded(location: str) -> list[Shard]:
    """Return the files a location names, in the order of braces, wildcards sorted.

    ``{000..012}`` counts and keeps its zeros, ``{a,b}`` lists; ``*``, ``?`` and ``[ab]`` are
    matched with what is there.

    Raises:
        ConfigurationInvalid: If a file is missing, nothing matches, or a file is named twice.
    """
    named = list(itertools.islice(_expand_braces(location), _MAX_SHARDS + 1))
    if len(named) > _MAX_SHARDS:
        raise ConfigurationInvalid(
            f"{location!r} names more than {_MAX_SHARDS:,} files: name fewer at a time"
        )
    return as_shards(location, [place for each in named for place in _matched(each)])


def as_shards(location: str, places: list[tuple[fsspec.AbstractFileSystem, str]]) -> list[Shard]:
    """Check that files are there, and give them names that differ.

    Raises:
        ConfigurationInvalid: If there are none, one is missing, or one is named twice.
    """
    paths = [path for _, path in places]
    twice = [path for path, times in Counter(paths).items() if times > 1]
    if twice:
        raise ConfigurationInvalid(f"{location!r} names twice: {first_few(twice)}. Name it once.")
    missing = [path for files, path in places if not told(location, files.isfile, path)]
    if missing or not paths:
        what = f"does not exist: {first_few(missing)}" if missing else "matches nothing"
        raise ConfigurationInvalid(f"{location!r} {what}: name files that are there")
    return [
        Shard(files, path, name)
        for (files, path), name in zip(places, _distinct_names(paths), strict=True)
    ]


def _distinct_names(paths: list[str]) -> list[str]:
    names = [posixpath.basename(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    common = posixpath.commonpath(paths)
    return [posixpath.relpath(path, common) for path in paths]


def _matched(location: str) -> list[tuple[fsspec.AbstractFileSystem, str]]:
    files, path = file_system(location)
    if not _has_wildcard(location):
        return [(files, path)]
    found: list[str] = told(location, files.glob, path)
    return [(files, match) for match in sorted(found)]


def told(location: str, ask: Callable[[str], Answer], path: str) -> Answer:
    """Ask a file system something.

    Raises:
        ConfigurationInvalid: If it cannot tell, as without network or without permission.
    """
    try:
        return ask(path)
    except Exception as error:
        raise ConfigurationInvalid(f"{location!r} cannot be looked at: {error}") from error


def _has_wildcard(location: str) -> bool:
    # In a URL of the web, "?" begins the query.
    wildcards = "*[" if location.startswith(("http://", "https://")) else "*?["
    return any(character in location for character in wildcards)


def _expand_braces(location: str) -> Iterator[str]:
    found = _BRACES.search(location)
    if found is None:
        yield location
        return
    for choice in _choices(location, found.group(1)):
        yield from _expand_braces(location[: found.start()] + choice + location[found.end() :])


def _choices(location: str, inner: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(inner)
    if numbers is None:
        yield from inner.split(",")
        return
    first, last = numbers.groups()
    if int(last) < int(first):
        raise ConfigurationInvalid(
            f"{location!r} counts down from {first} to {last}: write the smaller number first"
        )
    width = max(len(first), len(last)) if first.startswith("0") else 0
    for number in range(int(first), int(last) + 1):
        yield str(number).zfill(width)
