"""What IRRA and its successors train on: crops, captions, and captions with hidden pieces."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image

from models.card import ImagePreprocessing
from models.tokenizers.clip_bpe import MASK_ID, ClipBpe
from training.clip.caption_masking import MaskedCaptions, mask_at_random
from training.contracts import Sample
from training.crop_transforms import (
    IRRA_AUGMENTED,
    MIRRORED,
    UNVARIED,
    CropTransform,
    CropVariation,
    sample_seed,
)

CropsVary = Literal["augmented", "mirrored", "unvaried"]
VARIATIONS: dict[CropsVary, CropVariation] = {
    "augmented": IRRA_AUGMENTED, "mirrored": MIRRORED, "unvaried": UNVARIED,
}  # fmt: skip

_CROP, _CAPTION, _GUIDED = 0, 1, 2  # independent streams of chance, by what is drawn


@dataclass(frozen=True)
class IrraBatch:
    """Tensors of n captioned crops.

    ``pixels`` is float32 ``(n, 3, h, w)``; ``caption_ids`` are int64 ``(n, t)``, ``masked_ids``
    the same with hidden pieces, and ``targets`` what was hidden, else 0. ``labels`` ``(n)`` are
    the classes of the people.
    """

    pixels: torch.Tensor
    caption_ids: torch.Tensor
    masked_ids: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class IrraBatchMaker:
    """Varies crops and masks captions at random.

    A caption is cut to the model's context; special words in it are ordinary characters, as for
    whoever searches. Without ``mask`` nothing is hidden.
    """

    transform: CropTransform
    tokenizer: ClipBpe
    mask: bool

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> IrraBatch:
        """Return the batch; what is drawn for a sample depends on the seed and its position."""
        ids = caption_ids(samples, self.tokenizer)
        masked = [
            mask_caption(row, caption_chance(seed, position), mask=self.mask)
            for position, row in enumerate(ids)
        ]
        return IrraBatch(
            pixels=varied_crops(images, self.transform, seed),
            caption_ids=ids,
            masked_ids=torch.stack([caption.ids for caption in masked]),
            targets=torch.stack([caption.labels for caption in masked]),
            labels=labels_of(samples),
        )


@dataclass(frozen=True)
class GuidedBatch:
    """Tensors of n captioned crops whose captions the network masks itself.

    As ``IrraBatch``; ``draws`` is float32 ``(n, 3, t)`` in [0, 1), the chance the masking takes.
    """

    pixels: torch.Tensor
    caption_ids: torch.Tensor
    draws: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class GuidedBatchMaker:
    """Varies crops, and draws what masking where the network looks will need."""

    transform: CropTransform
    tokenizer: ClipBpe

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> GuidedBatch:
        """Return the batch; what is drawn for a sample depends on the seed and its position."""
        draws = [
            torch.rand(3, self.tokenizer.context_length, generator=_generator(seed, position))
            for position in range(len(samples))
        ]
        return GuidedBatch(
            pixels=varied_crops(images, self.transform, seed),
            caption_ids=caption_ids(samples, self.tokenizer),
            draws=torch.stack(draws),
            labels=labels_of(samples),
        )


def crop_transform(image: ImagePreprocessing, crops: CropsVary) -> CropTransform:
    """Return the transform of a recipe's name."""
    return CropTransform(image, VARIATIONS[crops])


def varied_crops(
    images: Sequence[Image.Image], transform: CropTransform, seed: int
) -> torch.Tensor:
    """Return the crops as the seed varies them: float32 ``(n, 3, h, w)``."""
    return torch.stack(
        [
            transform.seeded(image, sample_seed(seed, _CROP, position))
            for position, image in enumerate(images)
        ]
    )


def caption_ids(samples: Sequence[Sample], tokenizer: ClipBpe) -> torch.Tensor:
    """Return the captions' word pieces, cut to the context: int64 ``(n, t)``."""
    return tokenizer.tokenize([sample.caption for sample in samples], honour_special=False)


def labels_of(samples: Sequence[Sample]) -> torch.Tensor:
    """Return the classes of the people shown: int64 ``(n)``."""
    return torch.tensor([sample.label for sample in samples])


def caption_chance(seed: int, position: int) -> random.Random:
    """Return where the chance of a sample's caption comes from."""
    return random.Random(sample_seed(seed, _CAPTION, position))  # noqa: S311 - keeps no secret


def mask_caption(ids: torch.Tensor, rng: random.Random, *, mask: bool) -> MaskedCaptions:
    """Return a caption ``(t,)`` masked at random, or as it is with nothing to guess."""
    if mask:
        return mask_at_random(ids, rng, mask_id=MASK_ID)
    return MaskedCaptions(ids, torch.zeros_like(ids))


def _generator(seed: int, position: int) -> torch.Generator:
    return torch.Generator().manual_seed(sample_seed(seed, _GUIDED, position))
