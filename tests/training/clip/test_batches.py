import pickle
from dataclasses import fields

import pytest
import torch

from models.card import ImagePreprocessing
from models.clip_checkpoints import CLIP_MEAN, CLIP_STD
from models.images import preprocess
from models.tokenizers.clip_bpe import END_ID, MASK_ID, START_ID, ClipBpe
from tests.training.methods.recorded_clip import SAMPLES, pictures
from tests.training.recorded_training import python_random
from training.clip.batches import GuidedBatch, GuidedBatchMaker, IrraBatchMaker, crop_transform
from training.clip.caption_masking import mask_at_random
from training.crop_transforms import IRRA_AUGMENTED, MIRRORED, UNVARIED, sample_seed

IMAGE = ImagePreprocessing(height=32, width=16, mean=CLIP_MEAN, std=CLIP_STD)
TOKENIZER = ClipBpe(24)
MAKER = IrraBatchMaker(crop_transform(IMAGE, "augmented"), TOKENIZER, mask=True)
GUIDED = GuidedBatchMaker(crop_transform(IMAGE, "augmented"), TOKENIZER)


@pytest.mark.parametrize("maker", [MAKER, GUIDED], ids=["at random", "guided"])
def test_a_batch_depends_on_the_seed_alone(maker: IrraBatchMaker | GuidedBatchMaker) -> None:
    before = torch.get_rng_state()
    one, again, other = (maker(SAMPLES, pictures(), seed) for seed in (5, 5, 6))
    elsewhere = pickle.loads(pickle.dumps(maker))(SAMPLES, pictures(), 5)  # noqa: S301 - our own
    assert torch.equal(torch.get_rng_state(), before)
    for field in fields(one):
        assert torch.equal(getattr(one, field.name), getattr(again, field.name))
        assert torch.equal(getattr(one, field.name), getattr(elsewhere, field.name))
    assert not torch.equal(one.pixels, other.pixels)
    name = "draws" if isinstance(one, GuidedBatch) else "masked_ids"
    assert not torch.equal(getattr(one, name), getattr(other, name))


def test_what_a_sample_draws_depends_on_its_position_alone() -> None:
    whole = MAKER(SAMPLES, pictures(), 5)
    part = MAKER(SAMPLES[:2], pictures()[:2], 5)
    for field in fields(whole):
        assert torch.equal(getattr(whole, field.name)[:2], getattr(part, field.name))


def test_captions_are_masked_as_recorded_from_a_generator_of_their_own() -> None:
    batch = MAKER(SAMPLES, pictures(), 9)
    for position, ids in enumerate(batch.caption_ids):
        chance = python_random(sample_seed(9, 1, position))
        masked, targets = mask_at_random(ids, chance, mask_id=MASK_ID)
        assert torch.equal(batch.masked_ids[position], masked)
        assert torch.equal(batch.targets[position], targets)
    assert (batch.targets != 0).any(1).all()
    assert batch.labels.tolist() == [0, 1, 1, 2]


def test_without_masks_there_is_nothing_to_guess() -> None:
    batch = IrraBatchMaker(MAKER.transform, TOKENIZER, mask=False)(SAMPLES, pictures(), 9)
    assert torch.equal(batch.masked_ids, batch.caption_ids)
    assert not batch.targets.any()


def test_a_caption_longer_than_the_context_is_cut() -> None:
    row = MAKER(SAMPLES, pictures(), 1).caption_ids[3]
    assert row.shape == (24,)
    assert (int(row[0]), int(row[-1])) == (START_ID, END_ID)


def test_special_words_of_a_caption_are_ordinary_characters() -> None:
    sample = SAMPLES[0].__class__(SAMPLES[0].image, "a <|endoftext|> man <|mask|>", (), 0, 0)
    (row,) = MAKER([sample], pictures()[:1], 1).caption_ids
    assert (row == END_ID).sum() == 1
    assert not (row == MASK_ID).any()


def test_crops_vary_as_configured() -> None:
    assert crop_transform(IMAGE, "augmented").variation == IRRA_AUGMENTED
    assert crop_transform(IMAGE, "mirrored").variation == MIRRORED
    assert crop_transform(IMAGE, "unvaried").variation == UNVARIED
    plain = IrraBatchMaker(crop_transform(IMAGE, "unvaried"), TOKENIZER, mask=True)
    assert torch.allclose(
        plain(SAMPLES, pictures(), 3).pixels, preprocess(pictures(), IMAGE), atol=1e-6
    )


def test_draws_of_guided_masking_are_uniform_and_differ_between_samples() -> None:
    draws = torch.cat([GUIDED(SAMPLES, pictures(), seed).draws for seed in range(30)])
    assert draws.shape == (120, 3, 24)
    assert len(set(draws.flatten().tolist())) > 0.99 * draws.numel()
    assert 0 <= float(draws.min()) < float(draws.max()) < 1
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.01)
