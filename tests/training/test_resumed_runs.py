"""A run that was stopped goes on as if it had not been, with every kind of data and method."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.encoders.compact_dual import VOCABULARY_FILE
from models.errors import CheckpointUnreadable
from tests.training.captioned_people import run_config, write_captioned_people
from training import loop
from training.captioned_batches import CaptionedBatches, Share
from training.checkpoints import LAST_FILE, restore_state
from training.compact.rendered_batches import RenderedBatches
from training.compact.schedule import sample_factor
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.loop import Recipe, make_accelerator, start_state, train
from training.methods import compact_dual
from training.preparation import prepare, prepare_corpus
from training.tracking import METRICS_FILE

MakeRecipe = Callable[[Path], Recipe[Any]]
NEVER = 10**9


class Killed(Exception):
    """What a listener stops a run with."""


def ignore(done: int, total: int, values: Mapping[str, float]) -> None:
    """Steps are not shown in a test."""


def no_progress(done: int, total: int) -> None:
    """Nothing is rendered."""


def captioned(root: Path, method: str, **changes: object) -> MakeRecipe:
    # Three batches an epoch, two an optimiser step: epochs end in the middle of one.
    config = run_config(
        root,
        method,
        batches={"size": 8, "epochs": 4, "accumulate": 2},
        gradient_norm=5.0,
        average_decay=0.9,
        **changes,
    )
    return lambda folder: prepare(config, folder, Share(), no_progress)


def rendered(config: RenderedRunConfig, crops: RenderedCrops) -> MakeRecipe:
    def make(folder: Path) -> Recipe[Any]:
        source = RenderedBatches(prepare_corpus(config, crops, folder), config.method, config.seed)
        return Recipe(
            method=compact_dual.build(
                config.method, folder / VOCABULARY_FILE, config.optimiser, config.seed
            ),
            source=source,
            optimiser=config.optimiser,
            factor=lambda step: sample_factor(source.samples_before(step), source.samples, 16),
            seed=config.seed,
            gradient_norm=config.gradient_norm,
            average_decay=config.average_decay,
            report_steps=1,
        )

    return make


def whole(make: MakeRecipe, folder: Path, *, workers: int = 0) -> Path:
    """Train without a stop."""
    folder.mkdir()
    recipe = replace(make(folder), workers=workers)
    train(recipe, start_state(recipe), folder, make_accelerator("fp32"), ignore)
    return folder


def killed_at(make: MakeRecipe, folder: Path, stops: list[int]) -> Path:
    """Train, go on after every stop from what was saved, and reach the end."""
    folder.mkdir()
    for stop in [*stops, NEVER]:

        def kill(done: int, total: int, values: Mapping[str, float], stop: int = stop) -> None:
            assert values
            if done == stop < total:
                raise Killed

        recipe = replace(make(folder), checkpoint_seconds=1e-9)
        state = start_state(recipe)
        if (folder / LAST_FILE).is_file():
            restore_state(state, folder / LAST_FILE)
            assert 0 < state.step < stop
        if stop == NEVER:
            train(recipe, state, folder, make_accelerator("fp32"), kill)
        else:
            with pytest.raises(Killed):
                train(recipe, state, folder, make_accelerator("fp32"), kill)
    return folder


def random_stops(total: int) -> list[int]:
    chance = np.random.default_rng(total)
    return sorted(int(stop) for stop in chance.choice(np.arange(2, total), 5, replace=False))


def difference(one: object, other: object, place: str = "") -> list[str]:
    """Where two checkpoints are not the same, bit for bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [w for key in one for w in difference(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [w for n, (a, b) in pairs for w in difference(a, b, f"{place}.{n}")]
    return [] if one == other else [place]


def require_same(one: Path, other: Path) -> None:
    """Weights, average, optimiser's moments, counts and everything reported but the speed."""
    first, second = (torch.load(run / LAST_FILE, weights_only=True) for run in (one, other))
    assert first.keys() == {"network", "average", "optimiser", "step", "samples", "best"}
    assert first["optimiser"]["state"]
    assert difference(first, second) == []
    reports = []
    for run in (one, other):
        lines = (run / METRICS_FILE).read_text(encoding="utf-8").splitlines()
        reports.append([json.loads(line) for line in lines])
        for report in reports[-1]:
            report.pop("samples_per_second", None)
    assert reports[0] == reports[1]
    assert [r["step"] for r in reports[0] if r["group"] == "train"] == [
        *range(1, first["step"] + 1)
    ]


@pytest.fixture(scope="module", autouse=True)
def _small_and_quick() -> Iterator[None]:
    """Curves take longer to draw than such steps, and threads longer to meet."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", lambda _: None)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captioned_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def irra(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of IRRA that nobody stopped."""
    return whole(captioned(people, "irra"), tmp_path_factory.mktemp("irra") / "run")


@pytest.mark.slow
def test_irra_stopped_five_times_ends_as_if_it_never_had(
    people: Path, irra: Path, tmp_path: Path
) -> None:
    stopped = killed_at(captioned(people, "irra"), tmp_path / "run", random_stops(12))
    require_same(irra, stopped)


@pytest.mark.slow
def test_a_second_run_of_one_seed_with_loader_processes_is_the_first(
    people: Path, irra: Path, tmp_path: Path
) -> None:
    require_same(irra, whole(captioned(people, "irra"), tmp_path / "run", workers=2))


def test_runs_of_two_seeds_differ(people: Path, tmp_path: Path) -> None:
    runs = [
        whole(captioned(people, "nafs", seed=seed), tmp_path / f"{seed}") / LAST_FILE
        for seed in (1, 2)
    ]
    one, other = (torch.load(run, weights_only=True)["network"] for run in runs)
    assert len(difference(one, other)) > len(one) / 2


@pytest.mark.slow
def test_nafs_stopped_five_times_ends_as_if_it_never_had(people: Path, tmp_path: Path) -> None:
    make = captioned(people, "nafs")
    require_same(
        whole(make, tmp_path / "whole"), killed_at(make, tmp_path / "run", random_stops(12))
    )


@pytest.mark.slow
def test_the_compact_encoder_stopped_five_times_ends_as_if_it_never_had(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    make = rendered(config, crops)
    require_same(
        whole(make, tmp_path / "whole"), killed_at(make, tmp_path / "run", random_stops(20))
    )


def test_training_the_compact_encoder_lowers_its_loss(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    run = whole(rendered(config, crops), tmp_path / "run")
    lines = [json.loads(line) for line in (run / METRICS_FILE).read_text().splitlines()]
    totals = [
        line["text_to_image"] + line["image_to_full"] + line["image_to_short"] for line in lines
    ]
    assert len(lines) == 20
    assert lines[-1]["samples"] == 160
    assert sum(totals[-4:]) < 0.8 * sum(totals[:4])


def test_rates_are_those_of_the_schedule_by_epoch(irra: Path) -> None:
    lines = [json.loads(line) for line in (irra / METRICS_FILE).read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if line["group"] == "train"]
    # One epoch of warm-up at a tenth, then cosines of 0, 60 and 120 degrees from 1 to 0.
    factors = [0.1] * 3 + [1.0] * 3 + [0.75] * 3 + [0.25] * 3
    assert rates == pytest.approx([1e-3 * factor for factor in factors])


def test_a_checkpoint_of_another_method_is_refused(
    people: Path, irra: Path, tmp_path: Path
) -> None:
    state = start_state(captioned(people, "nafs")(tmp_path))
    with pytest.raises(CheckpointUnreadable, match="another configuration"):
        restore_state(state, irra / LAST_FILE)


def test_batches_of_a_captioned_run_are_all_its_captions_once_an_epoch(people: Path) -> None:
    config = run_config(people)
    recipe = prepare(config, people, Share(), no_progress)
    assert isinstance(recipe.source, CaptionedBatches)
    assert (len(recipe.source), recipe.source.samples) == (12, 96)
