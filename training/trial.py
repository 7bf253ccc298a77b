"""A dry run: everything that a run needs, and one step that is not kept."""

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from accelerate import Accelerator

from models.errors import ConfigurationInvalid
from training.config import CaptionedRunConfig, RenderedRunConfig, TrainConfig
from training.dataset_checks import check_dataset
from training.datasets.captioned_crops import Annotations, CaptionedCrops
from training.datasets.rendered_people.shards import Progress
from training.datasets.sources import RenderedCaptionsConfig, read_data
from training.loop import Recipe, make_accelerator, start_state, take_step
from training.preparation import prepare_captioned, prepare_rendered
from training.running import precision_of, share_of

FEW_PEOPLE = 8
"""How many rendered people of a split stand for all of it."""

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Trial:
    """What a dry run found: how long the run is, what one step takes, what the data lacks.

    ``step_seconds`` are those of the first step, its batch included, which is the slowest.
    ``problems`` are of the data, each naming its file.
    """

    steps: int
    samples: int
    trained_parameters: int
    terms: Mapping[str, float]
    step_seconds: float
    peak_memory_mebibytes: float
    problems: tuple[str, ...]


def try_out(config: TrainConfig, on_render: Progress) -> Trial:
    """Prepare a run in a folder that is thrown away, and take one step.

    Of rendered people only a few are rendered, which stand for all of them, also into that
    folder. Pictures of other data are not decoded, but their files are looked for.

    Raises:
        DescryError: If the configuration or the data cannot work, or a step does not fit into the
            accelerator's memory.
    """
    with TemporaryDirectory(prefix="descry-trial-") as name:
        folder = Path(name)
        accelerator = make_accelerator(precision_of(config))
        problems: tuple[str, ...] = ()
        if isinstance(config, RenderedRunConfig):
            recipe = prepare_rendered(_few_people(config, folder), folder, on_render)
        else:
            data, problems = _data(config, folder, on_render)
            recipe = prepare_captioned(config, data, folder, share_of(accelerator))
        return _one_step(recipe, folder, accelerator, problems)


def _few_people(config: RenderedRunConfig, folder: Path) -> RenderedRunConfig:
    needed = max(phase.people_per_batch for phase in config.method.phases)
    people = min(config.data.people, needed)
    data = config.data.model_copy(update={"folder": folder / "people", "people": people})
    return config.model_copy(update={"data": data})


def _data(
    config: CaptionedRunConfig, folder: Path, on_render: Progress
) -> tuple[CaptionedCrops, tuple[str, ...]]:
    if isinstance(config.data, RenderedCaptionsConfig):
        return _few_captioned(config.data, folder / "people", on_render), ()
    data = read_data(config.data)
    check = check_dataset(Annotations(data, config.data.root), images=False)
    return data, check.problems


def _few_captioned(
    config: RenderedCaptionsConfig, root: Path, on_render: Progress
) -> CaptionedCrops:
    """Render a few people of each split, and let those of train stand for as many as it has."""
    asked = {"train_people": config.train_people, "val_people": config.val_people}
    asked["test_people"] = config.test_people
    few = {name: min(people, FEW_PEOPLE) for name, people in asked.items()}
    data = read_data(config.model_copy(update={**few, "root": root}), on_render)
    there = few["train_people"]
    train = tuple(
        replace(crop, person_id=person)
        for person in range(config.train_people)
        for crop in data.train
        if crop.person_id == person % there
    )
    return replace(data, train=train)


def _one_step(
    recipe: Recipe[Any], folder: Path, accelerator: Accelerator, problems: tuple[str, ...]
) -> Trial:
    state = start_state(recipe)
    network, optimiser = accelerator.prepare(state.network, state.optimiser)
    started = time.perf_counter()
    try:
        drawn = recipe.source[0]
        terms = take_step(recipe, state, network, optimiser, accelerator, drawn, folder)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    except torch.OutOfMemoryError as error:
        raise ConfigurationInvalid(
            f"a step does not fit into the accelerator's memory: {error}. Make batches.size "
            "smaller, or set method.checkpoint_activations where the method has it"
        ) from error
    seconds = time.perf_counter() - started
    return Trial(
        steps=len(recipe.source),
        samples=recipe.source.samples,
        trained_parameters=sum(p.numel() for g in optimiser.param_groups for p in g["params"]),
        terms=terms.values(),
        step_seconds=seconds,
        peak_memory_mebibytes=_peak_memory(),
        problems=problems,
    )


def _peak_memory() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / _MEBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
