"""Real faults of disks, met by programs of their own: run by the tests of faults.

``full-disk FOLDER`` builds over an index on a disk with less and less space, ``small-files FOLDER``
where no file may grow beyond a size, ``read-only FOLDER`` as a user who may not write. They print
what each try ended with as JSON.
"""

import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from indexer import bundle
from indexer.build import build
from indexer.deletion import Selection, delete_crops
from indexer.preparation import BuildOptions
from indexer.retention import clear, compact
from indexer.verification import verify_index
from tests.fakes import ColourEncoder

NOBODY = 65534
OPTIONS = BuildOptions(batch_size=4, workers=1, shard_crops=8, copy_contents=True)


def draw(folder: Path, numbers: range) -> None:
    """Draw crops that do not compress, of about 25 kB each."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        noise = Image.effect_noise((96, 192), 90 + number).convert("RGB")
        noise.save(folder / f"{number:03}.png")


def tried(index: Path, command: Callable[[], object]) -> dict[str, object]:
    """Run a command that a fault may stop, and say what is left."""
    said = "done"
    try:
        command()
    except OSError as error:
        said = f"{type(error).__name__} {error.errno}"
    manifest = bundle.read_manifest(index)
    return {
        "said": said,
        "generation": manifest.generation,
        "indexed": manifest.counts.indexed,
        "problems": verify_index(index).problems,
        "building": len(list(index.glob(".building-*"))),
        "shards": len(list((index / bundle.JOURNAL).glob("shard-*"))),
    }


def full_disk(folder: Path) -> list[dict[str, object]]:
    index, crops, ballast = folder / "disk" / "index", folder / "crops", folder / "disk" / "ballast"
    draw(crops, range(8))
    build(crops, index, ColourEncoder(), OPTIONS)
    draw(crops, range(8, 40))
    tries = []
    for left in (0, 20_000, 100_000, 400_000, 900_000, 1_500_000):
        free = shutil.disk_usage(folder / "disk").free
        ballast.write_bytes(bytes(max(0, free - left)))
        tries.append(tried(index, lambda: build(crops, index, ColourEncoder(), OPTIONS)))
        ballast.unlink()
    tries.append(tried(index, lambda: build(crops, index, ColourEncoder(), OPTIONS)))
    return tries


def small_files(folder: Path) -> list[dict[str, object]]:
    index, crops = folder / "index", folder / "crops"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    draw(crops, range(8))
    build(crops, index, ColourEncoder(), OPTIONS)
    draw(crops, range(8, 40))
    tries = []
    for size in (0, 2_000, 100_000, 400_000, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        tries.append(tried(index, lambda: build(crops, index, ColourEncoder(), OPTIONS)))
    return tries


def read_only(folder: Path) -> list[dict[str, object]]:
    index, crops, new = folder / "closed" / "index", folder / "crops", folder / "closed" / "new"
    draw(crops, range(8))
    (folder / "closed").mkdir()
    build(crops, index, ColourEncoder(), OPTIONS)
    draw(crops, range(8, 10))
    for path in (*index.rglob("*"), index, folder / "closed"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:  # whom no permission stops
        os.setuid(NOBODY)
    commands: list[Callable[[], object]] = [
        lambda: build(crops, index, ColourEncoder(), OPTIONS),
        lambda: build(crops, new, ColourEncoder(), OPTIONS),
        lambda: delete_crops(index, Selection(ids=("0" * 20,))),
        lambda: compact(index),
        lambda: clear(index, 1),
    ]
    return [tried(index, command) for command in commands]


PROGRAMS = {"full-disk": full_disk, "small-files": small_files, "read-only": read_only}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(PROGRAMS[sys.argv[1]](Path(sys.argv[2]))))
