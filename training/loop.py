"""The training loop, written out; device, precision and distribution are accelerate's."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import nn

from models.errors import DescryError
from training.averaging import WeightAverage
from training.batch_source import BatchSource, Drawn, as_dictionaries, draw_from, to_device
from training.checkpoints import (
    BEST_FILE,
    LAST_FILE,
    TrainingState,
    save_state,
    save_weights,
)
from training.contracts import TrainingMethod
from training.optimisers import OptimiserConfig, make_optimiser
from training.terms import LossTerms
from training.tracking import Tracker, draw_curves, forget_after

BAD_BATCH_FILE = "diverged.pt"

logger = logging.getLogger(__name__)
BatchT = TypeVar("BatchT")


class TrainingDiverged(DescryError):
    """The loss is no longer a number."""


class StepListener(Protocol):
    """Is told of every step: how far the run is, how fast, and its terms."""

    def __call__(self, done: int, total: int, values: Mapping[str, float]) -> None:
        """Show it."""
        ...


@dataclass(frozen=True)
class Validation:
    """How a run is measured on the way: ``figure`` of what ``measure`` returns is to grow."""

    measure: Callable[[], dict[str, float]]
    figure: str
    every_steps: int


@dataclass(frozen=True)
class Recipe(Generic[BatchT]):
    """What a run is made of.

    ``factor`` maps a step to the factor of every learning rate. One optimiser step follows the
    mean gradient of ``accumulate`` batches, at the end of the run that of the batches left.
    ``gradient_norm`` clips where it is not None.
    """

    method: TrainingMethod
    source: BatchSource[BatchT]
    optimiser: OptimiserConfig
    factor: Callable[[int], float]
    seed: int
    validation: Validation | None = None
    accumulate: int = 1
    gradient_norm: float | None = None
    average_decay: float | None = None
    checkpoint_seconds: float = 600
    report_steps: int = 20
    workers: int = 0


def make_accelerator(precision: str) -> Accelerator:
    """Return what places networks and batches, and joins processes that torchrun started.

    Args:
        precision: ``fp32`` or ``fp16_pure`` (the method's weights say which), or ``bf16``, under
            which matrix products of the forward run in bfloat16.
    """
    return Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no",
        cpu=not torch.cuda.is_available(),
        # Heads of the published systems hold weights that no loss reaches.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def start_state(recipe: Recipe[BatchT]) -> TrainingState:
    """Return the state before the first step."""
    network = recipe.method.network
    average = None
    if recipe.average_decay is not None:
        average = WeightAverage(network, recipe.average_decay)
    optimiser = make_optimiser(recipe.method.parameter_groups(), recipe.optimiser)
    return TrainingState(network, optimiser, average)


def train(
    recipe: Recipe[BatchT],
    state: TrainingState,
    folder: Path,
    accelerator: Accelerator,
    on_step: StepListener,
) -> None:
    """Train from ``state`` to the end; save ``last`` now and then, ``best`` when it improves.

    Raises:
        TrainingDiverged: If the loss or its gradient is not finite; the batch is kept in the run
            folder.
        ConfigurationInvalid: If a checkpoint cannot be written.
    """
    network, optimiser = accelerator.prepare(state.network, state.optimiser)
    total, first = len(recipe.source), state.step
    saved_at = reported_at = stepped_at = time.monotonic()
    reported_samples = state.samples
    save_due = False
    with _tracker(folder, state, accelerator) as tracker:
        for drawn in draw_from(recipe.source, first, workers=recipe.workers):
            terms = take_step(recipe, state, network, optimiser, accelerator, drawn, folder)
            values = terms.values()
            now = time.monotonic()
            on_step(
                state.step, total, values | {"crops/s": drawn.size / max(now - stepped_at, 1e-9)}
            )
            stepped_at = now
            if tracker is None:  # the first process alone reports, validates and saves
                continue
            if state.step % recipe.report_steps == 0 or state.step == total:
                rate = (state.samples - reported_samples) / max(now - reported_at, 1e-9)
                _report(tracker, state, optimiser, values, rate)
                reported_at, reported_samples = now, state.samples
            save_due |= _validate(recipe, state, tracker, folder)
            save_due |= now - saved_at > recipe.checkpoint_seconds
            # Gradients that wait for the next batch are in no checkpoint.
            if save_due and _update_of(recipe, state.step - 1).is_complete:
                save_state(state, folder / LAST_FILE)
                saved_at, save_due = time.monotonic(), False
    if accelerator.is_main_process:
        save_state(state, folder / LAST_FILE)
        draw_curves(folder)


def take_step(  # noqa: PLR0913 - what accelerate wrapped stands beside what it is of
    recipe: Recipe[BatchT],
    state: TrainingState,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    accelerator: Accelerator,
    drawn: Drawn[BatchT],
    folder: Path,
) -> LossTerms:
    """Follow the gradient of one batch, and return its terms.

    Raises:
        TrainingDiverged: If the loss or its gradient is not finite.
    """
    for skipped in drawn.skipped:
        logger.warning("left out of step %d: %s", state.step, skipped)
    entropy = (recipe.seed, state.step, accelerator.process_index)
    torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
    factor = recipe.factor(state.step)
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor
    network.train()
    terms: LossTerms = network(to_device(drawn.batch, accelerator.device))
    total = terms.total()
    bad_batch = folder / BAD_BATCH_FILE
    if not accelerator.is_main_process:
        bad_batch = bad_batch.with_stem(f"{bad_batch.stem}-{accelerator.process_index}")
    if not math.isfinite(total.item()):
        _keep_bad_batch("the loss", state, terms, drawn, bad_batch)
    update = _update_of(recipe, state.step)
    accelerator.backward(total / update.batches)
    if update.is_complete:
        trained = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        norm = accelerator.clip_grad_norm_(trained, recipe.gradient_norm or math.inf)
        if not math.isfinite(norm.item()):
            _keep_bad_batch("the gradient", state, terms, drawn, bad_batch)
        optimiser.step()
        optimiser.zero_grad()
        _follow(state, update.number, accelerator.device)
    state.step += 1
    state.samples += drawn.size * accelerator.num_processes
    return terms


@dataclass(frozen=True)
class _Update:
    """An optimiser step: the first has number 1; ``batches`` are those it follows."""

    number: int
    batches: int
    is_complete: bool


def _update_of(recipe: Recipe[BatchT], step: int) -> _Update:
    """Return the optimiser step that a batch is for, and whether it is the last one for it."""
    before = step // recipe.accumulate
    start = before * recipe.accumulate
    end = min(start + recipe.accumulate, len(recipe.source))
    return _Update(before + 1, end - start, is_complete=step + 1 == end)


def _follow(state: TrainingState, update: int, device: torch.device) -> None:
    average = state.average
    if average is None:
        return
    # It is made, and restored, before the network is on its device.
    average.tensors = {name: tensor.to(device) for name, tensor in average.tensors.items()}
    average.update(state.network, update)


@contextmanager
def _tracker(
    folder: Path, state: TrainingState, accelerator: Accelerator
) -> Iterator[Tracker | None]:
    """Give the first process, and no other, what to report to."""
    if not accelerator.is_main_process:
        yield None
        return
    forget_after(folder, state.step)
    with Tracker(folder, state.step) as tracker:
        yield tracker


def _report(
    tracker: Tracker,
    state: TrainingState,
    optimiser: torch.optim.Optimizer,
    values: Mapping[str, float],
    rate: float,
) -> None:
    record = {
        "samples": float(state.samples),
        "samples_per_second": round(rate, 1),
        "learning_rate": optimiser.param_groups[0]["lr"],
        **values,
    }
    tracker.record(state.step, record, group="train")
    logger.info("step %d, %d samples, %.1f/s: %s", state.step, state.samples, rate, values)


def _validate(recipe: Recipe[BatchT], state: TrainingState, tracker: Tracker, folder: Path) -> bool:
    """Measure where it is due, and say whether it was."""
    validation = recipe.validation
    due = validation is not None and (
        state.step % validation.every_steps == 0 or state.step == len(recipe.source)
    )
    if validation is None or not due:
        return False
    with _exported_weights(state):
        figures = validation.measure()
    tracker.record(state.step, figures, group="validation")
    logger.info("step %d, validation: %s", state.step, figures)
    figure = figures[validation.figure]
    if state.best is None or figure > state.best:
        state.best = figure
        save_weights(state, figures, folder / BEST_FILE)
    draw_curves(folder)
    return True


@contextmanager
def _exported_weights(state: TrainingState) -> Iterator[None]:
    """Put the averaged weights, where there are some, into the network for a while."""
    if state.average is None:
        yield
        return
    own = {name: tensor.clone() for name, tensor in state.network.state_dict().items()}
    state.network.load_state_dict(state.average.tensors)
    try:
        yield
    finally:
        state.network.load_state_dict(own)


def _keep_bad_batch(
    what: str, state: TrainingState, terms: LossTerms, drawn: Drawn[BatchT], path: Path
) -> None:
    content = {
        "step": state.step, "terms": terms.values(), "batch": as_dictionaries(drawn.batch),
    }  # fmt: skip
    try:
        torch.save(content, path)
        kept = f"The batch is kept in {path}."
    except (OSError, RuntimeError) as error:
        kept = f"The batch could not be kept: {error}."
    raise TrainingDiverged(
        f"{what} of step {state.step} is not a number ({terms.values()}). {kept} Lower the "
        "learning rate, or train in fp32, and go on from the last checkpoint"
    )
