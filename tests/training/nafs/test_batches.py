import pickle
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from models.layers.staircase_resnet import UPRIGHT
from tests.training.small_nafs import CAPTIONS, LABELS, batch, crops, samples, small
from training.crop_transforms import MIRRORED
from training.methods.nafs import NafsMethod


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> NafsMethod:
    return small(tmp_path_factory.mktemp("run"))


def test_a_batch_follows_from_the_seed_in_any_process(method: NafsMethod) -> None:
    elsewhere = pickle.loads(pickle.dumps(method.batch_maker))  # noqa: S301 - our own bytes
    state = torch.get_rng_state()
    first, again = batch(method, 7), elsewhere(samples(), crops(), 7)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.pixels, again.pixels)
    assert first.orders == again.orders
    for field in ("captions", "phrases"):
        for left, right in zip(getattr(first, field), getattr(again, field), strict=True):
            assert torch.equal(left, right)
    assert {field.name for field in fields(first)} == {
        "pixels", "captions", "phrases", "labels", "orders"
    }  # fmt: skip


def test_a_batch_has_the_shapes_that_the_network_reads(method: NafsMethod) -> None:
    found = batch(method)
    assert found.pixels.shape == (6, 3, 96, 32)
    assert found.captions.ids.shape == found.captions.mask.shape == (6, 40)
    longest = int(found.phrases.counts.max())
    assert found.phrases.ids.shape == (12, longest)
    assert longest < 40
    assert found.labels.tolist() == list(LABELS)


def test_a_crop_is_mirrored_by_its_position_whatever_its_company(method: NafsMethod) -> None:
    assert method.batch_maker.transform.variation == MIRRORED
    both = [method.batch_maker(samples()[:1], crops()[:1], seed).pixels[0] for seed in range(12)]
    assert torch.equal(batch(method, 5).pixels[0], both[5])
    kinds = [torch.equal(pixels, both[0]) for pixels in both]
    assert 0 < sum(kinds) < 12
    assert all(torch.equal(p, both[0]) or torch.equal(p.flip(2), both[0]) for p in both)


def test_each_batch_has_an_order_of_stripes_and_all_orders_occur(method: NafsMethod) -> None:
    orders = [method.batch_maker([samples()[0]], [crops()[0]], seed).orders for seed in range(60)]
    patches = {tuple(order.patches or ()) for order in orders}
    assert patches == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    assert {tuple(order.regions or ()) for order in orders} == {(0, 1), (1, 0)}


def test_stripes_stay_in_their_place_where_they_are_not_shuffled(tmp_path: Path) -> None:
    method = small(tmp_path, shuffle_stripes=False)
    assert all(batch(method, seed).orders == UPRIGHT for seed in range(5))


def test_special_words_in_a_caption_are_read_as_the_encoder_reads_them(
    method: NafsMethod,
) -> None:
    row = batch(method).captions.ids[5]
    assert CAPTIONS[5].startswith("A [SEP]")
    assert int((row == 3).sum()) == 1  # [SEP], at the end alone
    second_phrase = batch(method).phrases.ids[2 * 5 + 1]
    assert int((second_phrase[: batch(method).phrases.counts[11]] == 0).sum()) == 0
