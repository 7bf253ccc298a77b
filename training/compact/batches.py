"""Draw what one training step sees."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.card import ImagePreprocessing
from models.tokenizers.bert_wordpiece import Tokens
from training.compact.augmentation import augment
from training.compact.config import AugmentationConfig, ObjectiveConfig, Phase
from training.compact.corpus import Corpus, PiecedCaptions
from training.compact.truth import truth_of
from training.compact.unknown_words import insert_unknown_words
from training.vocabulary import SPECIAL, UNKNOWN

PIXEL_MEAN = (0.45, 0.45, 0.45)
PIXEL_STD = (0.25, 0.25, 0.25)


@dataclass(frozen=True)
class Batch:
    """n crops, one full caption and k short queries for each, and what is true of what."""

    pixels: torch.Tensor
    """Normalised, float32 ``(n, 3, h, w)``."""
    values: torch.Tensor
    """What the crops show, as value numbers: int64 ``(n, s)``."""
    full: Tokens
    """``(n, t)``, in the crops' order."""
    short: Tokens
    """``(k * n, t)``, k times in the crops' order."""
    full_claims: torch.Tensor
    """What the full captions permit, as bit masks: int32 ``(n, s)``."""
    short_claims: torch.Tensor
    """What the short queries permit: int32 ``(k * n, s)``."""
    full_truth: torch.Tensor
    """Of every full caption and crop ``(n, n)``: 1 true, 0 false, -1 undecided."""
    short_truth: torch.Tensor
    """Of every short query and crop ``(k * n, n)``."""
    matching_weight: torch.Tensor
    """Of the terms that match captions and crops: a scalar."""


def preprocessing(height: int, width: int) -> ImagePreprocessing:
    """Return the recipe of models trained on batches drawn here."""
    return ImagePreprocessing(height=height, width=width, mean=PIXEL_MEAN, std=PIXEL_STD)


def draw_batch(
    corpus: Corpus,
    phase: Phase,
    augmentation: AugmentationConfig,
    objective: ObjectiveConfig,
    rng: np.random.Generator,
) -> Batch:
    """Draw people, two sightings of each, and captions; vary and prepare them.

    People are drawn in pairs of neighbours, for those are siblings where the data has some: who
    differ in one thing are to be told apart by it.
    """
    people = _draw_people(len(corpus.people), phase.people_per_batch, rng)
    columns = rng.permuted(np.tile(np.arange(corpus.people.shape[1]), (len(people), 1)), axis=1)
    chosen = np.take_along_axis(corpus.people[people], columns[:, :2], axis=1)
    crops = chosen.T.reshape(-1)  # (2 * people,)
    size = (phase.height, phase.width)
    pixels, values = augment(
        corpus.crops.images[crops], corpus.crops.values[crops], size, augmentation, rng
    )
    full, full_claims = _draw_captions(corpus, corpus.full, crops, objective, rng)
    repeated = np.tile(crops, objective.short_queries)
    short, short_claims = _draw_captions(corpus, corpus.short, repeated, objective, rng)
    return Batch(
        pixels=pixels.div_(255).sub_(PIXEL_MEAN[0]).div_(PIXEL_STD[0]),
        values=values,
        full=full,
        short=short,
        full_claims=full_claims,
        short_claims=short_claims,
        full_truth=state_truth(full_claims, values),
        short_truth=state_truth(short_claims, values),
        matching_weight=torch.tensor(phase.matching_weight),
    )


def state_truth(claims: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Say of every caption whether it is true of every crop: int8 ``(c, n)``.

    Caption i was written for crop ``i % n``; where it names something that crop does not show,
    it still counts as true of it, being the best there is.

    Args:
        claims: Bit masks int32 ``(c, s)``, c a multiple of n.
        values: Value numbers int64 ``(n, s)``.
    """
    truth = truth_of(claims, values)
    rows = torch.arange(len(claims))
    own = truth[rows, rows % len(values)]
    truth[rows, rows % len(values)] = torch.where(own < 0, 1, own)
    return truth


def _draw_people(there: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return different people ``(count,)``, most of them beside their neighbour by number."""
    pairs = rng.permutation(-(-there // 2))
    people = np.stack([2 * pairs, 2 * pairs + 1], axis=1).reshape(-1)
    return people[people < there][:count]


def _draw_captions(
    corpus: Corpus,
    captions: PiecedCaptions,
    crops: npt.NDArray[np.int64],
    objective: ObjectiveConfig,
    rng: np.random.Generator,
) -> tuple[Tokens, torch.Tensor]:
    columns = rng.integers(captions.ids.shape[1], size=len(crops))
    ids = captions.ids[crops, columns]  # (count, t)
    ids = insert_unknown_words(ids, corpus.unknown, objective.unknown_words, rng)
    ids = ids[:, : int((ids != 0).sum(1).max())]
    hidden = (rng.random(ids.shape) < objective.unknown_pieces) & (ids >= len(SPECIAL))
    pieces = torch.from_numpy(np.where(hidden, UNKNOWN, ids)).long()
    claims = torch.from_numpy(captions.claims[crops, columns])
    return Tokens(pieces, (pieces != 0).long()), claims
