"""Commands over folders that grow and change, and what a gallery must hold after each of them."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from indexer.build import run_build
from indexer.deletion import Selection, delete_crops
from indexer.filters import Condition, Filters
from indexer.preparation import BuildOptions, Growth, prepare_build
from indexer.retention import compact
from models.errors import ConfigurationInvalid
from tests.fakes import ColourEncoder

ID_DIGITS = 20
CAMERAS = 5
OPTIONS = BuildOptions(batch_size=2, workers=1, shard_crops=4)
Command = Callable[[], int]
"""Returns how many crops were taken from a journal."""


@dataclass(frozen=True)
class Task:
    """A command, the ids that the gallery has before and after it."""

    name: str
    run: Command
    before: frozenset[str]
    after: frozenset[str]


class Gallery:
    """The growing folders and their index, and what the index must hold."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.index = folder / "index"
        self._crops = folder / "crops"
        self._folder = folder
        self._dice = dice
        self._drawn = 0
        self._additions = 0
        self.ids: frozenset[str] = frozenset()
        self.cameras: dict[str, str] = {}
        self._draw(self._crops, 6)

    def next_task(self, number: int) -> Task:
        """Change the folders and return the next command; the kinds take turns."""
        return (self._build, self._add, self._delete, self._compact)[number % 4]()

    def _draw(self, folder: Path, count: int) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for _ in range(count):
            path = folder / f"{self._drawn:05}.png"
            colour = tuple(self._dice.randrange(256) for _ in range(3))
            image = Image.new("RGB", (16, 32), colour)
            # No two crops may have the same bytes by chance.
            image.putpixel((0, 0), (self._drawn % 256, self._drawn // 256, 0))
            image.save(path)
            self._drawn += 1
            paths.append(path)
        return paths

    def _build(self) -> Task:
        crops = sorted(self._crops.iterdir())
        if len(crops) > 8:
            renamed, changed, copied, gone = self._dice.sample(crops, 4)
            renamed.rename(self._crops / f"renamed {self._drawn}.png")
            shutil.copy(self._draw(self._folder / "spare", 1)[0], changed)
            shutil.copy(copied, self._crops / f"copy {self._drawn}.png")
            gone.unlink()
        self._draw(self._crops, self._dice.randint(5, 12))
        after = self._ids_of(self._crops)
        return Task("build", self._growth("build", self._crops), self.ids, after)

    def _add(self) -> Task:
        self._additions += 1
        folder = self._folder / f"more {self._additions}"
        self._draw(folder, self._dice.randint(3, 9))
        known = self._dice.choice(sorted(self._crops.iterdir()))
        shutil.copy(known, folder / "known.png")
        after = self.ids | self._ids_of(folder)
        return Task("add", self._growth("add", folder), self.ids, after)

    def _delete(self) -> Task:
        if self._dice.random() < 0.5:
            chosen = frozenset(self._dice.sample(sorted(self.ids), 3))
            selection = Selection(ids=tuple(chosen))
        else:
            camera = f"c{self._dice.randrange(CAMERAS)}"
            chosen = frozenset(each for each in self.ids if self.cameras[each] == camera)
            selection = Selection(filters=Filters(columns={"camera": Condition(among=(camera,))}))

        def run() -> int:
            try:
                delete_crops(self.index, selection)
            except ConfigurationInvalid:
                # Killed after the switch: all of them are gone already, as the check will see.
                if not selection.ids:
                    raise
            return 0

        return Task("delete", run, self.ids, self.ids - chosen)

    def _compact(self) -> Task:
        def run() -> int:
            compact(self.index)
            return 0

        return Task("compact", run, self.ids, self.ids)

    def _growth(self, change: Growth, folder: Path) -> Command:
        metadata = self._folder / "metadata.jsonl"
        lines = [
            json.dumps({"path": path.name, "camera": self.cameras[digest_of(path)[:ID_DIGITS]]})
            for path in sorted(folder.iterdir())
        ]
        metadata.write_text("\n".join(lines))
        options = OPTIONS.model_copy(update={"metadata": metadata})

        def run() -> int:
            return run_build(
                prepare_build(folder, self.index, options, change), ColourEncoder()
            ).resumed

        return run

    def _ids_of(self, folder: Path) -> frozenset[str]:
        ids = frozenset(digest_of(path)[:ID_DIGITS] for path in folder.iterdir())
        for each in ids:
            self.cameras.setdefault(each, f"c{int(each, 16) % CAMERAS}")
        return ids


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
