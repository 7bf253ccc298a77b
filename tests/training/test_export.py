import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import CheckpointUnreadable
from models.loading import load_encoder
from training.checkpoints import LAST_FILE, save_state
from training.config import TrainConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.evaluation import encode_crops
from training.export import EVALUATION_FILE, export_run
from training.loop import start_state
from training.preparation import build_method, prepare_corpus
from training.runs import open_run


@pytest.fixture
def run(config: TrainConfig, crops: RenderedCrops, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    open_run(folder, config, resume=False)
    _, sizes = prepare_corpus(config, crops, folder)
    state = start_state(build_method(config, sizes), config.optimiser)
    state.samples = 80
    state.average.tensors["network.image_projection.bias"].fill_(0.25)  # unlike the last weights
    save_state(state, folder / LAST_FILE)
    return folder


def test_exported_model_is_the_average_and_loads(
    run: Path, crops: RenderedCrops, tmp_path: Path
) -> None:
    card = export_run(run, tmp_path / "model")
    encoder = load_encoder(tmp_path / "model", device="cpu")
    assert encoder.card == card
    rows = encode_crops(encoder, crops)
    assert rows.shape == (24, 16)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(24), abs=1e-5)
    assert card.provenance["samples"] == "80 of 160"
    weights = torch.load(run / LAST_FILE, weights_only=True)["average"]
    assert weights["network.image_projection.bias"].unique().tolist() == [0.25]


def test_card_carries_the_figures_of_these_weights_only(run: Path, tmp_path: Path) -> None:
    sha256 = export_run(run, tmp_path / "model").weights_sha256
    for found, expected in ((sha256, True), ("0" * 64, False)):
        (run / EVALUATION_FILE).write_text(json.dumps({"weights_sha256": found}))
        card = export_run(run, tmp_path / "model")
        assert ("figures" in card.provenance) is expected


def test_run_without_a_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    (run / LAST_FILE).unlink()
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt"):
        export_run(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()
