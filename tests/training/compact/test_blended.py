from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.encoders.compact_dual import VOCABULARY_FILE
from models.errors import CheckpointMismatch, ConfigurationInvalid
from models.loading import load_encoder, read_model
from models.state_dicts import write_model_directory
from tests.training.compact.test_trained import begin, going_on
from training.compact.blended import blend
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops

WEIGHTS = "model.safetensors"


def written(directory: Path, method: object, added: float) -> Path:
    network = method.network  # type: ignore[attr-defined]
    weights = {
        name: tensor + added if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    write_model_directory(directory, method.stored_model(weights))  # type: ignore[attr-defined]
    return directory


@pytest.fixture
def start(config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path) -> Path:
    return written(tmp_path / "start", begin(config, crops, tmp_path / "first"), 0.0)


def test_a_blend_lies_between_two_models_by_its_share(
    config: RenderedRunConfig, crops: RenderedCrops, start: Path, tmp_path: Path
) -> None:
    method = begin(going_on(config, start), crops, tmp_path / "second")
    end = written(tmp_path / "end", method, 0.5)
    write_model_directory(tmp_path / "blend", blend(start, end, 0.75))
    old, new = load_file(start / WEIGHTS), load_file(end / WEIGHTS)
    for name, tensor in load_file(tmp_path / "blend" / WEIGHTS).items():
        if tensor.is_floating_point():
            expected = 0.25 * old[name].float() + 0.75 * new[name].float()
            assert tensor.dtype == torch.float16
            assert torch.allclose(tensor.float(), expected, atol=2e-3), name
        else:
            assert torch.equal(tensor, new[name])
    card = read_model(str(tmp_path / "blend")).card
    assert card.provenance["blend"].startswith("0.75 of these weights, 0.25 of those")
    assert card.provenance["blended_with"] == read_model(str(start)).card.fingerprint()
    rows = load_encoder(str(tmp_path / "blend"), device="cpu").encode_texts(["a red coat"])
    assert np.linalg.norm(rows) == pytest.approx(1, abs=1e-5)


def test_the_image_size_is_that_of_the_end(
    config: RenderedRunConfig, crops: RenderedCrops, start: Path, tmp_path: Path
) -> None:
    chosen = going_on(config, start)
    phase = chosen.method.phases[-1].model_copy(update={"height": 72, "width": 24})
    method = chosen.method.model_copy(update={"phases": (phase,)})
    other = begin(chosen.model_copy(update={"method": method}), crops, tmp_path / "second")
    end = written(tmp_path / "end", other, 0.0)
    model = blend(start, end, 0.5)
    assert (model.card.image.height, model.card.image.width) == (72, 24)
    # The end's table was resampled from the start's, so that half of each is the same again.
    positions = load_file(end / WEIGHTS)["image_tower.positions"]
    assert torch.allclose(model.tensors["image_tower.positions"], positions, atol=1e-3)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_refused(start: Path, share: float) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"share is .*between 0 and 1"):
        blend(start, start, share)


def test_models_that_have_nothing_to_do_with_each_other_are_refused(
    config: RenderedRunConfig, crops: RenderedCrops, start: Path, tmp_path: Path
) -> None:
    sizes = config.method.model.model_copy(update={"vocabulary_limit": 500})
    method = config.method.model_copy(update={"model": sizes})
    run = tmp_path / "other"
    other = begin(config.model_copy(update={"method": method}), crops, run)
    assert (run / VOCABULARY_FILE).stat().st_size
    with pytest.raises((ConfigurationInvalid, CheckpointMismatch), match="vocabular"):
        blend(start, written(tmp_path / "end", other, 0.0), 0.5)
