"""The training loop, written out."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
import torch
from torch import nn

from models.devices import choose_dtype
from training.averaging import WeightAverage
from training.batches import Batch, draw_batch
from training.checkpoints import LAST_FILE, TrainingState, save_state
from training.config import OptimiserConfig, TrainConfig
from training.corpus import Corpus
from training.schedule import learning_rate_at, phase_at
from training.terms import LossTerms

METRICS_FILE = "metrics.jsonl"
STEPS_A_REPORT = 20

logger = logging.getLogger(__name__)


class TrainingMethod(Protocol):
    """An encoder with its training-only heads."""

    def losses(self, batch: Batch, *, autocast: torch.autocast) -> LossTerms:
        """Return the terms for a batch; the towers run under ``autocast``."""
        ...


def start_state(method: nn.Module, config: OptimiserConfig) -> TrainingState:
    """Return the state before the first step: AdamW without decay on norms and biases."""
    matrices = [p for p in method.parameters() if p.ndim > 1]
    others = [p for p in method.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
    )
    return TrainingState(method, WeightAverage(method, config.average_decay), optimiser)


def train(
    state: TrainingState,
    method: TrainingMethod,
    corpus: Corpus,
    config: TrainConfig,
    folder: Path,
    on_step: Callable[[int, int], None],
) -> None:
    """Train from ``state`` to the end of the schedule; save to ``folder`` now and then."""
    dtype = choose_dtype(config.precision, torch.device("cpu"))
    saved_at = reported_at = time.monotonic()
    reported_samples = state.samples
    with (folder / METRICS_FILE).open("a", encoding="utf-8") as metrics:
        while state.samples < config.samples:
            terms = take_step(state, method, corpus, config, dtype)
            on_step(state.samples, config.samples)
            now = time.monotonic()
            if state.step % STEPS_A_REPORT == 0:
                rate = (state.samples - reported_samples) / (now - reported_at)
                _report(state, terms, rate, metrics)
                reported_at, reported_samples = now, state.samples
            if now - saved_at > config.checkpoint_seconds:
                save_state(state, folder / LAST_FILE)
                saved_at = now
    save_state(state, folder / LAST_FILE)


def take_step(
    state: TrainingState,
    method: TrainingMethod,
    corpus: Corpus,
    config: TrainConfig,
    dtype: torch.dtype,
) -> LossTerms:
    """Draw one batch, follow its gradient, and return its terms."""
    phase = phase_at(config.phases, state.samples)
    rate = learning_rate_at(config.optimiser, state.samples, config.samples)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    rng = np.random.default_rng((config.seed, state.step))
    batch = draw_batch(corpus, phase, config.augmentation, config.objective, rng)
    state.method.train()
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16)
    terms = method.losses(batch, autocast=autocast)
    state.optimiser.zero_grad()
    terms.total().backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.method.parameters(), config.optimiser.gradient_norm)
    state.optimiser.step()
    state.step += 1
    state.samples += len(batch.pixels)
    state.average.update(state.method, state.step)
    return terms


def _report(state: TrainingState, terms: LossTerms, rate: float, metrics: TextIO) -> None:
    values = {name: round(value, 4) for name, value in terms.values().items()}
    record = {
        "step": state.step,
        "samples": state.samples,
        "samples_per_second": round(rate, 1),
        "learning_rate": state.optimiser.param_groups[0]["lr"],
        **values,
    }
    metrics.write(json.dumps(record) + "\n")
    metrics.flush()
    logger.info("step %d, %d samples, %.0f/s: %s", state.step, state.samples, rate, values)
