"""How a picture varies while training; what is true of it varies with it."""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.compact.config import AugmentationConfig
from training.datasets.rendered_people.attributes import SLOT_INDEX, SLOTS

CROPPED_TOGETHER = 16
MID_GREY = 115.0

_VIEW = SLOT_INDEX["view"]
_LEFT, _RIGHT = (SLOTS["view"].index(side) for side in ("left", "right"))


def flip(
    images: torch.Tensor, values: torch.Tensor, chosen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror the chosen pictures; a person seen from the left is then seen from the right.

    Args:
        images: ``(n, 3, h, w)``.
        values: Value numbers ``(n, s)``.
        chosen: Which pictures to mirror: bool ``(n,)``.

    Returns:
        Pictures and value numbers in the same shapes; the arguments are left as they are.
    """
    flipped = torch.where(chosen[:, None, None, None], images.flip(3), images)
    view = values[:, _VIEW]
    mirrored = torch.where(view == _LEFT, _RIGHT, torch.where(view == _RIGHT, _LEFT, view))
    values = values.clone()
    values[:, _VIEW] = torch.where(chosen, mirrored, view)
    return flipped, values


def crop_and_resize(
    images: torch.Tensor,
    size: tuple[int, int],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Cut random margins off and resize: uint8 ``(n, 3, h, w)`` to uint8 ``(n, 3, *size)``.

    Neighbours in the batch share margins, because one resize of many pictures is much cheaper
    than many resizes of one.
    """
    height, width = images.shape[2:]
    limits = (config.crop_height, config.crop_height, config.crop_width, config.crop_width)
    parts = []
    for start in range(0, len(images), CROPPED_TOGETHER):
        top, bottom, left, right = rng.random(4) * limits
        rows = slice(int(top * height), height - int(bottom * height))
        columns = slice(int(left * width), width - int(right * width))
        part = images[start : start + CROPPED_TOGETHER, :, rows, columns]
        part = part.contiguous(memory_format=torch.channels_last)
        parts.append(functional.interpolate(part, size, mode="bilinear", antialias=True))
    return torch.cat(parts)


def change_colours(
    images: torch.Tensor, config: AugmentationConfig, rng: np.random.Generator
) -> torch.Tensor:
    """Vary contrast, colour cast and brightness: uint8 ``(n, 3, h, w)`` to floats in 0..255."""
    n = len(images)
    contrast = 1 + config.contrast * rng.standard_normal((n, 1, 1, 1), np.float32)
    contrast = contrast + config.colour_cast * rng.standard_normal((n, 3, 1, 1), np.float32)
    brightness = config.brightness * rng.standard_normal((n, 1, 1, 1), np.float32)
    factor = torch.from_numpy(contrast.clip(0.5, 1.6))
    shifted = (images.float() - MID_GREY) * factor + MID_GREY + torch.from_numpy(brightness)
    return shifted.clamp_(0, 255)


def augment(
    images: npt.NDArray[np.uint8],
    values: npt.NDArray[np.int8],
    size: tuple[int, int],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip, crop, resize and recolour pictures.

    Args:
        images: ``(n, h, w, 3)``.
        values: Value numbers ``(n, s)``.
        size: Height and width of the result.
        config: How much may vary.
        rng: Where the chance comes from.

    Returns:
        Floats in 0..255 ``(n, 3, *size)``, and value numbers int64 ``(n, s)``.
    """
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    chosen = torch.from_numpy(rng.random(len(images)) < config.flip)
    pixels, flipped_values = flip(pixels, torch.from_numpy(values).long(), chosen)
    pixels = crop_and_resize(pixels, size, config, rng)
    return change_colours(pixels, config, rng), flipped_values
