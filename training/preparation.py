"""Make what a run needs before its first step: people, captions, vocabulary, network."""

import logging
from pathlib import Path

import torch

from models.encoders.compact_dual import VOCABULARY_FILE, CompactDual, CompactDualSizes
from models.tokenizers.bert_wordpiece import WordPieces
from training.captioning import write_full_captions, write_short_queries
from training.config import TrainConfig
from training.corpus import Corpus, group_by_person, piece_captions
from training.datasets.rendered_people.shards import (
    Progress,
    RenderedCrops,
    load_shards,
    render_shards,
)
from training.export import sizes_for
from training.methods.compact_dual import CompactDualMethod
from training.vocabulary import write_vocabulary

logger = logging.getLogger(__name__)


def prepare_people(
    folder: Path,
    *,
    people: int,
    sightings: int,
    seed: int,
    on_progress: Progress,
) -> RenderedCrops:
    """Return rendered people from below ``folder``, rendering them first if they are not there."""
    shards = folder / f"people-{people}x{sightings}-seed-{seed}"
    logger.info("people in %s", shards)
    render_shards(shards, people=people, sightings=sightings, seed=seed, on_progress=on_progress)
    return load_shards(shards)


def prepare_corpus(
    config: TrainConfig, crops: RenderedCrops, run: Path
) -> tuple[Corpus, CompactDualSizes]:
    """Write captions for the crops and, into a new run's folder, the vocabulary made of them.

    Returns:
        The corpus, and the dimensions of the encoder that reads it.
    """
    count = config.people.captions_per_crop
    full = write_full_captions(crops.values, count, config.people.seed)
    short = write_short_queries(crops.values, count, config.people.seed)
    logger.info("wrote %d captions", 2 * count * len(crops.images))
    vocabulary = run / VOCABULARY_FILE
    if not vocabulary.exists():
        texts = (text for captions in (full, short) for kept in captions.texts for text in kept)
        write_vocabulary(texts, config.model.vocabulary_limit, vocabulary)
    word_pieces = WordPieces(vocabulary, config.model.max_tokens)
    corpus = Corpus(
        crops=crops,
        full=piece_captions(full, word_pieces, config.model.max_tokens),
        short=piece_captions(short, word_pieces, config.model.max_tokens),
        people=group_by_person(crops.person_ids),
    )
    return corpus, sizes_for(config.model, config.phases[-1], vocabulary, len(word_pieces))


def build_method(config: TrainConfig, sizes: CompactDualSizes) -> CompactDualMethod:
    """Return the untrained encoder with its heads, the same for the same seed."""
    torch.manual_seed(config.seed)
    network = CompactDual(sizes, config.model.embedding_width)
    return CompactDualMethod(network, sizes.feature_width, config.objective)
