from pathlib import Path

import pytest
import torch
from torch.nn import functional

import models
from models.errors import CheckpointMismatch, ConfigurationInvalid
from models.images import preprocess
from models.state_dicts import write_model_directory
from tests.training.small_nafs import CAPTIONS, config, crops, same, small
from training.compact.trained import TrainedCompact, read_trained
from training.methods.nafs import PUBLISHED, NafsMethod, build

DEFAULT = Path(models.__file__).parent / "default"
IMAGE = {"widths": (32, 64, 128, 256), "depths": (1, 2, 2, 2), "block": "basic"}


@pytest.fixture(scope="module")
def compact() -> TrainedCompact:
    found = read_trained(DEFAULT)
    found.network.eval()
    return found


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> NafsMethod:
    chosen = config(
        image=IMAGE | {"height": 96, "width": 32}, text={}, image_start=str(DEFAULT),
        text_start=str(DEFAULT),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("run")
    return build(chosen, PUBLISHED, classes=4, seed=1, captions=[], folder=folder)


@torch.inference_mode()
def test_the_stages_compute_what_those_of_the_compact_encoder_do(
    compact: TrainedCompact, method: NafsMethod
) -> None:
    trunk = method.network.image_model.eval()
    body = compact.network.image_tower.body
    draw = torch.Generator().manual_seed(1)
    maps = torch.rand(2, 32, 24, 8, generator=draw)
    assert torch.allclose(trunk.layer1(maps), body[0](maps), atol=1e-6)
    for width, blocks, stages in (
        (32, body[1:3], (trunk.layer2,)),
        (64, body[3:5], (trunk.layer3, trunk.branch2_layer3)),
    ):
        # Cells are alike in fours, as the shortcuts of the one join what those of the other skip.
        cells = torch.rand(2, width, 6, 4, generator=draw)
        maps = cells.repeat_interleave(2, 2).repeat_interleave(2, 3)
        for stage in stages:
            assert torch.allclose(stage(maps), blocks(maps), atol=1e-5)
    state = trunk.state_dict()
    for branch in ("branch2_", "branch3_"):
        for name in state:
            if name.startswith("layer4."):
                assert torch.equal(state[branch + name], state[name])


@torch.inference_mode()
def test_the_stem_sees_the_crops_as_that_of_the_compact_encoder(
    compact: TrainedCompact, method: NafsMethod
) -> None:
    trunk, image = method.network.image_model.eval(), method.encoder().card.image
    assert image.mean != compact.image.mean
    size = {"height": image.height, "width": image.width}
    own = preprocess(crops(), compact.image.model_copy(update=size))
    expected = compact.network.image_tower.stem(own)
    found = functional.relu(trunk.bn1(trunk.conv1(preprocess(crops(), image))))
    assert expected.std() > 0.1
    # In the outermost pixels what the crop is padded with differs: grey of one mean or another.
    difference = (found - expected).abs()[..., 1:-1, 1:-1]
    assert float(difference.max()) <= 1e-4


@torch.inference_mode()
def test_the_words_are_read_as_by_the_compact_encoder(
    compact: TrainedCompact, method: NafsMethod
) -> None:
    phrases = method.batch_maker.phrases
    pieces = phrases.captions(CAPTIONS, honour_special=False)
    found = method.network.eval().word_states(pieces)
    states = compact.bert(input_ids=pieces.ids, attention_mask=pieces.mask).last_hidden_state
    assert torch.allclose(found, states, atol=1e-5)
    taken = method.network.language_model["textExtractor"].state_dict()
    assert same(taken, compact.bert.state_dict())
    sizes = method.encoder().card.sizes
    assert sizes["vocabulary_sha256"] == compact.sizes.vocabulary_sha256


def test_towers_of_other_depths_are_refused(tmp_path: Path) -> None:
    deeper = IMAGE | {"depths": (2, 2, 2, 2), "height": 96, "width": 32}
    with pytest.raises(CheckpointMismatch, match=r"missing \(layer1\.1"):
        small(tmp_path / "run", image=deeper, image_start=str(DEFAULT))


@pytest.mark.parametrize("tower", ["image_start", "text_start"])
def test_a_model_of_another_architecture_is_no_start(tmp_path: Path, tower: str) -> None:
    other = small(tmp_path / "other")
    write_model_directory(tmp_path / "nafs", other.stored_model(other.network.state_dict()))
    settings: dict[str, object] = {tower: str(tmp_path / "nafs")}
    if tower == "text_start":
        settings["text"] = {}
    with pytest.raises(ConfigurationInvalid, match="architecture 'nafs'"):
        small(tmp_path / "run", seed=1, **settings)
