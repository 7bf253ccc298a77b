"""What MIA trains on: crops, captions and the captions' noun phrases, as tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from models.layers.mia_backbones import CAPTION_LENGTH, MAX_PHRASES, PHRASE_LENGTH
from models.tokenizers.word_vocabulary import END, WordVocabulary
from training.contracts import Sample
from training.crop_transforms import CropTransform, sample_seed


@dataclass(frozen=True)
class MiaBatch:
    """Tensors of n captioned crops.

    ``pixels`` is float32 ``(n, 3, h, w)``, ``captions`` int64 ``(n, 60)``, ``phrases`` int64
    ``(n, 10, 6)``, of which the first ``phrase_counts`` ``(n)``, in 1..10, are there. ``labels``
    ``(n)`` are the classes of the people.
    """

    pixels: torch.Tensor
    captions: torch.Tensor
    phrases: torch.Tensor
    phrase_counts: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class MiaBatchMaker:
    """Reads captions as the encoder will, and mirrors some crops.

    ``find_phrases`` returns at least one phrase. Phrases that come with the annotations are not
    used: what is searched for later has none.
    """

    transform: CropTransform
    vocabulary: WordVocabulary
    find_phrases: Callable[[str], list[str]]

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> MiaBatch:
        """Return the batch; a crop's variation depends on the seed and its position."""
        found = [self.find_phrases(sample.caption)[:MAX_PHRASES] for sample in samples]
        phrases = torch.full((len(samples), MAX_PHRASES, PHRASE_LENGTH), END)
        for rows, own in zip(phrases, found, strict=True):
            rows[: len(own)] = self.vocabulary.tokenize(own, PHRASE_LENGTH)
        pixels = [
            self.transform.seeded(image, sample_seed(seed, 0, position))
            for position, image in enumerate(images)
        ]
        return MiaBatch(
            pixels=torch.stack(pixels),
            captions=self.vocabulary.tokenize(
                [sample.caption for sample in samples], CAPTION_LENGTH
            ),
            phrases=phrases,
            phrase_counts=torch.tensor([len(own) for own in found]),
            labels=torch.tensor([sample.label for sample in samples]),
        )
