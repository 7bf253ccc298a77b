from pathlib import Path

import numpy as np
import pytest
import torch

from training.compact.batches import PIXEL_MEAN, PIXEL_STD, Batch, draw_batch, state_truth
from training.compact.corpus import Corpus
from training.config import RenderedRunConfig
from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, SLOTS, permit
from training.datasets.rendered_people.shards import RenderedCrops
from training.preparation import prepare_corpus


@pytest.fixture
def corpus(config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path) -> Corpus:
    return prepare_corpus(config, crops, tmp_path)


def drawn(config: RenderedRunConfig, corpus: Corpus) -> Batch:
    method = config.method
    rng = np.random.default_rng(0)
    return draw_batch(corpus, method.phases[0], method.augmentation, method.objective, rng)


def test_batch_has_two_sightings_of_each_person_and_captions_for_each_crop(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    batch = drawn(config, corpus)
    assert batch.pixels.shape == (8, 3, 24, 8)
    assert torch.equal(batch.values[:4, 0], batch.values[4:, 0])  # both sightings, same gender
    assert batch.full.ids.shape == batch.full.mask.shape
    assert len(batch.full.ids) == 8
    assert len(batch.short.ids) == 16
    assert batch.full_truth.shape == (8, 8)
    assert batch.short_truth.shape == (16, 8)
    assert torch.equal(batch.full.mask, (batch.full.ids != 0).long())
    assert batch.full.mask.sum(1).max() == batch.full.ids.shape[1]  # cut to the longest


def test_people_stand_in_a_batch_beside_their_neighbours(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    batch = drawn(config, corpus)
    kept = [slot for name, slot in SLOT_INDEX.items() if name != "view"]  # flips change the view
    own = {tuple(row[kept]): index // 2 for index, row in enumerate(corpus.crops.values)}
    people = [own[tuple(row)] for row in batch.values[:4, kept].tolist()]
    assert people[0] // 2 == people[1] // 2
    assert people[2] // 2 == people[3] // 2
    assert len(set(people)) == 4


def test_pixels_are_normalised_as_the_model_s_card_says(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    batch = drawn(config, corpus)
    back = batch.pixels * PIXEL_STD[0] + PIXEL_MEAN[0]
    assert back.min() >= -1e-6
    assert back.max() <= 1 + 1e-6


def test_drawing_leaves_the_corpus_as_it_was(config: RenderedRunConfig, corpus: Corpus) -> None:
    images, values = corpus.crops.images.copy(), corpus.crops.values.copy()
    ids = corpus.full.ids.copy()
    batch = drawn(config, corpus)
    batch.pixels.zero_()
    batch.values.zero_()
    batch.full.ids.zero_()
    assert np.array_equal(corpus.crops.images, images)
    assert np.array_equal(corpus.crops.values, values)
    assert np.array_equal(corpus.full.ids, ids)


def test_caption_counts_as_true_of_its_own_crop_unless_contradicted() -> None:
    claims = np.full((4, len(SLOTS)), ANY, np.int32)
    view = SLOT_INDEX["view"]
    claims[0, view] = permit("view", ["left"])  # crop 0 is seen from the left
    claims[1, view] = permit("view", ["left"])  # crop 1 does not tell its view
    claims[2, view] = permit("view", ["right"])  # written for crop 0, which was mirrored since
    claims[3, view] = permit("view", ["left"])
    values = np.zeros((2, len(SLOTS)), np.int8)
    values[:, view] = [SLOTS["view"].index("left"), -1]
    truth = state_truth(torch.from_numpy(claims), torch.from_numpy(values).long())
    assert truth.tolist() == [[1, -1], [1, 1], [0, -1], [1, 1]]
