import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.tokenizers.noun_phrases import default_noun_phrases
from models.tokenizers.sentences import split_after_punctuation
from models.tokenizers.word_vocabulary import WordVocabulary
from tests.models.mia.recorded_mia import recorded_phrases
from tests.training.recorded_mia_training import CASES, IMAGE, crop, samples
from training.crop_transforms import MIRRORED, UNVARIED, CropTransform
from training.mia.batches import MiaBatchMaker

DATA = CASES["data"]


@pytest.fixture(scope="module")
def maker() -> MiaBatchMaker:
    """With the recorded vocabulary and the recorded noun phrases, without mirroring."""
    vocabulary = WordVocabulary(DATA["vocab"], split_after_punctuation)
    return MiaBatchMaker(CropTransform(IMAGE, UNVARIED), vocabulary, recorded_phrases)


def test_words_and_phrases_have_the_recorded_numbers(maker: MiaBatchMaker) -> None:
    batch = maker(samples(), [crop(sample) for sample in samples()], 0)
    assert torch.equal(batch.captions, DATA["train_tokens"])
    assert torch.equal(batch.phrases, DATA["train_np_tokens"])
    assert batch.phrase_counts.tolist() == DATA["train_n_np"]
    assert batch.labels.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 1, 1, 3, 3]


def test_unmirrored_crops_have_the_recorded_pixels(maker: MiaBatchMaker) -> None:
    rows = samples()[::2]
    batch = maker(rows, [crop(sample) for sample in rows], 0)
    recorded = CASES["train_step_regional"]["x_train_sample"]
    assert tuple(batch.pixels.shape) == recorded["shape"]
    found = batch.pixels.flatten()[recorded["idx"]]
    assert (found - recorded["val"]).abs().max() <= 1e-6
    assert batch.pixels.double().mean().item() == pytest.approx(recorded["mean"], abs=1e-6)


def test_crops_are_mirrored_by_the_seed_and_their_position(maker: MiaBatchMaker) -> None:
    mirroring = replace(maker, transform=CropTransform(IMAGE, MIRRORED))
    rows = [samples()[0]] * 12
    images = [crop(sample) for sample in rows]
    (straight, *_) = maker(rows, images, 4).pixels
    found = mirroring(rows, images, 4).pixels
    mirrored = [torch.equal(pixels, straight.flip(2)) for pixels in found]
    assert 0 < sum(mirrored) < 12
    assert all(m or torch.equal(p, straight) for m, p in zip(mirrored, found, strict=True))
    assert torch.equal(mirroring(rows[:5], images[:5], 4).pixels, found[:5])
    assert not torch.equal(mirroring(rows, images, 5).pixels, found)


def test_phrases_of_the_annotations_are_not_used(maker: MiaBatchMaker) -> None:
    plain = samples()[:1]
    annotated = [replace(plain[0], phrases=("red shirt",))]
    images = [crop(plain[0])]
    assert torch.equal(maker(annotated, images, 0).phrases, maker(plain, images, 0).phrases)


def test_a_maker_that_was_sent_to_another_process_makes_the_same_batch(
    maker: MiaBatchMaker, tmp_path: Path
) -> None:
    own = replace(maker, find_phrases=default_noun_phrases())
    path = tmp_path / "maker"
    path.write_bytes(pickle.dumps(own))
    sent = pickle.loads(path.read_bytes())  # noqa: S301 - written by the line before
    rows = samples()[:3]
    images = [crop(sample) for sample in rows]
    here, there = own(rows, images, 1), sent(rows, images, 1)
    for name in ("pixels", "captions", "phrases", "phrase_counts", "labels"):
        assert torch.equal(getattr(here, name), getattr(there, name))
