"""From a crop to the tensor that a published recipe trains on.

Sources: the codes of IRRA (https://github.com/anosorae/IRRA), NAFS
(https://github.com/TencentYoutuResearch/PersonReID-NAFS) and MIA
(https://github.com/cuiaiyu/Text-to-Image-ReIdentification); random erasing is that of Zhong et
al., 2020 (https://arxiv.org/abs/1708.04896). What is drawn, and in which order, is torchvision's.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from models.card import ImagePreprocessing
from models.schema import Schema
from models.torchvision_operators import declare_missing_operators
from models.upright_images import upright_rgb

ERASED_AREA = (0.02, 0.4)
ERASED_RATIO = (0.3, 3.3)


class CropVariation(Schema):
    """How crops vary while training."""

    flip: float = Field(default=0.0, ge=0, le=1)
    """The probability of mirroring; a caption's left and right stay as they are."""
    padding: int = Field(default=0, ge=0)
    """How many black pixels are added on every side before the size is cut out anywhere."""
    erasing: float = Field(default=0.0, ge=0, le=1)
    """The probability of painting over a rectangle. As in IRRA, what is painted are the numbers of
    the mean after normalisation, which is not the mean colour."""


UNVARIED = CropVariation()
"""Evaluation, of all three."""
MIRRORED = CropVariation(flip=0.5)
"""Training of NAFS and MIA, and of IRRA without augmentation."""
IRRA_AUGMENTED = CropVariation(flip=0.5, padding=10, erasing=0.5)


@dataclass(frozen=True)
class CropTransform:
    """Resizes, varies and normalises crops; small to send to another process."""

    recipe: ImagePreprocessing
    variation: CropVariation

    def __call__(self, crop: Image.Image) -> torch.Tensor:
        """Return float32 ``(3, h, w)``; chance comes from torch's global generator."""
        tensor: torch.Tensor = _composed(self.recipe, self.variation)(upright_rgb(crop))
        return tensor

    def seeded(self, crop: Image.Image, seed: int) -> torch.Tensor:
        """Return what the seed, in 0..2^64 - 1, makes of the crop: float32 ``(3, h, w)``.

        The same in every process; the global generator is left as it was. Not for several
        threads of one process at once: they share that generator.
        """
        state = torch.get_rng_state()
        try:
            # Not torch.manual_seed, which would also seed the accelerators.
            torch.default_generator.manual_seed(seed)
            return self(crop)
        finally:
            torch.set_rng_state(state)


def sample_seed(seed: int, epoch: int, sample: int) -> int:
    """Return the seed of one sample in one epoch, whichever process prepares it."""
    words = np.random.SeedSequence((seed, epoch, sample)).generate_state(1, np.uint64)
    return int(words[0])


@functools.cache
def _composed(
    recipe: ImagePreprocessing, variation: CropVariation
) -> Callable[[Image.Image], torch.Tensor]:
    declare_missing_operators()
    from torchvision import transforms  # after the declarations, without which it may fail

    size = (recipe.height, recipe.width)
    steps = [transforms.Resize(size, transforms.InterpolationMode(recipe.interpolation))]
    # Steps that change nothing are left out, because they would draw all the same.
    if variation.flip:
        steps.append(transforms.RandomHorizontalFlip(variation.flip))
    if variation.padding:
        steps += [transforms.Pad(variation.padding), transforms.RandomCrop(size)]
    steps += [transforms.ToTensor(), transforms.Normalize(recipe.mean, recipe.std)]
    if variation.erasing:
        steps.append(
            transforms.RandomErasing(
                variation.erasing, ERASED_AREA, ERASED_RATIO, value=list(recipe.mean)
            )
        )
    composed: Callable[[Image.Image], torch.Tensor] = transforms.Compose(steps)
    return composed
