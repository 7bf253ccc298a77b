import pytest

from tests.training.losses.transcriptions import features, is_finite_with_gradients
from tests.training.recorded_training import agm, irra
from training.losses.cmt import cmt
from training.losses.itc import itc


def test_loss_equals_the_recorded_one() -> None:
    units = irra()["loss_units"]
    loss = cmt(units["image"], units["text"])
    assert loss.item() == pytest.approx(agm()["cmt_unit"].item(), rel=1e-6)


def test_loss_is_the_contrastive_loss_at_five_times_the_scale() -> None:
    crops, captions = features(3, 6, 8), features(4, 6, 8)
    assert cmt(crops, captions).item() == itc(crops, captions, scale=250.0).item()


def test_a_zero_row_gives_a_finite_loss_and_gradient() -> None:
    captions = features(1, 3, 4)
    captions[0] = 0
    assert is_finite_with_gradients(cmt, [features(2, 3, 4), captions])
