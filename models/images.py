"""From person crops to the tensor an image tower reads."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from models.card import ImagePreprocessing
from models.upright_images import upright_rgb

_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def preprocess(images: Sequence[Image.Image], recipe: ImagePreprocessing) -> torch.Tensor:
    """Return float32 ``(n, 3, h, w)``: RGB, resized with antialiasing, scaled, normalised.

    Images of any mode, turned or transparent, become upright and RGB first. The resize is
    Pillow's, as torchvision's for Pillow images is.
    """
    size = (recipe.width, recipe.height)
    resampling = _RESAMPLING[recipe.interpolation]
    pixels = np.empty((len(images), recipe.height, recipe.width, 3), np.uint8)
    for row, image in zip(pixels, images, strict=True):
        row[:] = np.asarray(upright_rgb(image).resize(size, resampling))
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)  # (n, 3, h, w)
    mean = torch.tensor(recipe.mean).view(3, 1, 1)
    std = torch.tensor(recipe.std).view(3, 1, 1)
    return tensor.sub_(mean).div_(std)
