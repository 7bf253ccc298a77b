from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.card import ImagePreprocessing
from models.clip_checkpoints import CLIP_MEAN, CLIP_STD
from models.images import preprocess
from tests.models.filled_weights import random_pictures, worst


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


def test_rgb_crops_are_resized_as_they_are() -> None:
    """Pillow's resize, by hand divided by 255 and normalised: equal to the last bit."""
    crop = random_pictures(1)[0]
    pixels = torch.from_numpy(np.array(crop.resize((3, 6), Image.Resampling.BILINEAR)))
    mean, std = torch.tensor(CLIP_MEAN), torch.tensor(CLIP_STD)
    expected = ((pixels.float() / 255 - mean) / std).permute(2, 0, 1)
    assert torch.equal(preprocess([crop], recipe(6, 3))[0], expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA", "I;16", "I", "F", "HSV"])
@pytest.mark.parametrize("size", [(20, 40), (1, 1)])
def test_white_is_white_in_any_mode_and_size(mode: str, size: tuple[int, int]) -> None:
    crop = Image.new("RGB", size, "white").convert("L" if mode in ("I;16", "I") else mode)
    if mode in ("I;16", "I"):
        crop = Image.fromarray(np.full(size[::-1], 0xFFFF, np.uint16 if ";" in mode else np.int32))
    tensor = preprocess([crop], recipe(6, 3))
    white = (1 - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
    assert tensor.shape == (1, 3, 6, 3)
    assert crop.mode == mode
    assert worst(tensor[0], white.view(3, 1, 1).expand(3, 6, 3)) <= 1e-6


def test_what_is_transparent_or_turned_is_read_as_people_see_it() -> None:
    clear = Image.new("RGBA", (4, 8), (0, 0, 0, 0))
    turned = Image.new("RGB", (8, 4), "white")
    turned.paste((0, 0, 0), (0, 0, 4, 4))  # its left half is the upper half of the upright one
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.info["exif"] = exif.tobytes()
    one, other = preprocess([clear, turned], recipe(8, 4))
    white = (1 - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
    black = -torch.tensor(CLIP_MEAN) / torch.tensor(CLIP_STD)
    assert torch.allclose(one, white.view(3, 1, 1))
    assert torch.allclose(other[:, 0], black.view(3, 1))
    assert torch.allclose(other[:, -1], white.view(3, 1))


def test_no_crops_give_an_empty_tensor() -> None:
    assert preprocess([], recipe(6, 3)).shape == (0, 3, 6, 3)
