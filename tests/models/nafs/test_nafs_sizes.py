"""Networks of other sizes than the published ones."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from models.layers.nafs_network import NafsNetwork, NafsSizes
from models.layers.staircase_resnet import ResNetSizes, StaircaseResNet
from models.tokenizers.nafs_phrases import NafsPhrases
from tests.models.nafs.recorded_nafs import SIZES, write_beside

SMALLER = NafsSizes.model_validate(
    SIZES.model_dump()
    | {
        "image_widths": (8, 16, 24, 32),
        "image_depths": (1, 2, 1, 1),
        "image_block": "basic",
        "caption_tokens": 20,
        "text_positions": 20,
        "text_inner_width": 32,
    }
)


def test_published_sizes_are_not_stated_so_that_fingerprints_stay() -> None:
    assert SIZES.stated == {
        "patch_stripes": 3,
        "region_stripes": 2,
        "text_layers": 2,
        "text_heads": 12,
        "text_inner_width": 384,
        "text_positions": 128,
        "text_segments": 2,
        "text_norm_epsilon": 1e-12,
        "vocabulary_size": 79,
        "vocabulary_sha256": "0" * 64,
    }
    assert SIZES.image == ResNetSizes((64, 128, 256, 512), (3, 4, 6, 3), "bottleneck")
    assert (SIZES.text_rows, SIZES.image.feature_width) == (101, 2048)


def test_other_sizes_are_stated_and_read_again() -> None:
    stated = SMALLER.stated
    assert stated["image_widths"] == [8, 16, 24, 32]
    assert (stated["image_block"], stated["caption_tokens"]) == ("basic", 20)
    assert NafsSizes.model_validate(stated) == SMALLER


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text_positions": 99}, "text_positions is 99"),
        ({"image_widths": (0, 1, 1, 1)}, "image_widths"),
        ({"image_depths": (1, 1, 1)}, "image_depths"),
        ({"image_block": "other"}, "image_block"),
        ({"caption_tokens": 2}, "caption_tokens"),
    ],
)
def test_sizes_of_no_network_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NafsSizes.model_validate(SIZES.model_dump() | changes)


@pytest.mark.parametrize(("block", "expansion"), [("bottleneck", 4), ("basic", 1)])
@torch.inference_mode()
def test_a_smaller_staircase_has_smaller_features(block: str, expansion: int) -> None:
    sizes = ResNetSizes(
        (8, 16, 24, 32), (1, 2, 1, 1), "basic" if block == "basic" else "bottleneck"
    )
    staircase = StaircaseResNet(3, 2, sizes).eval()
    features = staircase(torch.zeros(2, 3, 96, 32))
    assert sizes.feature_width == 32 * expansion
    assert features.whole.shape == (2, 32 * expansion)
    assert features.patches.shape == (2, 3, 32 * expansion)
    assert features.regions.shape == (2, 2, 32 * expansion)
    blocks = [len(stage) for stage in (staircase.layer1, staircase.layer2, staircase.layer3)]
    assert blocks == [1, 2, 1]


@torch.inference_mode()
def test_a_smaller_network_reads_shorter_captions(tmp_path: Path) -> None:
    phrases = NafsPhrases(write_beside(tmp_path) / "vocab.txt", SMALLER.caption_tokens)
    captions = phrases.captions(["a man " * 30, "red"])
    assert captions.ids.shape == (2, 20)
    assert captions.counts.tolist() == [20, 3]
    assert int(captions.ids[0, -1]) != int(captions.ids[1, 2])  # too long: its last mark is lost
    network = NafsNetwork(SMALLER, 24).eval()
    words = network.word_states(captions)
    outputs = network.text_outputs(words, words[:, :2])
    assert outputs.keys.shape == outputs.values.shape == (2, SMALLER.text_rows, 24)
    assert SMALLER.text_rows == 21
