import pytest
import torch
from torch import nn

from tests.models.filled_weights import IRRA, worst
from tests.training.methods.recorded_clip import methods, recorded_batch
from training.heads.masked_language import MaskedLanguageHead


@pytest.fixture(scope="module")
def head() -> MaskedLanguageHead:
    """The head of the scaled-down checkpoint."""
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    head = MaskedLanguageHead(width=128, vocabulary_size=512, layers=2)
    head.load_state_dict({name: stored[name] for name in head.state_dict()})
    return head


@pytest.fixture(scope="module")
def patches() -> torch.Tensor:
    tokens = torch.load(IRRA / "small.pt", weights_only=True)["fp32"]["image_tokens"]
    return torch.as_tensor(tokens[:3])


@torch.no_grad()
def test_every_stage_of_the_cross_former_is_the_recorded_one(
    head: MaskedLanguageHead, patches: torch.Tensor
) -> None:
    recorded = methods()["fp32"]
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, __: object, result: object) -> None:
            first = result[0] if isinstance(result, tuple) else result
            assert isinstance(first, torch.Tensor)
            found[name] = first

        return module.register_forward_hook(hook)

    handles = [keep(name, head.get_submodule(name)) for name in recorded["stages_cross"]]
    states = head.cross_former(recorded["mlm_text_tokens"], patches)
    for handle in handles:
        handle.remove()
    assert worst(states, recorded["cross_former"]) <= 1e-5
    assert len(found) == 4
    for name, stage in recorded["stages_cross"].items():
        assert worst(found[name], stage) <= 1e-5


@torch.no_grad()
def test_what_is_asked_for_is_scored_as_recorded(
    head: MaskedLanguageHead, patches: torch.Tensor
) -> None:
    asked = recorded_batch().targets[:3] != 0
    scores = head(methods()["fp32"]["mlm_text_tokens"], patches, asked)
    recorded = methods()["fp32"]["mlm_scores_at_labels"][: int(asked.sum())]
    assert scores.dtype == torch.float32
    assert scores.shape == recorded.shape
    assert worst(scores, recorded) <= 1e-5


def test_scoring_what_is_asked_for_alone_changes_no_gradient(
    head: MaskedLanguageHead, patches: torch.Tensor
) -> None:
    words = methods()["fp32"]["mlm_text_tokens"]
    targets = recorded_batch().targets[:3]
    asked = targets != 0
    loss = nn.functional.cross_entropy(head(words, patches, asked), targets[asked])
    few = torch.autograd.grad(loss, list(head.parameters()))
    scores = head(words, patches, torch.ones_like(asked))
    loss = nn.functional.cross_entropy(scores, targets.flatten(), ignore_index=0)
    every = torch.autograd.grad(loss, list(head.parameters()))
    for one, other in zip(few, every, strict=True):
        assert worst(one, other) <= 1e-5


def test_first_weights_are_drawn_as_wide_as_the_authors_do() -> None:
    torch.manual_seed(0)
    head = MaskedLanguageHead(width=256, vocabulary_size=1000, layers=4)
    block = head.cross_modal_transformer.resblocks[0]
    wide, narrow = 1 / 16, 1 / 16 / 8**0.5
    for weight, deviation in (
        (head.cross_attn.in_proj_weight, wide),
        (head.cross_attn.out_proj.weight, narrow),
        (block.attn.in_proj_weight, wide),
        (block.attn.out_proj.weight, narrow),
        (block.mlp.c_fc.weight, 512**-0.5),
        (block.mlp.c_proj.weight, narrow),
        (head.mlm_head.get_parameter("dense.weight"), 512**-0.5),
        (head.mlm_head.get_parameter("fc.weight"), narrow),
    ):
        assert float(weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert not block.attn.in_proj_bias.any()
    assert not head.cross_attn.out_proj.bias.any()
