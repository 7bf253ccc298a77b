import pytest
import torch

from tests.training.losses.transcriptions import (
    cosine,
    cross_entropy,
    features,
    is_finite_with_gradients,
    worst_difference,
)
from tests.training.recorded_training import sgiha
from training.losses.attribute_question import attribute_question


def test_loss_with_a_zero_row_equals_the_recorded_one() -> None:
    unit = sgiha()["mcq_unit"]
    assert (unit["b"][0] == 0).all()
    loss = attribute_question(unit["a"], unit["b"])
    assert loss.item() == pytest.approx(unit["loss_t004"].item(), rel=1e-6)
    warm = attribute_question(unit["a"], unit["b"], temperature=1.0)
    assert warm.item() == pytest.approx(unit["loss_t1"].item(), rel=1e-6)


def test_loss_of_the_recorded_model_is_the_recorded_one() -> None:
    recorded = sgiha()
    loss = attribute_question(recorded["answer_feats"], recorded["bridge_feats"])
    assert loss.item() == pytest.approx(recorded["ret"]["mcq_loss"].item(), rel=1e-5)


def test_loss_and_gradients_equal_a_slow_transcription() -> None:
    def slow(answers: torch.Tensor, bridged: torch.Tensor) -> torch.Tensor:
        logits = [[cosine(a, b) / 0.04 for b in bridged] for a in answers]
        turned = [[row[j] for row in logits] for j in range(4)]
        return cross_entropy(logits, range(4)) + cross_entropy(turned, range(4))

    inputs = [features(1, 4, 6), features(2, 4, 6)]
    assert worst_difference(attribute_question, slow, inputs) < 1e-5


def test_a_zero_row_gives_a_finite_gradient() -> None:
    unit = sgiha()["mcq_unit"]
    assert is_finite_with_gradients(attribute_question, [unit["a"], unit["b"]])
