from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from models.card import ModelCard
from models.contracts import Float32Array
from tests.fakes import ColourEncoder
from training.captioning import write_full_captions
from training.datasets.rendered_people.shards import RenderedCrops
from training.evaluation import encode_crops, evaluate

SEED = 4


class Oracle:
    """Knows every crop by its pixels and every held-out caption by its text."""

    def __init__(self, crops: RenderedCrops) -> None:
        self._width = int(crops.person_ids.max()) + 1
        self._people = {
            image.tobytes(): int(person)
            for image, person in zip(crops.images, crops.person_ids, strict=True)
        }
        captions = write_full_captions(crops.values[::2], 1, SEED, held_out=True)
        self._described = {texts[0]: person for person, texts in enumerate(captions.texts)}

    @property
    def card(self) -> ModelCard:
        return ColourEncoder().card

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        people = [self._people[np.asarray(image).tobytes()] for image in images]
        return np.eye(self._width, dtype=np.float32)[people]

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        people = [self._described.get(text, 0) for text in texts]
        return np.eye(self._width, dtype=np.float32)[people]


def test_encoder_that_knows_everybody_has_full_recall(crops: RenderedCrops) -> None:
    figures = evaluate(Oracle(crops), crops, SEED)
    assert (figures.people, figures.crops) == (12, 24)
    assert figures.full_captions.queries == 12
    assert figures.full_captions.recall_at_1 == 1
    assert figures.full_captions.mean_average_precision == 1


def test_encoder_that_knows_nothing_is_at_chance(crops: RenderedCrops) -> None:
    class Blind(Oracle):
        def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
            return np.ones((len(images), self._width), np.float32)

    figures = evaluate(Blind(crops), crops, SEED)
    # All similarities are equal, so everybody stands in the gallery's order: the two crops of
    # person p are found at 2 p + 1 and 2 p + 2.
    assert figures.full_captions.recall_at_1 == pytest.approx(1 / 12)
    assert figures.full_captions.recall_at_5 == pytest.approx(3 / 12)
    precision = [(1 / (2 * p + 1) + 2 / (2 * p + 2)) / 2 for p in range(12)]
    assert figures.full_captions.mean_average_precision == pytest.approx(np.mean(precision))
    assert 0 < figures.short_queries.chance < 1


def test_named_queries_true_of_no_crop_are_reported(crops: RenderedCrops) -> None:
    figures = evaluate(Oracle(crops), crops, SEED)
    asked = {query.text for query in figures.named_queries}
    assert not asked & set(figures.unanswerable)
    assert len(asked) + len(figures.unanswerable) == 27
    assert all(query.chance > 0 for query in figures.named_queries)


def test_crops_are_encoded_in_order(crops: RenderedCrops) -> None:
    assert encode_crops(Oracle(crops), crops).argmax(1).tolist() == crops.person_ids.tolist()
