from pathlib import Path

import pytest
import torch

from models.clip_checkpoints import understand
from models.clip_training_heads import has_bridge, require_whole_heads, training_heads
from models.errors import CheckpointMismatch
from models.layers.clip_towers import ClipGlobalSizes
from models.state_dicts import Checkpoint
from tests.models.filled_weights import IRRA, SGIHA, full_size_layout, without_storage

Layout = dict[str, tuple[int, ...]]

SIZES = ClipGlobalSizes(
    patch_size=16, stride=16, vision_width=128, vision_layers=3, text_width=64, text_layers=3,
    context_length=77, vocabulary_size=512,
)  # fmt: skip
WIDTH = 64
BEST = Path("best.pth")
IRRA_HEADS = (
    "classifier", "cross_attn", "cross_modal_transformer", "mlm_head", "ln_pre_t", "ln_pre_i",
    "ln_post",
)  # fmt: skip
HEADS = (*IRRA_HEADS, "bridge_encoder", "bridge_proj")


@pytest.fixture(scope="module")
def stored() -> Layout:
    """All tensors of SG-IHA's scaled-down checkpoint."""
    tensors = torch.load(SGIHA / "best.pth", weights_only=True)["model"]
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def heads(stored: Layout) -> Layout:
    return {name: shape for name, shape in stored.items() if not name.startswith("base_model.")}


def classes(heads: Layout) -> int | None:
    return require_whole_heads(heads, SIZES, WIDTH, BEST)


def of(head: str, layout: Layout) -> Layout:
    return {name: shape for name, shape in layout.items() if name.startswith(f"{head}.")}


@pytest.mark.parametrize(
    ("system", "tensors", "classes", "method"),
    [(IRRA, 367, 11_003, "IRRA"), (SGIHA, 601, 3_701, "SG-IHA")],
    ids=["IRRA", "SG-IHA"],
)
def test_each_tensor_of_a_published_checkpoint_is_a_tower_s_or_a_head_s(
    system: Path, tensors: int, classes: int, method: str
) -> None:
    layout = full_size_layout(system)
    assert len(layout) == tensors
    published = understand(Checkpoint(BEST, "0" * 64, without_storage(layout)))
    assert (published.card.method, published.classes) == (method, classes)
    towers = {name for name in layout if name.startswith("base_model.")}
    assert len(published.tensors) == len(towers) == 301
    assert {*published.training_only} == layout.keys() - towers
    assert {name.split(".")[0] for name in published.training_only} == {
        *(IRRA_HEADS if system is IRRA else HEADS)
    }


def test_heads_are_told_from_towers_by_the_first_part_of_their_names(
    stored: Layout, heads: Layout
) -> None:
    assert training_heads(stored) == heads
    assert training_heads({"base_model.ln_post.bias": (1,), "classifiers.weight": (1,)}) == {}


def test_the_classifier_tells_how_many_identities_there_were(heads: Layout) -> None:
    assert classes(heads) == 20


@pytest.mark.parametrize("head", HEADS)
def test_a_head_may_be_left_out_as_a_whole(heads: Layout, head: str) -> None:
    kept = {name: shape for name, shape in heads.items() if name not in of(head, heads)}
    assert len(kept) < len(heads)
    assert classes(kept) == (None if head == "classifier" else 20)


@pytest.mark.parametrize("head", HEADS)
def test_a_head_may_be_there_alone(heads: Layout, head: str) -> None:
    assert classes(of(head, heads)) == (20 if head == "classifier" else None)


def test_no_heads_at_all_are_no_fault() -> None:
    assert classes({}) is None


def test_each_tensor_of_a_head_that_is_missing_is_named(heads: Layout) -> None:
    assert len(heads) == 112
    for name in heads:
        rest = {other: shape for other, shape in heads.items() if other != name}
        with pytest.raises(CheckpointMismatch) as caught:
            classes(rest)
        assert f"1 missing ({name})" in str(caught.value)


def test_each_tensor_of_a_head_that_has_another_shape_is_named(heads: Layout) -> None:
    for name, shape in heads.items():
        with pytest.raises(CheckpointMismatch) as caught:
            classes(heads | {name: (*shape, 1)})
        assert f"{name} {(*shape, 1)} instead of" in str(caught.value)


def test_a_classifier_of_two_sizes_is_refused(heads: Layout) -> None:
    with pytest.raises(CheckpointMismatch, match=r"classifier\.bias \(21,\) instead of \(20,\)"):
        classes(heads | {"classifier.bias": (21,)})


@pytest.mark.parametrize("head", HEADS)
def test_an_addition_to_a_head_is_named(heads: Layout, head: str) -> None:
    with pytest.raises(CheckpointMismatch, match=rf"1 unexpected \({head}\.extra\)"):
        classes(heads | {f"{head}.extra": (1,)})


def test_a_hole_in_the_numbers_of_blocks_is_a_fault(heads: Layout) -> None:
    """A block of the bridge has 38 tensors."""
    first = "bridge_encoder.blocks.0."
    rest = {name: shape for name, shape in heads.items() if not name.startswith(first)}
    with pytest.raises(CheckpointMismatch, match=r"38 missing.*38 unexpected") as caught:
        classes(rest)
    assert first in str(caught.value)


def test_a_head_without_any_of_its_blocks_is_not_whole(heads: Layout) -> None:
    blocks = "bridge_encoder.blocks."
    rest = {name: shape for name, shape in heads.items() if not name.startswith(blocks)}
    with pytest.raises(CheckpointMismatch, match=r"38 missing \(bridge_encoder\.blocks\.0\."):
        classes(rest)


def test_heads_must_fit_the_towers_they_stand_beside(heads: Layout) -> None:
    for field, named in (
        ("vision_width", "kv_video"),
        ("text_width", "q_question"),
        ("vocabulary_size", "mlm_head.fc"),
    ):
        other = SIZES.model_copy(update={field: 256})
        with pytest.raises(CheckpointMismatch, match="of another shape") as caught:
            require_whole_heads(of(named.split(".")[0], heads) or heads, other, WIDTH, BEST)
        assert named in str(caught.value)


def test_the_bridge_is_what_makes_sg_iha(heads: Layout) -> None:
    assert has_bridge(heads)
    assert has_bridge({"bridge_proj.bias": (1,)})
    assert not has_bridge({name: shape for name, shape in heads.items() if "bridge" not in name})
