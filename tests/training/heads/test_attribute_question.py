from typing import Any

import pytest
import torch
from torch import nn

from tests.models.filled_weights import SGIHA, worst
from tests.training.recorded_training import sgiha
from training.heads.attribute_question import BridgeEncoder, Gate

BRIDGE = "bridge_encoder."


def bridge(gate: Gate = "after_proj_dot_filter") -> BridgeEncoder:
    """The bridge of the scaled-down checkpoint."""
    stored = torch.load(SGIHA / "best.pth", weights_only=True)["model"]
    encoder = BridgeEncoder(width=64, vision_width=128, text_width=64, blocks=2, heads=2, gate=gate)
    own = {n.removeprefix(BRIDGE): t for n, t in stored.items() if n.startswith(BRIDGE)}
    encoder.load_state_dict(own)
    return encoder


def run(encoder: BridgeEncoder) -> torch.Tensor:
    recorded: dict[str, Any] = sgiha()
    layers = recorded["meta"]["hidden_layers_used"]
    states = encoder(
        recorded["encode_image"],
        [recorded["image_hidden"][layer] for layer in layers],
        [recorded["question_hidden"][layer] for layer in layers],
        recorded["inputs"]["question_att_mask"],
    )
    return torch.as_tensor(states)


@torch.no_grad()
def test_every_stage_of_the_bridge_is_the_recorded_one() -> None:
    encoder, found = bridge(), {}
    recorded = sgiha()["bridge_stages"]
    assert len(recorded) == 11

    def keep(name: str) -> None:
        def hook(_: nn.Module, __: object, result: torch.Tensor) -> None:
            found[name] = result

        encoder.get_submodule(name).register_forward_hook(hook)

    for name in recorded:
        keep(name)
    run(encoder)
    for name, stage in recorded.items():
        assert worst(found[name], stage) <= 1e-5


@pytest.mark.parametrize("gate", ["after_proj_dot_filter", "res_filter"])
@torch.no_grad()
def test_each_gate_gives_the_recorded_feature(gate: Gate) -> None:
    stored = torch.load(SGIHA / "best.pth", weights_only=True)["model"]
    first = run(bridge(gate))[:, 0]
    weight, bias = stored["bridge_proj.weight"].float(), stored["bridge_proj.bias"].float()
    feature = nn.functional.linear(first, weight, bias)
    assert worst(feature, sgiha()["gate_way_alternatives"][gate]) <= 1e-5


@torch.no_grad()
def test_padding_of_a_question_is_not_looked_at() -> None:
    recorded, encoder = sgiha(), bridge()
    mask = recorded["inputs"]["question_att_mask"]
    padding = (mask == 0)[..., None]
    assert padding.any()
    images = [recorded["image_hidden"][layer] for layer in (1, 2)]
    words = [recorded["question_hidden"][layer] for layer in (1, 2)]
    others = [torch.where(padding, torch.full_like(states, 3.0), states) for states in words]
    one = encoder(recorded["encode_image"], images, words, mask)
    other = encoder(recorded["encode_image"], images, others, mask)
    assert torch.equal(one[mask == 1], other[mask == 1])
    assert not torch.equal(one, other)


def test_what_only_stands_in_the_checkpoints_is_frozen_and_is_what_had_no_gradient() -> None:
    frozen = {n for n, p in bridge().named_parameters() if not p.requires_grad}
    without = {
        name.removeprefix(BRIDGE)
        for name, norm in sgiha()["mcq_grad_norms"].items()
        if norm is None and name.startswith(BRIDGE)
    }
    assert frozen == without
    assert len(frozen) == 2 * 12 + 2


def test_first_weights_are_drawn_as_wide_as_the_authors_do() -> None:
    torch.manual_seed(0)
    encoder = BridgeEncoder(
        width=128, vision_width=192, text_width=64, blocks=1, heads=2, gate="res_filter"
    )
    linears = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    assert len(linears) == 12
    for linear in linears:
        assert float(linear.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        assert not linear.bias.any()
    assert {norm.eps for norm in encoder.modules() if isinstance(norm, nn.LayerNorm)} == {
        1e-6,
        1e-5,
    }
