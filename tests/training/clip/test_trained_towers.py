from typing import Any

import pytest
import torch
from torch import nn

from models.clip_checkpoints import understand
from models.layers.clip_towers import ClipGlobalSizes, ClipTowers
from models.state_dicts import read_checkpoint
from tests.models.filled_weights import IRRA, SGIHA, worst
from tests.training.methods.recorded_clip import methods, recorded_batch
from tests.training.recorded_training import sgiha
from training.clip.trained_towers import TrainedTowers, at_end, stored_names, trained_names


def towers_of(folder: str) -> TrainedTowers:
    model = understand(read_checkpoint((IRRA if folder == "irra" else SGIHA) / "best.pth"))
    sizes = ClipGlobalSizes.model_validate(model.card.sizes)
    towers = TrainedTowers(ClipTowers(sizes, model.card.image, model.card.embedding_width))
    towers.load_state_dict(trained_names(model.tensors))
    return towers


@pytest.fixture(scope="module")
def towers() -> TrainedTowers:
    return towers_of("irra")


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(IRRA / "small.pt", weights_only=True)
    return content


def test_names_are_those_of_the_authors_checkpoint_and_lead_back(towers: TrainedTowers) -> None:
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    own = {name for name in stored if name.startswith("base_model.")}
    assert {f"base_model.{name}" for name in towers.state_dict()} == own
    weights = towers.state_dict()
    assert trained_names(stored_names(weights)).keys() == weights.keys()
    model = understand(read_checkpoint(IRRA / "best.pth"))
    assert stored_names(weights).keys() == model.tensors.keys()


@torch.no_grad()
def test_all_tokens_are_the_recorded_ones(towers: TrainedTowers, small: dict[str, Any]) -> None:
    batch, recorded = recorded_batch(), small["fp32"]
    assert worst(towers.image_tokens(batch.pixels), recorded["image_tokens"]) <= 1e-5
    assert worst(towers.text_tokens(batch.caption_ids)[:3], recorded["text_tokens"]) <= 1e-5
    masked = towers.text_tokens(batch.masked_ids)[:3]
    assert worst(masked, methods()["fp32"]["mlm_text_tokens"]) <= 1e-5


@torch.no_grad()
def test_a_caption_ends_where_recorded_with_and_without_the_rest(
    towers: TrainedTowers, small: dict[str, Any]
) -> None:
    ids, recorded = recorded_batch().caption_ids, small["fp32"]["encode_text"]
    assert worst(at_end(towers.text_tokens(ids), ids), recorded) <= 1e-5
    assert worst(towers.encode_text(ids), recorded) <= 1e-5
    assert worst(towers.encode_text(ids[1:2]), recorded[1:2]) <= 1e-5


@torch.no_grad()
def test_states_between_blocks_are_the_recorded_ones() -> None:
    towers, recorded = towers_of("sgiha"), sgiha()
    inputs = recorded["inputs"]
    for layers in ((1, 2), (3, 1), (2,)):
        tokens, states = towers.image_states(inputs["images"], layers)
        assert worst(tokens, recorded["image_tokens"]) <= 1e-5
        words = towers.text_states(inputs["question_ids"], layers)
        assert len(states) == len(words) == len(layers)
        for layer, image, text in zip(layers, states, words, strict=True):
            assert worst(image, recorded["image_hidden"][layer]) <= 1e-5
            assert worst(text, recorded["question_hidden"][layer]) <= 1e-5


def test_the_end_looks_as_torch_s_own_attention_says(towers: TrainedTowers) -> None:
    ids = recorded_batch().caption_ids
    found = towers.end_attention(ids)
    states = towers.token_embedding(ids) + towers.positional_embedding
    unseen = torch.full((77, 77), -torch.inf).triu(1)
    rows, ends = torch.arange(6), ids.argmax(1)
    for layer, block in enumerate(towers.transformer.resblocks):
        attention: nn.MultiheadAttention = block.attn
        normed = block.ln_1(states)
        _, weights = attention(
            normed, normed, normed, attn_mask=unseen, need_weights=True, average_attn_weights=True
        )
        assert worst(found[layer], weights[rows, ends].detach()) <= 1e-6
        states = block(states, attn_mask=unseen)
    assert found.shape == (2, 6, 77)
    assert not found.requires_grad
    assert torch.allclose(found.sum(-1), torch.ones(2, 6))
    later = torch.arange(77) > ends[:, None]
    assert not found[:, later].any()


def test_looking_under_autocast_takes_no_gradient_from_what_comes_after(
    towers: TrainedTowers,
) -> None:
    ids = recorded_batch().caption_ids
    weight = towers.transformer.resblocks[0].attn.out_proj.weight

    def gradient(*, look: bool) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            if look:
                towers.end_attention(ids)
            total = towers.text_tokens(ids).float().square().mean()
        (found,) = torch.autograd.grad(total, weight)
        return torch.as_tensor(found)

    assert torch.equal(gradient(look=True), gradient(look=False))
    assert gradient(look=True).any()
