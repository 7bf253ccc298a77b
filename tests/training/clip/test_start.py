from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from models.card import ImagePreprocessing, ModelCard
from models.errors import CheckpointMismatch, ConfigurationInvalid
from models.layers.clip_towers import resize_position_embedding
from models.state_dicts import write_model_directory
from models.stored_model import StoredModel
from tests.models.filled_weights import IRRA, openai_clip
from tests.training.methods.recorded_clip import RANDOM
from training.clip.start import ClipStartConfig, read_start

POSITION = "base_model.visual.positional_embedding"


def config(**fields: Any) -> ClipStartConfig:  # noqa: ANN401 - whatever a file might hold
    return ClipStartConfig.model_validate(fields)


@pytest.fixture
def openai_file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.pt"
    torch.save(openai_clip(), path)
    return path


def test_a_checkpoint_of_irra_brings_its_towers_and_its_size_of_crops() -> None:
    start = read_start(config(start=str(IRRA / "best.pth")))
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    assert (start.image.height, start.image.width, start.embedding_width) == (64, 32, 128)
    assert start.towers.keys() == {name for name in stored if name.startswith("base_model.")}
    assert all(torch.equal(tensor, stored[name]) for name, tensor in start.towers.items())
    assert not start.heads
    assert start.called.startswith("IRRA CUHK-PEDES, weights e55f6c1030e3")


def test_heads_are_kept_where_asked_for() -> None:
    start = read_start(config(start=str(IRRA / "best.pth"), keep_heads=True))
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    assert start.heads.keys() | start.towers.keys() == stored.keys()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in start.heads.items())


def test_openai_s_weights_are_read_for_upright_crops(openai_file: Path) -> None:
    start = read_start(config(start=str(openai_file)))
    assert (start.image.height, start.image.width) == (384, 128)
    assert start.towers[POSITION].shape == (1 + 24 * 8, 128)
    assert "base_model.token_embedding.weight" in start.towers


def test_openai_s_positions_are_stretched_once_to_the_wanted_size(openai_file: Path) -> None:
    start = read_start(config(start=str(openai_file), height=64, width=32))
    recorded = torch.load(IRRA / "small.pt", weights_only=True)
    assert (start.image.height, start.image.width) == (64, 32)
    assert torch.equal(start.towers[POSITION], recorded["resized_visual_pos"])


def test_a_directory_with_square_positions_can_be_stretched(
    tmp_path: Path, openai_file: Path
) -> None:
    square = read_start(config(start=str(openai_file), height=64, width=64))
    tensors = {name.removeprefix("base_model."): tensor for name, tensor in square.towers.items()}
    names = {n if n.startswith("visual.") else f"text.{n}": t for n, t in tensors.items()}
    card = ModelCard(
        name="square",
        architecture="clip_global",
        method="CLIP",
        embedding_width=128,
        image=ImagePreprocessing(
            height=64, width=64, mean=(0.5,) * 3, std=(0.25,) * 3, interpolation="bicubic"
        ),
        sizes=square.sizes.model_dump(),
        weights_sha256="0" * 64,
    )
    write_model_directory(tmp_path / "square", StoredModel(card, names, {}, tmp_path))
    upright = read_start(config(start=str(tmp_path / "square"), height=96, width=32))
    stretched = resize_position_embedding(square.towers[POSITION], (6, 2))
    assert torch.equal(upright.towers[POSITION], stretched)
    assert (upright.image.mean, upright.image.interpolation) == ((0.5,) * 3, "bicubic")


def test_upright_positions_are_not_stretched_again() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"96 x 32 do not fit .*best\.pth"):
        read_start(config(start=str(IRRA / "best.pth"), height=96, width=32))
    same = read_start(config(start=str(IRRA / "best.pth"), height=64, width=32))
    assert same.towers[POSITION].shape == (9, 128)


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"compact_dual.*starts from clip_global"):
        read_start(config(start="default"))


def test_heads_that_are_not_there_cannot_be_kept(openai_file: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="holds no heads of training"):
        read_start(config(start=str(openai_file), keep_heads=True))


def test_a_card_that_does_not_fit_its_tensors_is_refused(tmp_path: Path) -> None:
    start = read_start(config(start=str(IRRA / "best.pth")))
    tensors = {n.removeprefix("base_model."): t for n, t in start.towers.items()}
    tensors = {n if n.startswith("visual.") else f"text.{n}": t for n, t in tensors.items()}
    sizes = start.sizes.model_dump() | {"vision_layers": 3}
    card = ModelCard(
        name="wrong", architecture="clip_global", method="IRRA", embedding_width=128,
        image=start.image, sizes=sizes, weights_sha256="0" * 64,
    )  # fmt: skip
    write_model_directory(tmp_path / "wrong", StoredModel(card, tensors, {}, tmp_path))
    with pytest.raises(CheckpointMismatch, match="missing"):
        read_start(config(start=str(tmp_path / "wrong")))


def test_random_towers_have_no_weights_yet() -> None:
    fields = {name: RANDOM[name] for name in ClipStartConfig.model_fields if name in RANDOM}
    start = read_start(config(**fields))
    assert (start.called, start.embedding_width, start.image.height) == ("random", 64, 32)
    assert not start.towers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": None}, "random weights need"),
        ({"height": None, "width": None}, "random weights need"),
        ({"keep_heads": True}, "random weights need"),
        ({"width": None}, "height and width belong together"),
        ({"start": "default"}, "a start has its own sizes"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], message: str) -> None:
    fields = {name: RANDOM[name] for name in ClipStartConfig.model_fields if name in RANDOM}
    with pytest.raises(ValidationError, match=message):
        config(**(fields | change))
