import errno
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
import torch
from torch import nn

from models.contracts import PersonEncoder
from models.errors import CropUnreadable
from models.stored_model import StoredModel
from training.batch_source import Drawn
from training.checkpoints import BEST_FILE, LAST_FILE, read_weights, restore_state
from training.contracts import ParameterGroup
from training.loop import (
    BAD_BATCH_FILE,
    Recipe,
    TrainingDiverged,
    Validation,
    make_accelerator,
    start_state,
    train,
)
from training.optimisers import OptimiserConfig
from training.terms import LossTerms
from training.tracking import METRICS_FILE

SGD = OptimiserConfig(kind="sgd", learning_rate=1.0, momentum=0)


class Slopes(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@dataclass(frozen=True)
class Points:
    """What the loss of each weight is multiplied by, so that it is its gradient."""

    slopes: Slopes
    root: bool = False


class Weights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor(1.0))
        self.second = nn.Parameter(torch.tensor(2.0))

    def forward(self, batch: Points) -> LossTerms:
        first, second = self.first * batch.slopes.first, self.second * batch.slopes.second
        # The root of zero is finite, its gradient is not.
        return LossTerms(
            {"first": (1.0, first.sqrt() if batch.root else first), "second": (2.0, second)}
        )


class TwoWeights:
    """A method whose steps can be followed with pencil and paper."""

    def __init__(self) -> None:
        self.network = Weights()

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        return [
            ParameterGroup("fast", (self.network.first,), 1.0, 0),
            ParameterGroup("slow", (self.network.second,), 0.1, 0),
        ]

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        raise NotImplementedError

    def encoder(self) -> PersonEncoder:
        raise NotImplementedError

    def values(self) -> tuple[float, float]:
        return self.network.first.item(), self.network.second.item()


class Listed:
    """Batches of one crop each from a list of slopes, the same for both weights."""

    def __init__(self, *slopes: float, root: int | None = None, bad: int | None = None) -> None:
        self._slopes, self._root, self._bad = slopes, root, bad

    def __len__(self) -> int:
        return len(self._slopes)

    def __getitem__(self, step: int) -> Drawn[Points]:
        if step == self._bad:
            raise CropUnreadable("crop gone.png cannot be read")
        slope = torch.tensor(self._slopes[step])
        points = Points(Slopes(slope, slope), root=step == self._root)
        return Drawn(points, 1, ("crop lost.png cannot be read",) if step == 1 else ())

    @property
    def samples(self) -> int:
        return len(self)

    def epoch(self, step: int) -> int:
        return step


def constant(_: int) -> float:
    return 1.0


def recipe_of(source: Listed, **settings: Any) -> Recipe[Points]:  # noqa: ANN401 - its fields
    recipe = Recipe(TwoWeights(), source, SGD, constant, seed=0, report_steps=1)
    return replace(recipe, **settings)


def ignore(done: int, total: int, values: Mapping[str, float]) -> None:
    """Steps are not shown in a test."""


def values_of(recipe: Recipe[Points]) -> tuple[float, float]:
    assert isinstance(recipe.method, TwoWeights)
    return recipe.method.values()


def follow(
    recipe: Recipe[Points], folder: Path, after: Callable[[], object] = lambda: None
) -> list[tuple[float, float]]:
    """Train to the end; the weights after every step."""
    seen: list[tuple[float, float]] = []

    def look(done: int, total: int, values: Mapping[str, float]) -> None:
        assert (done, total) == (len(seen) + 1, len(recipe.source))
        assert {"first", "second", "crops/s"} == values.keys()
        seen.append(values_of(recipe))
        after()

    train(recipe, start_state(recipe), folder, make_accelerator("fp32"), look)
    return seen


def records(folder: Path, group: str = "train") -> list[dict[str, Any]]:
    lines = (folder / METRICS_FILE).read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["group"] == group]


def test_every_group_moves_by_its_rate_times_the_factor_of_the_step(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.25, 0.5), factor=lambda step: (1.0, 0.5)[step])
    # The second loss has weight 2 and a tenth of the rate.
    expected = [(1 - 0.25, 2 - 0.2 * 0.25), (1 - 0.25 - 0.25, 2 - 0.05 - 0.05)]
    found = follow(recipe, tmp_path)
    assert torch.allclose(torch.tensor(found), torch.tensor(expected))
    assert [record["learning_rate"] for record in records(tmp_path)] == [1.0, 0.5]
    assert records(tmp_path)[0]["first"] == pytest.approx(0.25)
    assert records(tmp_path)[1]["second"] == pytest.approx(0.5 * (2 - 0.05))


def test_an_optimiser_step_follows_the_mean_gradient_of_its_batches(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.25, 0.125, 0.625, 0.1), accumulate=2)
    first = [one for one, _ in follow(recipe, tmp_path)]
    # The last batch is left over, and its gradient is not halved.
    assert first == pytest.approx([1, 1 - 0.375, 0.625, 0.625 - 0.375, 0.25 - 0.1])


def test_the_average_moves_once_an_optimiser_step(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.5, 0.25), accumulate=2, average_decay=0.9)
    follow(recipe, tmp_path)
    ramp_up = (2 / 11, 3 / 12)  # (1 + n) / (10 + n)
    expected = 1 * ramp_up[0] + 0.5 * (1 - ramp_up[0])
    expected = expected * ramp_up[1] + 0.25 * (1 - ramp_up[1])
    average = read_weights(tmp_path / LAST_FILE).tensors
    assert average["first"].item() == pytest.approx(expected)
    assert values_of(recipe)[0] == pytest.approx(0.25)


def test_a_longer_gradient_is_shortened(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(3.0), gradient_norm=0.5)
    ((first, second),) = follow(recipe, tmp_path)
    long = math.hypot(3, 6)
    assert first == pytest.approx(1 - 3 * 0.5 / long, rel=1e-5)
    assert second == pytest.approx(2 - 0.1 * 6 * 0.5 / long, rel=1e-5)


def test_no_checkpoint_is_written_between_the_batches_of_an_optimiser_step(
    tmp_path: Path,
) -> None:
    saved = []

    def look() -> None:
        path = tmp_path / LAST_FILE
        saved.append(read_weights(path).step if path.is_file() else 0)

    recipe = recipe_of(Listed(*[0.1] * 5), accumulate=2, checkpoint_seconds=1e-9)
    every = Validation(lambda: {"figure": 1.0}, "figure", every_steps=3)
    follow(replace(recipe, validation=every), tmp_path, look)
    assert saved == [0, 0, 2, 2, 4]  # before the step's own
    assert read_weights(tmp_path / LAST_FILE).step == 5


def test_a_loss_that_is_no_number_ends_the_run_and_its_batch_can_be_read(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.25, math.nan, 1.0), checkpoint_seconds=1e-9)
    with pytest.raises(TrainingDiverged, match=r"the loss of step 2 .*diverged\.pt.*learning rate"):
        follow(recipe, tmp_path)
    kept = torch.load(tmp_path / BAD_BATCH_FILE, weights_only=True)
    assert kept["step"] == 2
    assert kept["batch"].keys() == {"slopes", "root"}
    assert kept["batch"]["slopes"]["first"].isnan()
    assert math.isnan(kept["terms"]["first"])
    assert values_of(recipe) == pytest.approx((0.25, 2 - 0.15))
    assert read_weights(tmp_path / LAST_FILE).tensors["first"].item() == pytest.approx(0.25)


def test_a_gradient_that_is_no_number_reaches_no_weight(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.0, root=1))
    with pytest.raises(TrainingDiverged, match="the gradient of step 1"):
        follow(recipe, tmp_path)
    assert values_of(recipe) == pytest.approx((0.5, 1.9))
    assert torch.load(tmp_path / BAD_BATCH_FILE, weights_only=True)["step"] == 1


def test_a_bad_batch_that_cannot_be_kept_hides_no_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(TrainingDiverged, match=r"could not be kept: .*No space left"):
        follow(recipe_of(Listed(math.inf)), tmp_path)


def test_the_weights_that_are_exported_are_the_ones_that_are_measured(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.5), average_decay=0.9)
    network = recipe.method.network

    def measure() -> dict[str, float]:
        return {"figure": float(network.state_dict()["first"])}

    measured = replace(recipe, validation=Validation(measure, "figure", every_steps=2))
    assert [first for first, _ in follow(measured, tmp_path)] == [0.5, 0.0]
    assert values_of(recipe)[0] == 0.0  # its own again
    best = read_weights(tmp_path / BEST_FILE)
    assert best.figures == {"figure": best.tensors["first"].item()}
    assert best.figures["figure"] > 0.1
    (record,) = records(tmp_path, "validation")
    assert record["figure"] == best.figures["figure"]


def test_only_a_better_figure_replaces_the_best(tmp_path: Path) -> None:
    figures = iter([0.2, 0.6, 0.4, 0.6])
    validation = Validation(lambda: {"figure": next(figures)}, "figure", every_steps=2)
    follow(recipe_of(Listed(*[0.1] * 7), validation=validation), tmp_path)
    assert read_weights(tmp_path / BEST_FILE).step == 4
    steps = [(one["step"], one["figure"]) for one in records(tmp_path, "validation")]
    assert steps == [(2, 0.2), (4, 0.6), (6, 0.4), (7, 0.6)]  # the last step is always measured


def test_what_was_left_out_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    follow(recipe_of(Listed(0.1, 0.1)), tmp_path)
    lines = [line for line in caplog.messages if "left out" in line]
    assert lines == ["left out of step 1: crop lost.png cannot be read"]


def test_a_batch_that_cannot_be_drawn_ends_the_run_at_its_step(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.5, 0.25, 1.0, bad=2))
    with pytest.raises(CropUnreadable, match=r"gone\.png"):
        follow(recipe, tmp_path)
    assert values_of(recipe)[0] == pytest.approx(0.25)


def test_reports_of_steps_that_are_taken_again_are_not_doubled(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(*[0.1] * 6), checkpoint_seconds=1e-9)

    def stop(done: int, total: int, values: Mapping[str, float]) -> None:
        assert (total, "first" in values) == (6, True)
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, start_state(recipe), tmp_path, make_accelerator("fp32"), stop)
    with (tmp_path / METRICS_FILE).open("a", encoding="utf-8") as file:
        file.write('{"step": 4, "group": "train"}\n{"step": 4, "gro')  # killed while writing
    again = recipe_of(Listed(*[0.1] * 6))
    state = start_state(again)
    restore_state(state, tmp_path / LAST_FILE)
    assert state.step == 3
    train(again, state, tmp_path, make_accelerator("fp32"), ignore)
    assert [record["step"] for record in records(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert values_of(again)[0] == pytest.approx(0.4)


def test_a_finished_run_that_goes_on_changes_nothing(tmp_path: Path) -> None:
    recipe = recipe_of(Listed(0.1, 0.2))
    follow(recipe, tmp_path)
    before = (tmp_path / METRICS_FILE).read_text(encoding="utf-8")
    again = recipe_of(Listed(0.1, 0.2))
    state = start_state(again)
    restore_state(state, tmp_path / LAST_FILE)
    train(again, state, tmp_path, make_accelerator("fp32"), ignore)
    assert values_of(again) == values_of(recipe)
    assert (tmp_path / METRICS_FILE).read_text(encoding="utf-8") == before
