import numpy as np

from training import captioning
from training.captioning import write_full_captions, write_short_queries
from training.datasets.rendered_people.attributes import agreement
from training.datasets.rendered_people.shards import RenderedCrops


def test_captions_are_never_contradicted_by_their_own_crop(crops: RenderedCrops) -> None:
    for captions in (
        write_full_captions(crops.values, 2, 5),
        write_full_captions(crops.values, 2, 5, held_out=True),
        write_short_queries(crops.values, 2, 5),
    ):
        assert np.array([len(texts) for texts in captions.texts]).tolist() == [2] * 24
        for row, claims in zip(crops.values, captions.claims, strict=True):
            assert 0 not in agreement(claims, row[None])


def test_captions_depend_on_the_seed_alone_and_not_on_the_division(
    crops: RenderedCrops,
) -> None:
    whole = write_short_queries(crops.values, 3, 5)
    assert write_short_queries(crops.values, 3, 6).texts != whole.texts
    tail = captioning.Part(20, crops.values[20:], 3, 5, "short")
    texts, claims = captioning._write_part(tail)
    assert texts == whole.texts[20:]
    assert np.array_equal(claims, whole.claims[20:])
