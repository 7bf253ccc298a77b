from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.card import ImagePreprocessing
from models.clip_checkpoints import CLIP_MEAN, CLIP_STD
from models.images import preprocess
from tests.models.filled_weights import worst


def recipe(height: int, width: int) -> ImagePreprocessing:
    return ImagePreprocessing(height=height, width=width, mean=CLIP_MEAN, std=CLIP_STD)


def test_a_small_crop_becomes_the_recorded_tensor(recorded: dict[str, Any]) -> None:
    transforms = recorded["transforms"]
    picture = Image.fromarray(transforms["image"].numpy())  # (131, 53, 3)
    tensor = preprocess([picture], recipe(64, 32))[0]
    assert worst(tensor, transforms["eval_64x32"]) <= 1e-6


def test_a_full_size_crop_becomes_the_recorded_tensor(recorded: dict[str, Any]) -> None:
    transforms = recorded["transforms"]
    picture = Image.fromarray(transforms["image"].numpy())
    tensor = preprocess([picture], recipe(384, 128))[0]
    # Recorded in half precision: equal after the same rounding.
    assert torch.equal(tensor.half(), transforms["eval_384x128"])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_any_mode_is_read_as_colours(mode: str) -> None:
    tensor = preprocess([Image.new("RGB", (20, 40), "white").convert(mode)], recipe(6, 3))
    white = (1 - np.asarray(CLIP_MEAN)) / np.asarray(CLIP_STD)
    assert tensor.shape == (1, 3, 6, 3)
    assert np.allclose(tensor[0].amax((1, 2)), white, atol=0.05)


def test_no_crops_give_an_empty_tensor() -> None:
    assert preprocess([], recipe(6, 3)).shape == (0, 3, 6, 3)
