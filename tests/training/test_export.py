import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.card import WEIGHTS_FILE
from models.encoders.compact_dual import VOCABULARY_FILE
from models.errors import CheckpointUnreadable, ConfigurationInvalid
from models.loading import load_encoder
from tests.training.captioned_people import run_config, write_captioned_people
from training.averaging import WeightAverage
from training.checkpoints import BEST_FILE, LAST_FILE, TrainingState, save_state, save_weights
from training.config import CaptionedRunConfig, RenderedRunConfig
from training.contracts import TrainingMethod
from training.data_fingerprints import fingerprint_of, fingerprint_of_rendered, keep_fingerprint
from training.datasets.rendered_people.shards import RenderedCrops
from training.datasets.sources import read_data
from training.evaluation.rendered import encode_crops
from training.export import EVALUATION_FILE, export_run, exported_weights
from training.methods import compact_dual
from training.optimisers import make_optimiser
from training.preparation import build_method, prepare_corpus
from training.runs import open_run

PROJECTION = "base_model.text_projection"


@pytest.fixture
def rendered(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> tuple[Path, TrainingMethod]:
    """A run of the compact encoder that has been saved once."""
    folder = tmp_path / "run"
    open_run(folder, config, resume=False)
    keep_fingerprint(fingerprint_of_rendered(crops), folder)
    prepare_corpus(config, crops, folder)
    method = compact_dual.build(config.method, folder / VOCABULARY_FILE, config.optimiser, 1)
    state = TrainingState(
        method.network,
        make_optimiser(method.parameter_groups(), config.optimiser),
        WeightAverage(method.network, 0.5),
        step=10,
        samples=80,
    )
    assert state.average is not None
    state.average.tensors["network.image_projection.bias"].fill_(0.25)  # unlike the last weights
    save_state(state, folder / LAST_FILE)
    return folder, method


def captioned_run(
    tmp_path: Path, *, best: bool, select_on_test: bool = False
) -> tuple[Path, CaptionedRunConfig, TrainingMethod]:
    """A run of IRRA whose last projection is all ones, and whose best is all twos."""
    root = write_captioned_people(tmp_path / "people")
    validation = {"select_on_test": select_on_test}
    config = run_config(root, validation=validation)
    folder = tmp_path / "run"
    open_run(folder, config, resume=False)
    data = read_data(config.data)
    keep_fingerprint(fingerprint_of(data), folder)
    method = build_method(config, data, folder)
    optimiser = make_optimiser(method.parameter_groups(), config.optimiser)
    state = TrainingState(method.network, optimiser, step=12, samples=96)
    projection = method.network.get_parameter(PROJECTION)
    torch.nn.init.ones_(projection)
    save_state(state, folder / LAST_FILE)
    if best:
        state.step, state.samples = 6, 48
        torch.nn.init.constant_(projection, 2)
        save_weights(state, {"recall_at_1": 0.5}, folder / BEST_FILE)
    return folder, config, method


def test_an_exported_model_is_the_average_and_loads(
    rendered: tuple[Path, TrainingMethod],
    config: RenderedRunConfig,
    crops: RenderedCrops,
    tmp_path: Path,
) -> None:
    run, method = rendered
    card = export_run(run, config, method, tmp_path / "model")
    encoder = load_encoder(tmp_path / "model", device="cpu")
    assert encoder.card == card
    rows = encode_crops(encoder, crops)
    assert rows.shape == (24, 16)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(24), abs=1e-5)
    weights = load_file(tmp_path / "model" / WEIGHTS_FILE)
    assert set(weights["image_projection.bias"].tolist()) == {0.25}


def test_the_card_says_where_weights_come_from(
    rendered: tuple[Path, TrainingMethod],
    config: RenderedRunConfig,
    crops: RenderedCrops,
    tmp_path: Path,
) -> None:
    run, method = rendered
    provenance = export_run(run, config, method, tmp_path / "model").provenance
    assert (provenance["steps"], provenance["samples"]) == ("10", "80")
    assert provenance["data"].startswith("12 rendered people, 2 sightings each, seed 1")
    assert provenance["data_sha256"] == fingerprint_of_rendered(crops).sha256
    assert provenance["selected_on_test"] == "false"
    assert json.loads(provenance["configuration"])["seed"] == 3
    assert {"command", "device", "started_at", "torch", "commit"} <= provenance.keys()
    assert not {"validation", "figures"} & provenance.keys()


def test_figures_of_the_run_are_on_the_card(
    rendered: tuple[Path, TrainingMethod], config: RenderedRunConfig, tmp_path: Path
) -> None:
    run, method = rendered
    (run / EVALUATION_FILE).write_text('{\n "people": 4\n}')
    card = export_run(run, config, method, tmp_path / "model")
    assert card.provenance["figures"] == '{"people": 4}'


@pytest.mark.parametrize("select_on_test", [False, True])
def test_the_best_weights_are_exported_and_the_card_says_what_chose_them(
    tmp_path: Path, *, select_on_test: bool
) -> None:
    run, config, method = captioned_run(tmp_path, best=True, select_on_test=select_on_test)
    card = export_run(run, config, method, tmp_path / "model")
    weights = load_file(tmp_path / "model" / WEIGHTS_FILE)
    assert set(weights["text.text_projection"].flatten().tolist()) == {2.0}
    assert card.provenance["steps"] == "6"
    split = "test" if select_on_test else "val"
    assert card.provenance["validation"] == f'{split}: {{"recall_at_1": 0.5}}'
    assert card.provenance["selected_on_test"] == ("true" if select_on_test else "false")
    assert card.provenance["data"].endswith(": 12 crops of 6 people to learn from")


def test_without_a_best_the_last_weights_are_exported(tmp_path: Path) -> None:
    run, config, method = captioned_run(tmp_path, best=False, select_on_test=True)
    assert bool((exported_weights(run, config).tensors[PROJECTION] == 1).all())
    provenance = export_run(run, config, method, tmp_path / "model").provenance
    assert provenance["selected_on_test"] == "false"
    assert "validation" not in provenance


def test_a_run_without_a_checkpoint_is_refused(
    rendered: tuple[Path, TrainingMethod], config: RenderedRunConfig, tmp_path: Path
) -> None:
    run, method = rendered
    (run / LAST_FILE).unlink()
    with pytest.raises(CheckpointUnreadable, match=r"last\.pt"):
        export_run(run, config, method, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_directory_that_is_there_is_not_overwritten(
    rendered: tuple[Path, TrainingMethod], config: RenderedRunConfig, tmp_path: Path
) -> None:
    run, method = rendered
    (tmp_path / "model").mkdir()
    with pytest.raises(ConfigurationInvalid, match="is there already"):
        export_run(run, config, method, tmp_path / "model")
