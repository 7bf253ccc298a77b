from pathlib import Path

import numpy as np
import pytest
import torch

from models.encoders.compact_dual import VOCABULARY_FILE, WORDS_FILE
from models.errors import CheckpointMismatch, ConfigurationInvalid
from models.loading import SHIPPED, load_encoder
from models.state_dicts import write_model_directory
from training.checkpoints import LAST_FILE, MODEL_FOLDER, TrainingState, save_state
from training.compact.trained import read_trained
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.methods.compact_dual import CompactDualMethod, build
from training.preparation import prepare_corpus


def begin(config: RenderedRunConfig, crops: RenderedCrops, run: Path) -> CompactDualMethod:
    run.mkdir()
    prepare_corpus(config, crops, run)
    return build(config.method, run / VOCABULARY_FILE, config.optimiser, config.seed)


@pytest.fixture
def trained(config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path) -> Path:
    method = begin(config, crops, tmp_path / "first")
    directory = tmp_path / "model"
    weights = {
        name: tensor + 0.01 if tensor.is_floating_point() else tensor
        for name, tensor in method.network.state_dict().items()
    }
    write_model_directory(directory, method.stored_model(weights))
    return directory


def going_on(config: RenderedRunConfig, start: Path, **model: object) -> RenderedRunConfig:
    sizes = config.method.model.model_copy(update=model)
    method = config.method.model_copy(update={"start": start, "model": sizes})
    return config.model_copy(update={"method": method})


def test_a_run_goes_on_with_the_weights_the_words_and_the_vocabulary_of_its_start(
    config: RenderedRunConfig, crops: RenderedCrops, trained: Path, tmp_path: Path
) -> None:
    few = RenderedCrops(crops.images[:8], crops.values[:8], crops.person_ids[:8])
    method = begin(going_on(config, trained), few, tmp_path / "second")
    texts = ["a man in a red coat", "blue jeans"]
    expected = load_encoder(str(trained), device="cpu").encode_texts(texts)
    assert np.allclose(method.encoder().encode_texts(texts), expected, atol=1e-6)
    run = tmp_path / "second"
    assert (run / VOCABULARY_FILE).read_bytes() == (trained / VOCABULARY_FILE).read_bytes()
    words = set((run / WORDS_FILE).read_text(encoding="utf-8").split())
    assert words >= set((trained / WORDS_FILE).read_text(encoding="utf-8").split())


def test_a_run_that_starts_from_a_finished_one_has_its_heads_and_its_scale(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    finished = tmp_path / "finished"
    method = begin(config, crops, finished)
    with torch.no_grad():
        for parameter in method.network.parameters():
            parameter.add_(0.25)
    network = method.network
    write_model_directory(finished / MODEL_FOLDER, method.stored_model(network.state_dict()))
    save_state(TrainingState(network, torch.optim.SGD(network.parameters())), finished / LAST_FILE)
    started = begin(going_on(config, finished), crops, tmp_path / "second").network
    assert started.log_scale.item() == network.log_scale.item()
    for own, other in ((started.head, network.head), (started.claim_head, network.claim_head)):
        assert torch.equal(own.weight, other.weight)
        assert torch.equal(own.bias, other.bias)
    texts = ["a man in a red coat", "blue jeans"]
    expected = load_encoder(str(finished / MODEL_FOLDER), device="cpu").encode_texts(texts)
    assert np.allclose(method.encoder().encode_texts(texts), expected, atol=2e-3)  # stored in half


def test_another_image_size_resamples_the_positions(
    config: RenderedRunConfig, crops: RenderedCrops, trained: Path, tmp_path: Path
) -> None:
    chosen = going_on(config, trained)
    phase = chosen.method.phases[-1].model_copy(update={"height": 72, "width": 24})
    method = chosen.method.model_copy(update={"phases": (phase,)})
    other = begin(chosen.model_copy(update={"method": method}), crops, tmp_path / "second")
    positions = other.network.network.image_tower.positions
    expected = torch.nn.functional.interpolate(
        read_trained(trained).network.image_tower.positions, positions.shape[2:], mode="bilinear"
    )
    assert positions.shape[2:] == (18, 6)
    assert torch.equal(positions, expected)


def test_start_of_other_sizes_is_refused_by_their_names(
    config: RenderedRunConfig, crops: RenderedCrops, trained: Path, tmp_path: Path
) -> None:
    chosen = going_on(config, trained, text_width=8, embedding_width=12)
    with pytest.raises(CheckpointMismatch, match="text_width 16 there, 8 here; embedding_width 16"):
        begin(chosen, crops, tmp_path / "second")


def test_model_of_another_architecture_is_no_start() -> None:
    with pytest.raises(ConfigurationInvalid, match="'nafs', where the towers of a compact_dual"):
        read_trained(SHIPPED["compact-nafs"])
