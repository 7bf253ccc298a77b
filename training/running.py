"""One run from its configuration to an exported, measured model."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator

from models.devices import choose_dtype
from models.loading import load_encoder
from training.captioned_batches import Share
from training.checkpoints import LAST_FILE, MODEL_FOLDER, restore_state
from training.config import RenderedRunConfig, TrainConfig
from training.contracts import TrainingMethod
from training.data_fingerprints import fingerprint_of, keep_fingerprint
from training.datasets.captioned_crops import CaptionedCrops, Split
from training.datasets.sources import gallery_of, read_data
from training.evaluation.captioned import EvaluatedSplit, evaluate_retrieval
from training.evaluation.rendered import Figures, evaluate
from training.evaluation.report import RetrievalReport
from training.export import EVALUATION_FILE, export_run
from training.loop import StepListener, make_accelerator, start_state, train
from training.preparation import build_method, built_rendered, prepare, prepare_people
from training.runs import LOG_FILE, open_run, read_run_config
from training.selection import selected_on
from training.word_counts import put_in_place

logger = logging.getLogger(__name__)
OnProgress = Callable[[int, int], None]


def run(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool,
    on_progress: OnProgress,
    on_step: StepListener,
) -> None:
    """Train as a configuration says, or go on with a run that was stopped.

    Raises:
        DescryError: If the configuration, the data or the run folder cannot work, or the loss is
            no longer a number.
    """
    accelerator = make_accelerator(precision_of(config))
    if accelerator.is_main_process:
        open_run(folder, config, resume=resume)
    accelerator.wait_for_everyone()
    with _log_to(folder / LOG_FILE, accelerator):
        # One after the other: the first renders the people and writes the vocabulary.
        with accelerator.main_process_first():
            recipe = prepare(config, folder, share_of(accelerator), on_progress)
        state = start_state(recipe)
        if resume and (folder / LAST_FILE).is_file():
            restore_state(state, folder / LAST_FILE)
            logger.info("goes on after step %d", state.step)
        train(recipe, state, folder, accelerator, on_step)


def finish(config: TrainConfig, folder: Path, on_progress: OnProgress) -> str | None:
    """Export a run's model into its folder and measure it: the figures as JSON.

    None where the data has nobody to measure on whom the run has not learned from.

    Raises:
        DescryError: If the data cannot be read, or the run has saved no weights.
    """
    model = folder / MODEL_FOLDER
    # Of an earlier end of this run.
    shutil.rmtree(model, ignore_errors=True)
    (folder / EVALUATION_FILE).unlink(missing_ok=True)
    method, data = _method_of(config, folder, on_progress)
    export_run(folder, config, method, model)
    figures = measure(config, data, model, on_progress)
    if figures is None:
        return None
    written = as_json(figures)
    put_in_place(written.encode(), folder / EVALUATION_FILE)
    # Once more, so that the card carries the figures.
    shutil.rmtree(model)
    export_run(folder, config, method, model)
    return written


def export(folder: Path, directory: Path, on_progress: OnProgress) -> str:
    """Write a run's model as a model directory; return its fingerprint.

    Raises:
        DescryError: If the folder holds no run that has saved weights, the data is no longer that
            of the run, or the directory is taken.
    """
    config = read_run_config(folder)
    method, _ = _method_of(config, folder, on_progress)
    return export_run(folder, config, method, directory).fingerprint()


def measure(
    config: TrainConfig, data: CaptionedCrops | None, model: Path, on_progress: OnProgress
) -> Figures | RetrievalReport | None:
    """Measure an exported model on people that its run has not learned from.

    Captioned crops: on the test split, or on val where there is none; None without either.
    Rendered people, which need no data: on the held-out ones of the configuration.

    Raises:
        DescryError: If the crops cannot be read.
    """
    if isinstance(config, RenderedRunConfig):
        held_out = config.held_out
        crops = prepare_people(
            config.data.folder,
            people=held_out.people,
            sightings=held_out.sightings,
            seed=held_out.seed,
            setting=held_out.setting,
            on_progress=on_progress,
        )
        return evaluate(load_encoder(model), crops, held_out.seed)
    if data is None or not (data.test or data.val):
        return None
    split: Split = "test" if data.test else "val"
    known = selected_on(model, fingerprint_of(data), split)
    return evaluate_retrieval(
        load_encoder(model),
        gallery_of(data, split),
        EvaluatedSplit(data.name, split, known),
        on_progress=on_progress,
    ).report


def _method_of(
    config: TrainConfig, folder: Path, on_progress: OnProgress
) -> tuple[TrainingMethod, CaptionedCrops | None]:
    """Return the method of a run, and the captioned crops it is on, which must be as they were."""
    if isinstance(config, RenderedRunConfig):
        return built_rendered(config, folder), None
    data = read_data(config.data, on_progress)
    keep_fingerprint(fingerprint_of(data), folder)
    return build_method(config, data, folder), data


def as_json(figures: Figures | RetrievalReport) -> str:
    """Return figures as JSON, without what was not asked for."""
    return figures.model_dump_json(indent=1, exclude_none=True)


def share_of(accelerator: Accelerator) -> Share:
    """Return which part of each batch this process sees."""
    return Share(accelerator.process_index, accelerator.num_processes)


def precision_of(config: TrainConfig) -> str:
    """Return the precision of a run on this machine: ``fp32`` or ``bf16``."""
    if config.precision != "auto":
        return config.precision
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return "bf16" if choose_dtype("auto", device) is torch.bfloat16 else "fp32"


@contextmanager
def _log_to(path: Path, accelerator: Accelerator) -> Iterator[None]:
    if not accelerator.is_main_process:
        yield
        return
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    reports = logging.getLogger("training")
    reports.setLevel(logging.INFO)
    reports.addHandler(handler)
    try:
        yield
    finally:
        reports.removeHandler(handler)
        handler.close()
