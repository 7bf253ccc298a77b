"""``run``: train as a configuration says, or try it out."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from models.command_lines import FAILED, one_line_errors
from training import running
from training.commands.progress_bars import ShowProgress, console, progress_bar, progress_bars
from training.config import TrainConfig, read_config
from training.loop import StepListener
from training.trial import try_out


def run_training(
    config: Annotated[Path, typer.Argument(help="A TOML file; see training/configs.")],
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/NAME.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value in place of the file's, as batches.size=32."),
    ] = None,
    *,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all of it, take one step, keep nothing.")
    ] = False,
) -> None:
    """Train as a configuration says, export the model into the run folder, and measure it."""
    with one_line_errors():
        settings = read_config(config, overrides or ())
        if dry_run:
            _try_out(settings)
            return
        folder = out or Path("runs") / config.stem
        with progress_bars("rendering", "training") as (on_render, on_step):
            running.run(
                settings, folder, resume=resume, on_progress=on_render, on_step=_shown(on_step)
            )
        if int(os.environ.get("RANK", "0")) == 0:
            _finish(settings, folder)


def _finish(config: TrainConfig, folder: Path) -> None:
    with progress_bar("measuring") as on_progress:
        figures = running.finish(config, folder, on_progress)
    if figures is None:
        console.print("not measured: the data has neither a val nor a test split")
        return
    sys.stdout.write(f"{figures}\n")


def _try_out(config: TrainConfig) -> None:
    with progress_bar("rendering") as on_render:
        trial = try_out(config, on_render)
    terms = ", ".join(f"{name} {value:.4g}" for name, value in trial.terms.items())
    hours = trial.steps * trial.step_seconds / 3600
    seconds = f"{trial.step_seconds:.2f} s (the first, which is slow)"
    sys.stdout.writelines(
        (
            f"{trial.trained_parameters:,} trained parameters; first terms: {terms}\n",
            f"{trial.steps:,} steps of {seconds}: at most {hours:.1f} h\n",
            f"{trial.samples:,} samples; peak memory {trial.peak_memory_mebibytes:,.0f} MiB\n",
            *(f"problem: {problem}\n" for problem in trial.problems),
        )
    )
    if trial.problems:
        raise typer.Exit(FAILED)


def _shown(on_step: ShowProgress) -> StepListener:
    def show(done: int, total: int, values: Mapping[str, float]) -> None:
        terms = " ".join(f"{name} {value:.3g}" for name, value in values.items())
        on_step(done, total, terms)

    return show
