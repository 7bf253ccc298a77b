"""Turn a run into a model directory: card, weights, vocabulary."""

import json
from dataclasses import replace
from pathlib import Path

from models.card import ModelCard
from models.errors import CheckpointUnreadable
from models.state_dicts import write_model_directory
from training.checkpoints import BEST_FILE, LAST_FILE, SavedWeights, read_weights
from training.config import RenderedRunConfig, TrainConfig
from training.contracts import TrainingMethod
from training.data_fingerprints import read_fingerprint
from training.evaluation.rendered_figures import without_single_queries
from training.runs import ENVIRONMENT_FILE
from training.selection import selecting_split

EVALUATION_FILE = "evaluation.json"


def exported_weights(run: Path, config: TrainConfig) -> SavedWeights:
    """Return what a run exports: its ``best`` weights, or the last where nothing was validated.

    Raises:
        CheckpointUnreadable: If the run has not saved a checkpoint, or it is damaged.
    """
    chosen = BEST_FILE if selecting_split(config, run) is not None else LAST_FILE
    return read_weights(run / chosen)


def export_run(
    run: Path, config: TrainConfig, method: TrainingMethod, directory: Path
) -> ModelCard:
    """Write a run's model as a model directory, without the heads that only training needs.

    Raises:
        CheckpointUnreadable: If the run has not saved a checkpoint, or it is damaged.
        ConfigurationInvalid: If the directory is there already, or cannot be made.
    """
    saved = exported_weights(run, config)
    try:
        model = method.stored_model(saved.tensors)
    except KeyError as error:
        raise CheckpointUnreadable(
            f"the checkpoint of {run} lacks {error}: it is of another configuration"
        ) from error
    provenance = model.card.provenance | _provenance(run, config, saved)
    card = model.card.model_copy(update={"provenance": provenance})
    return write_model_directory(directory, replace(model, card=card))


def _provenance(run: Path, config: TrainConfig, saved: SavedWeights) -> dict[str, str]:
    environment = json.loads((run / ENVIRONMENT_FILE).read_text(encoding="utf-8"))
    provenance = {
        **_data(run, config),
        "command": environment["command"],
        "configuration": config.model_dump_json(),
        "steps": f"{saved.step:,}",
        "samples": f"{saved.samples:,}",
        "device": f"{environment['device']}, {environment['processor']}",
        "started_at": environment["started_at"],
        "torch": environment["torch"],
        "commit": environment["commit"],
    }
    chosen_by = selecting_split(config, run)
    provenance["selected_on_test"] = json.dumps(chosen_by == "test")
    if chosen_by is not None:
        provenance["validation"] = f"{chosen_by}: {json.dumps(saved.figures)}"
    evaluation = run / EVALUATION_FILE
    if evaluation.is_file():
        figures = json.loads(evaluation.read_text(encoding="utf-8"))
        provenance["figures"] = json.dumps(without_single_queries(figures))
    return provenance


def _data(run: Path, config: TrainConfig) -> dict[str, str]:
    there = read_fingerprint(run)
    digest = {} if there is None else {"data_sha256": there.sha256}
    if isinstance(config, RenderedRunConfig):
        data = config.data
        rendered = (
            f"{data.people:,} rendered people, {data.sightings} sightings each, seed {data.seed}, "
            f"setting {data.setting}, evenness {data.evenness:g}, siblings {data.siblings:g}, "
            "by training/datasets/rendered_people; no photograph of anybody"
        )
        planned = {"samples_planned": f"{config.method.samples:,}"}
        return {"data": rendered, **planned, **digest}
    if there is None:
        return {"data": config.data.name}
    crops, people = there.crops["train"], there.people["train"]
    return {"data": f"{there.name}: {crops:,} crops of {people:,} people to learn from", **digest}
