"""All that training draws from, in memory: pictures, what they show, and their captions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid
from models.tokenizers.bert_wordpiece import WordPieces
from training.captioning import CaptionSet
from training.compact.unknown_words import UnknownWords
from training.datasets.rendered_people.shards import RenderedCrops

TEXTS_AT_ONCE = 4096


@dataclass(frozen=True)
class PiecedCaptions:
    """The captions of n crops, k for each, as numbers of word pieces."""

    ids: npt.NDArray[np.int32]
    """``(n, k, t)``; 0 where a caption has ended."""
    claims: npt.NDArray[np.int32]
    """``(n, k, s)``, as in ``CaptionSet``."""


@dataclass(frozen=True)
class Corpus:
    """Rendered crops with their captions, and which crops show the same person."""

    crops: RenderedCrops
    full: PiecedCaptions
    short: PiecedCaptions
    people: npt.NDArray[np.int64]
    """Positions of each person's crops: ``(people, sightings)``."""
    unknown: UnknownWords
    """What is put into descriptions to teach that some words mean nothing."""


def piece_captions(
    captions: CaptionSet, word_pieces: WordPieces, max_tokens: int
) -> PiecedCaptions:
    """Turn captions into numbers of word pieces."""
    flat = [text for texts in captions.texts for text in texts]
    ids = np.zeros((len(flat), max_tokens), np.int32)
    for start in range(0, len(flat), TEXTS_AT_ONCE):
        part = word_pieces(flat[start : start + TEXTS_AT_ONCE]).ids.numpy()
        ids[start : start + len(part), : part.shape[1]] = part
    return PiecedCaptions(ids.reshape(*captions.claims.shape[:2], max_tokens), captions.claims)


def group_by_person(person_ids: Sequence[int] | npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return the positions of each person's crops: ``(people, sightings)``.

    Raises:
        ConfigurationInvalid: If one person has more crops than another.
    """
    _, counts = np.unique(person_ids, return_counts=True)
    if counts.min() != counts.max():
        raise ConfigurationInvalid(
            f"people have {counts.min()} to {counts.max()} crops each, but as many crops of each "
            "are needed: render the people again"
        )
    order = np.argsort(person_ids, kind="stable")
    return order.reshape(-1, counts[0]).astype(np.int64)
