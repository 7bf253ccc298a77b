"""From a configuration to a recipe: data, method, batches, learning rates."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from models.encoders.compact_dual import VOCABULARY_FILE, WORDS_FILE
from models.errors import CheckpointUnreadable
from models.tokenizers.bert_wordpiece import WordPieces
from models.tokenizers.whole_words import read_whole_words
from training.captioned_batches import CaptionedBatches, Share
from training.captioning import write_full_captions, write_short_queries
from training.compact.corpus import Corpus, group_by_person, piece_captions
from training.compact.rendered_batches import RenderedBatches
from training.compact.schedule import sample_factor
from training.compact.trained import read_trained
from training.compact.unknown_words import unknown_words
from training.config import CaptionedRunConfig, LoopConfig, RenderedRunConfig, TrainConfig
from training.contracts import CaptionedMethod, TrainingMethod
from training.data_fingerprints import fingerprint_of, fingerprint_of_rendered, keep_fingerprint
from training.datasets.captioned_crops import CaptionedCrops, caption_rows
from training.datasets.rendered_people.settings import SettingName
from training.datasets.rendered_people.shards import (
    Progress,
    RenderedCrops,
    load_shards,
    render_shards,
)
from training.datasets.sources import gallery_of, read_data, training_samples
from training.epoch_schedules import learning_rate_factor
from training.loop import Recipe, Validation
from training.methods import agm_irra, compact_dual, irra, mia, nafs, sg_iha
from training.methods.agm_irra import AgmIrraConfig
from training.methods.irra import IrraConfig
from training.methods.mia import MiaConfig
from training.methods.nafs import NafsConfig
from training.methods.sg_iha import SgIhaConfig
from training.selection import validated_split
from training.validation import measure_gallery
from training.vocabulary import write_vocabulary, write_words

logger = logging.getLogger(__name__)


class _LoopSettings(TypedDict):
    seed: int
    gradient_norm: float | None
    average_decay: float | None
    checkpoint_seconds: float
    report_steps: int
    workers: int


def _loop_settings(config: LoopConfig) -> _LoopSettings:
    return {
        "seed": config.seed,
        "gradient_norm": config.gradient_norm,
        "average_decay": config.average_decay,
        "checkpoint_seconds": config.checkpoint_seconds,
        "report_steps": config.report_steps,
        "workers": config.workers,
    }


def prepare(config: TrainConfig, folder: Path, share: Share, on_progress: Progress) -> Recipe[Any]:
    """Make all that a run needs before its first step.

    A new run's folder gets its vocabulary and the fingerprint of its data.

    Raises:
        DescryError: If the data or the method cannot work, or the data is no longer that of the
            run's beginning.
    """
    if isinstance(config, RenderedRunConfig):
        return prepare_rendered(config, folder, on_progress)
    data = read_data(config.data, on_progress)
    if share.rank == 0:
        keep_fingerprint(fingerprint_of(data), folder)
    return prepare_captioned(config, data, folder, share)


def prepare_captioned(
    config: CaptionedRunConfig, data: CaptionedCrops, folder: Path, share: Share
) -> Recipe[Any]:
    """Make the recipe of a published method on captioned crops.

    Raises:
        DescryError: If the data or the method cannot work.
    """
    method = build_method(config, data, folder)
    samples = training_samples(data)
    source = CaptionedBatches(samples, method.batch_maker, config.batches, config.seed, share)
    split = validated_split(config)
    validation = None
    if data.split(split):
        gallery = gallery_of(data, split)
        validation = Validation(
            measure=lambda: measure_gallery(method.encoder(), gallery),
            figure="recall_at_1",
            every_steps=config.validation.every_epochs * source.steps_per_epoch,
        )
    else:
        logger.warning("no %s split: nothing is validated, and there will be no best", split)
    return Recipe(
        method=method,
        source=source,
        optimiser=config.optimiser,
        factor=lambda step: learning_rate_factor(config.schedule, source.epoch(step)),
        validation=validation,
        accumulate=config.batches.accumulate,
        **_loop_settings(config),
    )


def prepare_rendered(config: RenderedRunConfig, folder: Path, on_progress: Progress) -> Recipe[Any]:
    """Make the recipe of the compact dual encoder on rendered people.

    Raises:
        DescryError: If people cannot be rendered, or are not those of the run's beginning.
    """
    data = config.data
    crops = prepare_people(
        data.folder,
        people=data.people,
        sightings=data.sightings,
        seed=data.seed,
        setting=data.setting,
        evenness=data.evenness,
        siblings=data.siblings,
        on_progress=on_progress,
    )
    keep_fingerprint(fingerprint_of_rendered(crops), folder)
    corpus = prepare_corpus(config, crops, folder)
    source = RenderedBatches(corpus, config.method, config.seed)
    method = compact_dual.build(
        config.method, folder / VOCABULARY_FILE, config.optimiser, config.seed
    )
    warmup = config.schedule.warmup_samples
    return Recipe(
        method=method,
        source=source,
        optimiser=config.optimiser,
        factor=lambda step: sample_factor(source.samples_before(step), source.samples, warmup),
        **_loop_settings(config),
    )


def built_rendered(config: RenderedRunConfig, folder: Path) -> TrainingMethod:
    """Return the method of a run on rendered people that has begun; its weights are not read.

    Raises:
        CheckpointUnreadable: If the run has no vocabulary yet.
    """
    vocabulary = folder / VOCABULARY_FILE
    if not vocabulary.is_file():
        raise CheckpointUnreadable(
            f"{folder} holds no {VOCABULARY_FILE}: the run was stopped before its first step. "
            "Start it again."
        )
    # What it started from may be gone since.
    alone = config.method.model_copy(update={"start": None})
    return compact_dual.build(alone, vocabulary, config.optimiser, config.seed)


def build_method(
    config: CaptionedRunConfig, data: CaptionedCrops, folder: Path
) -> CaptionedMethod[Any]:
    """Return the untrained method that a configuration names, the same for the same seed."""
    chosen, optimiser = config.method, config.optimiser
    classes, seed = data.classes, config.seed
    captions = [row.caption for row in caption_rows(data.train)]
    match chosen:
        case IrraConfig():
            return irra.build(chosen, optimiser, classes=classes, seed=seed)
        case AgmIrraConfig():
            return agm_irra.build(chosen, optimiser, classes=classes, seed=seed)
        case SgIhaConfig():
            return sg_iha.build(chosen, optimiser, classes=classes, seed=seed)
        case NafsConfig():
            return nafs.build(
                chosen, optimiser, classes=classes, seed=seed, captions=captions, folder=folder
            )
        case MiaConfig():
            return mia.build(
                chosen, optimiser, classes=classes, seed=seed, captions=captions, folder=folder
            )


def prepare_people(  # noqa: PLR0913  one recipe, named value by value
    folder: Path,
    *,
    people: int,
    sightings: int,
    seed: int,
    on_progress: Progress,
    setting: SettingName = "training",
    evenness: float = 0.0,
    siblings: float = 0.0,
) -> RenderedCrops:
    """Return rendered people from below ``folder``, rendering them first if they are not there."""
    kind = (f"-{setting}" if setting != "training" else "") + (
        f"-evenness-{evenness:g}-siblings-{siblings:g}" if evenness or siblings else ""
    )
    shards = folder / f"people-{people}x{sightings}-seed-{seed}{kind}"
    logger.info("people in %s", shards)
    render_shards(
        shards,
        people=people,
        sightings=sightings,
        seed=seed,
        setting=setting,
        evenness=evenness,
        siblings=siblings,
        on_progress=on_progress,
    )
    return load_shards(shards)


def prepare_corpus(config: RenderedRunConfig, crops: RenderedCrops, run: Path) -> Corpus:
    """Write captions for the crops and, into a new run's folder, the vocabulary made of them.

    A run that starts from a model has that one's vocabulary, and knows its words too.

    Raises:
        DescryError: If the start cannot be read.
    """
    count = config.data.captions_per_crop
    full = write_full_captions(crops.values, count, config.data.seed)
    short = write_short_queries(crops.values, count, config.data.seed)
    logger.info("wrote %d captions", 2 * count * len(crops.images))
    model = config.method.model
    texts = [text for captions in (full, short) for kept in captions.texts for text in kept]
    start = None if config.method.start is None else read_trained(config.method.start)
    vocabulary = run / VOCABULARY_FILE
    # A run that is stopped here must not find half of a file when it goes on.
    if start is None:
        _write_once(vocabulary, lambda path: write_vocabulary(texts, model.vocabulary_limit, path))
    else:
        _write_once(vocabulary, lambda path: path.write_bytes(start.vocabulary.read_bytes()))
    learned = () if start is None or start.words is None else read_whole_words(start.words)
    _write_once(run / WORDS_FILE, lambda path: write_words(texts, path, learned))
    words = (run / WORDS_FILE).read_text(encoding="utf-8").split()
    pieces = vocabulary.read_text(encoding="utf-8").split()
    word_pieces = WordPieces(vocabulary, model.max_tokens)
    return Corpus(
        crops=crops,
        full=piece_captions(full, word_pieces, model.max_tokens),
        short=piece_captions(short, word_pieces, model.max_tokens),
        people=group_by_person(crops.person_ids),
        unknown=unknown_words(pieces, frozenset(words)),
    )


def _write_once(path: Path, write: Callable[[Path], int]) -> None:
    if path.exists():
        return
    partial = path.with_suffix(".partial")
    write(partial)
    partial.replace(path)
