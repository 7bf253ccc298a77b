"""What NAFS trains on: crops, captions and the captions' phrases, as tensors, and stripe orders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from models.layers.staircase_resnet import UPRIGHT, StripeOrders
from models.tokenizers.nafs_phrases import NafsPhrases, PieceRows
from training.contracts import Sample
from training.crop_transforms import CropTransform, sample_seed


@dataclass(frozen=True)
class NafsBatch:
    """Tensors of n captioned crops, and one order of stripes for all of them.

    ``pixels`` is float32 ``(n, 3, h, w)``. ``captions`` are padded to as many pieces as the
    network reads, ``(n, t)``; ``phrases``, two a caption, to the longest of them, ``(2 * n, t)``.
    ``labels`` ``(n,)`` are the classes of the people.
    """

    pixels: torch.Tensor
    captions: PieceRows
    phrases: PieceRows
    labels: torch.Tensor
    orders: StripeOrders


@dataclass(frozen=True)
class NafsBatchMaker:
    """Reads captions as the encoder will, mirrors some crops, and draws an order of stripes.

    ``shuffled`` are the numbers of stripes of both branches, whose order is drawn anew for each
    batch; None leaves all stripes in their place. Phrases that come with the annotations are not
    used: what is searched for later has none.
    """

    transform: CropTransform
    phrases: NafsPhrases
    shuffled: tuple[int, int] | None

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> NafsBatch:
        """Return the batch; a crop's variation depends on the seed and its position."""
        captions = [sample.caption for sample in samples]
        pixels = [
            self.transform.seeded(image, sample_seed(seed, 0, position))
            for position, image in enumerate(images)
        ]
        return NafsBatch(
            pixels=torch.stack(pixels),
            captions=self.phrases.captions(captions, honour_special=False),
            # No first piece sees the padding, which need not be longer than the longest phrase.
            phrases=self.phrases.phrases(captions, honour_special=False).trimmed(),
            labels=torch.tensor([sample.label for sample in samples]),
            orders=self._orders(seed),
        )

    def _orders(self, seed: int) -> StripeOrders:
        if self.shuffled is None:
            return UPRIGHT
        draw = np.random.default_rng(seed)
        patches, regions = (tuple(draw.permutation(n).tolist()) for n in self.shuffled)
        return StripeOrders(patches, regions)
