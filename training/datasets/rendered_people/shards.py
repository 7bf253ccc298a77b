"""Rendered crops as arrays on disk, for training."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid
from training.datasets.rendered_people.attributes import SLOTS, encode_values
from training.datasets.rendered_people.recipes import (
    Recipe,
    checked_recipe,
    read_recipe,
    recipe_json,
    write_atomically,
)
from training.datasets.rendered_people.settings import SettingName
from training.datasets.rendered_people.workers import run_tasks

_CROPS_PER_SHARD = 512
_RECIPE_NAME = "shards.json"

Progress = Callable[[int, int], None]
"""Called with the number of crops done, and of all crops."""


@dataclass(frozen=True)
class RenderedCrops:
    """Crops: ``images`` uint8 ``(n, h, w, 3)``, and whose they are, ``person_ids`` ``(n,)``.

    ``values`` int8 ``(n, s)`` are the numbers of ``encode_values``.
    """

    images: npt.NDArray[np.uint8]
    values: npt.NDArray[np.int8]
    person_ids: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Shard:
    """The part of a recipe that goes into one file."""

    path: Path
    recipe: Recipe
    person_ids: range

    @property
    def crops(self) -> int:
        return len(self.person_ids) * self.recipe.sightings


def render_shards(  # noqa: PLR0913  one recipe, named value by value
    out: Path,
    *,
    people: int,
    sightings: int,
    seed: int,
    size: tuple[int, int] = (64, 192),
    setting: SettingName = "training",
    evenness: float = 0.0,
    siblings: float = 0.0,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Render crops into a folder; what an interrupted run finished is kept.

    Args:
        out: The folder.
        people: How many people.
        sightings: How many crops of each.
        seed: Decides all of them; another seed makes other people.
        size: Width and height of a crop in pixels.
        setting: The generator setting; see ``settings``.
        evenness: 0 for everyday frequencies, up to 1 to make rare things as frequent as others.
        siblings: Share (to 0.5) of people who equal the one before them but for one thing.
        workers: How many processes; by default one per core.
        on_progress: Told about finished crops.

    Raises:
        ConfigurationInvalid: If a value cannot work, or ``out`` holds crops of another recipe.
    """
    recipe = checked_recipe(
        Recipe,
        {
            "people": people,
            "sightings": sightings,
            "seed": seed,
            "size": size,
            "setting": setting,
            "evenness": evenness,
            "siblings": siblings,
        },
    )
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, recipe)
    shards = _shards(out, recipe)
    missing = [shard for shard in shards if not shard.path.exists()]
    done = recipe.crops - sum(shard.crops for shard in missing)
    if on_progress is not None:
        on_progress(done, recipe.crops)
    for crops in run_tasks(_render_shard, missing, workers):
        done += crops
        if on_progress is not None:
            on_progress(done, recipe.crops)


def load_shards(directory: Path) -> RenderedCrops:
    """Read all crops of a folder, in the order of people and sightings.

    Raises:
        ConfigurationInvalid: If the folder has no complete set of crops.
    """
    try:
        recipe = read_recipe(Recipe, directory / _RECIPE_NAME)
    except FileNotFoundError:
        raise ConfigurationInvalid(
            f"{directory} holds no rendered crops ({_RECIPE_NAME} is missing); render them first"
        ) from None
    width, height = recipe.size
    crops = RenderedCrops(
        np.empty((recipe.crops, height, width, 3), np.uint8),
        np.empty((recipe.crops, len(SLOTS)), np.int8),
        np.empty(recipe.crops, np.int64),
    )
    start = 0
    for shard in _shards(directory, recipe):
        if not shard.path.exists():
            raise ConfigurationInvalid(
                f"{directory} is incomplete ({shard.path.name} is missing); "
                "run the same rendering again, it completes what is there"
            )
        part = slice(start, start + shard.crops)
        with np.load(shard.path) as arrays:
            crops.images[part] = arrays["images"]
            crops.values[part] = arrays["values"]
            crops.person_ids[part] = arrays["person_ids"]
        start += shard.crops
    return crops


def _claim(out: Path, recipe: Recipe) -> None:
    """Write the recipe into an empty folder, or make sure that it is the one there.

    Raises:
        ConfigurationInvalid: If the folder has another one.
    """
    path = out / _RECIPE_NAME
    if not path.exists():
        if any(out.glob("shard-*.npz")):
            raise ConfigurationInvalid(f"{out} holds shards of unknown origin; empty it first")
        write_atomically(path, recipe_json(recipe))
        return
    there = read_recipe(Recipe, path)
    if there != recipe:
        raise ConfigurationInvalid(
            f"{out} holds crops of another recipe ({there!r}, asked for: {recipe!r}); "
            "choose another folder or empty this one"
        )


def _shards(out: Path, recipe: Recipe) -> list[_Shard]:
    per_shard = max(1, _CROPS_PER_SHARD // recipe.sightings)
    starts = range(0, recipe.people, per_shard)
    return [
        _Shard(
            out / f"shard-{index:05d}.npz",
            recipe,
            range(start, min(start + per_shard, recipe.people)),
        )
        for index, start in enumerate(starts)
    ]


def _render_shard(shard: _Shard) -> int:
    """Render and write one file; return its number of crops."""
    recipe, population = shard.recipe, shard.recipe.population
    images, values, person_ids = [], [], []
    for person_id in shard.person_ids:
        person = population.member(person_id)
        for index in range(recipe.sightings):
            rendering = population.sight(person, index, recipe.size)
            images.append(np.asarray(rendering.image))
            values.append(encode_values(rendering.attributes))
            person_ids.append(person_id)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        images=np.stack(images),
        values=np.stack(values),
        person_ids=np.array(person_ids, np.int64),
    )
    write_atomically(shard.path, buffer.getvalue())
    return shard.crops
