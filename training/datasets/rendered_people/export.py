"""Rendered people as a folder of crops with metadata, as a user would bring one."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from models.errors import ConfigurationInvalid
from training.datasets.rendered_people.attributes import Attributes
from training.datasets.rendered_people.recipes import (
    Recipe,
    checked_recipe,
    read_recipe,
    recipe_json,
    write_atomically,
)
from training.datasets.rendered_people.settings import SettingName
from training.datasets.rendered_people.workers import run_tasks

RECIPE_NAME = "export.json"
METADATA_NAME = "metadata.csv"
ATTRIBUTES_NAME = "attributes.jsonl"
CROPS_NAME = "crops"
UNFINISHED_NAME = "unfinished.json"

_CAMERAS = 6
_JPEG_QUALITY = 90
_PEOPLE_PER_TASK = 8
_MORNING = datetime(2025, 3, 14, 8, 0, tzinfo=UTC)
_DAY = 10 * 3600  # seconds in which people are seen
_VISIT = 1200  # seconds within which one person is seen
_TAKE_STREAM = 1  # keeps the numbers of a take apart from those of a picture

Progress = Callable[[int, int], None]
"""Called with the number of crops done, and of all crops."""


@dataclass(frozen=True)
class ExportReport:
    """What is in an exported folder."""

    people: int
    crops: int
    cameras: int
    metadata: Path
    attributes: Path


@dataclass(frozen=True)
class _Task:
    out: Path
    recipe: Recipe
    person_ids: range


@dataclass(frozen=True)
class _Take:
    """One crop: where it lies (relative to the crops), when and where taken, what it shows."""

    path: str
    camera: str
    captured_at: str
    track_id: str
    person_id: int
    attributes: Attributes


def export_people(  # noqa: PLR0913  one recipe, named value by value
    out: Path,
    *,
    people: int,
    sightings: int,
    seed: int,
    first_person_id: int = 0,
    size: tuple[int, int] = (128, 384),
    setting: SettingName = "training",
    evenness: float = 0.0,
    siblings: float = 0.0,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write crops, metadata and true attributes of rendered people into a folder.

    ``crops/cam_C/NAME.jpg`` are the pictures, ``metadata.csv`` says camera, time and track of
    each, ``attributes.jsonl`` who it is and what it shows. ``export.json`` is written last:
    until then the recipe is in ``unfinished.json``, and exporting again starts over.

    Args:
        out: The folder.
        people: How many people.
        sightings: How many crops of each.
        seed: Decides all of them; another seed makes other people.
        first_person_id: Where to start in the population of the seed.
        size: Width and height of a crop in pixels.
        setting: The generator setting; see ``settings``.
        evenness: 0 for everyday frequencies, up to 1 to make rare things as frequent as others.
        siblings: Share (to 0.5) of people who equal the one before them but for one thing.
        workers: How many processes; by default one per core.
        on_progress: Told about finished crops.

    Raises:
        ConfigurationInvalid: If a value cannot work, or ``out`` holds another export.
    """
    recipe = checked_recipe(
        Recipe,
        {
            "people": people,
            "sightings": sightings,
            "seed": seed,
            "first_person_id": first_person_id,
            "size": size,
            "setting": setting,
            "evenness": evenness,
            "siblings": siblings,
        },
    )
    report = ExportReport(
        people, recipe.crops, _CAMERAS, out / METADATA_NAME, out / ATTRIBUTES_NAME
    )
    if _is_complete(out, recipe):
        return report
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / UNFINISHED_NAME, recipe_json(recipe))
    for camera in range(1, _CAMERAS + 1):
        (out / CROPS_NAME / _camera_name(camera)).mkdir(parents=True, exist_ok=True)
    ids = range(first_person_id, first_person_id + people)
    tasks = [
        _Task(out, recipe, ids[start : start + _PEOPLE_PER_TASK])
        for start in range(0, people, _PEOPLE_PER_TASK)
    ]
    takes: list[_Take] = []
    for done in run_tasks(_export_some, tasks, workers):
        takes += done
        if on_progress is not None:
            on_progress(len(takes), recipe.crops)
    takes.sort(key=lambda take: take.path)
    write_atomically(out / METADATA_NAME, _metadata(takes))
    write_atomically(out / ATTRIBUTES_NAME, _annotations(takes))
    write_atomically(out / RECIPE_NAME, recipe_json(recipe))
    (out / UNFINISHED_NAME).unlink()
    return report


def _is_complete(out: Path, recipe: Recipe) -> bool:
    """Whether a folder holds this export already, rather than nothing or the start of it.

    Raises:
        ConfigurationInvalid: If it holds something else.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return False
    for name in (RECIPE_NAME, UNFINISHED_NAME):
        if not (out / name).exists():
            continue
        there = read_recipe(Recipe, out / name)
        if there != recipe:
            raise ConfigurationInvalid(
                f"{out} holds another export ({there!r}, asked for: {recipe!r}); "
                "choose another folder or empty this one"
            )
        return name == RECIPE_NAME
    raise ConfigurationInvalid(f"{out} is not empty; choose a new folder for the export")


def _camera_name(camera: int) -> str:
    return f"cam_{camera}"


def _export_some(task: _Task) -> list[_Take]:
    """Render and write the crops of a few people."""
    takes, population = [], task.recipe.population
    for person_id in task.person_ids:
        person = population.member(person_id)
        plan = _plan(task.recipe, person_id)
        for index, (camera, captured_at) in enumerate(plan):
            rendering = population.sight(person, index, task.recipe.size)
            name = _camera_name(camera)
            path = f"{name}/{person_id:06d}_{index:02d}.jpg"
            buffer = io.BytesIO()
            rendering.image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
            write_atomically(task.out / CROPS_NAME / path, buffer.getvalue())
            track = f"{camera}-{person_id:06d}"
            takes.append(_Take(path, name, captured_at, track, person_id, rendering.attributes))
    return takes


def _plan(recipe: Recipe, person_id: int) -> list[tuple[int, str]]:
    """Return camera and time of each sighting: one walk past some of the cameras."""
    key = (person_id, 0, _TAKE_STREAM)
    rng = np.random.default_rng(np.random.SeedSequence(recipe.seed, spawn_key=key))
    start = rng.uniform(0, _DAY)
    moments = start + np.sort(rng.uniform(0, _VISIT, recipe.sightings))
    first = int(rng.integers(_CAMERAS))
    step = int(rng.choice([1, _CAMERAS - 1]))  # a walk in either direction
    return [
        (
            (first + index * step) % _CAMERAS + 1,
            (_MORNING + timedelta(seconds=float(moment))).isoformat(timespec="milliseconds"),
        )
        for index, moment in enumerate(moments)
    ]


def _metadata(takes: list[_Take]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "camera", "captured_at", "track_id"))
    writer.writerows((take.path, take.camera, take.captured_at, take.track_id) for take in takes)
    return text.getvalue().encode()


def _annotations(takes: list[_Take]) -> bytes:
    lines = (
        json.dumps({"path": take.path, "person_id": take.person_id, "attributes": take.attributes})
        for take in takes
    )
    return "".join(f"{line}\n" for line in lines).encode()
