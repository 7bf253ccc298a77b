"""Turn a run into a model directory: card, weights, vocabulary."""

import hashlib
import json
import shutil
from pathlib import Path

from safetensors.torch import save as save_safetensors

from models.card import CARD_FILE, WEIGHTS_FILE, ModelCard
from models.encoders.compact_dual import VOCABULARY_FILE, CompactDualSizes
from training.batches import preprocessing
from training.checkpoints import LAST_FILE, read_progress
from training.config import ModelConfig, Phase, TrainConfig
from training.runs import ENVIRONMENT_FILE, read_run_config

EVALUATION_FILE = "evaluation.json"
METHOD = "exact similarity distribution and attribute answers"
STRIDE = 2  # of the stem; every stage after the first halves once more

_NETWORK = "network."


def sizes_for(
    model: ModelConfig, phase: Phase, vocabulary: Path, vocabulary_size: int
) -> CompactDualSizes:
    """Return the encoder's dimensions for a configuration and its vocabulary file."""
    reduction = STRIDE ** len(model.stage_widths)
    return CompactDualSizes(
        stage_widths=model.stage_widths,
        stage_depths=model.stage_depths,
        grid_height=-(-phase.height // reduction),
        grid_width=-(-phase.width // reduction),
        attention_heads=model.attention_heads,
        stripes=model.stripes,
        text_width=model.text_width,
        text_layers=model.text_layers,
        text_heads=model.text_heads,
        max_tokens=model.max_tokens,
        vocabulary_size=vocabulary_size,
        vocabulary_sha256=hashlib.sha256(vocabulary.read_bytes()).hexdigest(),
    )


def export_run(run: Path, directory: Path) -> ModelCard:
    """Write the averaged weights of a run's last checkpoint as a model directory.

    Weights are stored as fp16 and without the training-only heads.

    Raises:
        ConfigurationInvalid: If the folder holds no run.
        CheckpointUnreadable: If the run has not saved a checkpoint, or it is damaged.
    """
    config = read_run_config(run)
    progress = read_progress(run / LAST_FILE)
    weights = {
        name.removeprefix(_NETWORK): tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in progress.average.items()
        if name.startswith(_NETWORK)
    }
    content = save_safetensors({name: tensor.contiguous() for name, tensor in weights.items()})
    vocabulary = run / VOCABULARY_FILE
    size = len(vocabulary.read_text(encoding="utf-8").splitlines())
    phase = config.phases[-1]
    sha256 = hashlib.sha256(content).hexdigest()
    card = ModelCard(
        name=config.model.name,
        architecture="compact_dual",
        method=METHOD,
        embedding_width=config.model.embedding_width,
        image=preprocessing(phase.height, phase.width),
        sizes=sizes_for(config.model, phase, vocabulary, size).model_dump(mode="json"),
        weights_sha256=sha256,
        provenance=_provenance(run, config, progress.samples, sha256),
    )
    directory.mkdir(parents=True, exist_ok=True)
    # The card goes first and comes last: without it, nothing takes the directory for a model.
    (directory / CARD_FILE).unlink(missing_ok=True)
    shutil.copyfile(vocabulary, directory / VOCABULARY_FILE)
    (directory / WEIGHTS_FILE).write_bytes(content)
    (directory / CARD_FILE).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return card


def _provenance(run: Path, config: TrainConfig, samples: int, sha256: str) -> dict[str, str]:
    environment = json.loads((run / ENVIRONMENT_FILE).read_text(encoding="utf-8"))
    people = config.people
    provenance = {
        "data": (
            f"{people.people:,} rendered people, {people.sightings} sightings each, seed "
            f"{people.seed}, by training/datasets/rendered_people; no photograph of anybody"
        ),
        "command": environment["command"],
        "configuration": config.model_dump_json(),
        "samples": f"{samples:,} of {config.samples:,}",
        "device": f"CPU, {environment['threads']} threads, {environment['processor']}",
        "started_at": environment["started_at"],
        "torch": environment["torch"],
        "commit": environment["commit"],
        "licence": "MIT, like the code",
    }
    evaluation = run / EVALUATION_FILE
    if evaluation.is_file():
        figures = json.loads(evaluation.read_text(encoding="utf-8"))
        if figures["weights_sha256"] == sha256:
            provenance["figures"] = json.dumps(figures)
    return provenance
