"""Remove one crop from everywhere, and prove that nothing of it is left."""

import json
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from indexer.gallery import Crop, open_gallery, read_manifest
from models.errors import ConfigurationInvalid, DescryError
from service.audit.search_store import SearchStore

_ID = re.compile("[0-9a-f]{20}")


class ErasureFailed(DescryError):
    """A step failed; what was done before it stays done, and the command may be given again."""


@dataclass(frozen=True)
class Erasure:
    """What was done: ``indexed`` says whether the crop was still in the index.

    ``rows`` of searches named it. ``files`` of the index, ``bytes`` in all, were read for the
    proof. ``originals`` are files outside the index, which were not touched.
    """

    crop_id: str
    indexed: bool
    rows: int
    files: int
    bytes: int
    originals: tuple[str, ...]


def erase(index: Path, crop_id: str, store: SearchStore) -> Erasure:
    """Erase a crop from an index and from the rows of searches; to be repeated after a failure.

    Older generations go with it: ``rollback`` could bring the crop back.

    Raises:
        ErasureFailed: If a step of the indexer fails, or something of the crop is left.
        ConfigurationInvalid: If it is no id of a crop.
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the published generation cannot be read.
    """
    if not _ID.fullmatch(crop_id):
        raise ConfigurationInvalid(
            f"{crop_id!r} is no id of a crop: ids come from the results of a search"
        )
    crop = find_crop(index, crop_id)
    if crop is not None:
        _indexer("delete", index, "--id", crop_id)
    if crop is not None or _is_left(index, crop_id):
        _indexer("compact", index)
        _indexer("gc", index, "--keep", "1")
    rows = store.erase(crop_id)  # after the index, out of which new rows come
    proof = _indexer("verify", index, "--absent", crop_id)
    if store.holds(crop_id):
        raise ErasureFailed(
            f"crop {crop_id} is gone from the index, but its id is still in the database of "
            "searches: stop the service, so that the database's log can be emptied, and erase it "
            "again"
        )
    return Erasure(
        crop_id=crop_id,
        indexed=crop is not None,
        rows=rows,
        files=_number(proof, "files"),
        bytes=_number(proof, "bytes"),
        originals=() if crop is None else _originals(crop),
    )


def find_crop(index: Path, crop_id: str) -> Crop | None:
    """Return the crop of that id in the published generation, or None.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the published generation cannot be read.
    """
    card = read_manifest(index).model.card
    with closing(open_gallery(index, card, verify=False)) as gallery:
        return gallery.crop(crop_id)


def _originals(crop: Crop) -> tuple[str, ...]:
    """Return the files that the crop was read from, as far as they are there."""
    named = [Path(crop.root) / crop.path, *(Path(crop.root) / path for path in crop.other_paths)]
    return tuple(str(path) for path in named if path.is_file())


def _is_left(index: Path, crop_id: str) -> bool:
    command = _command("verify", index, "--absent", crop_id)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    return done.returncode != 0


def _indexer(verb: str, index: Path, *options: str) -> dict[str, object]:
    """Run a command of the indexer, which alone writes indexes; return its JSON.

    Raises:
        ErasureFailed: If it fails.
    """
    command = _command(verb, index, *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        raise ErasureFailed(f"python -m indexer {verb} failed: {reason}")
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def _command(verb: str, index: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "indexer", verb, "--index", str(index), *options, "--json"]


def _number(answer: dict[str, object], name: str) -> int:
    found = answer[name]
    if not isinstance(found, int):
        raise ErasureFailed(f"python -m indexer verify gave no number of {name}")
    return found
