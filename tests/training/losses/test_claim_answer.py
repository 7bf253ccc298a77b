import math

import pytest
import torch

from training.losses.claim_answer import claim_answer

ANSWERS = (2, 3)  # so 3 and 4 logits: the last of each slot says nothing


def test_loss_of_even_logits_is_the_mean_logarithm_of_the_number_of_answers() -> None:
    permitted = torch.tensor([[True, False, True, True, True], [True, True, True, True, False]])
    # said: slot 0 of the first text (3 answers), slot 1 of the second (4 answers);
    # not said: slot 1 of the first (4 answers), slot 0 of the second (3 answers)
    expected = ((math.log(3) + math.log(4)) / 2 + (math.log(4) + math.log(3)) / 2) / 2
    assert claim_answer(torch.zeros(2, 7), permitted, ANSWERS).item() == pytest.approx(expected)


def test_several_permitted_values_share_the_answer_evenly() -> None:
    permitted = torch.tensor([[True, True, True, True, False]])  # all said is one of two
    logits = torch.tensor([[0.0, 0.0, 5.0, 3.0, 1.0, 0.0, 0.0]])
    total = math.log(math.exp(3) + math.exp(1) + 2)
    said = total - (3 + 1) / 2
    silent = math.log(2 + math.exp(5)) - 5
    expected = (said + silent) / 2
    assert claim_answer(logits, permitted, ANSWERS).item() == pytest.approx(expected, rel=1e-5)


def test_text_that_says_nothing_at_all_has_a_loss_too() -> None:
    permitted = torch.ones(1, 5, dtype=torch.bool)
    loss = claim_answer(torch.zeros(1, 7), permitted, ANSWERS)
    assert loss.item() == pytest.approx((math.log(3) + math.log(4)) / 2 / 2)


def test_gradient_leads_towards_what_is_permitted() -> None:
    permitted = torch.tensor([[False, True, True, False, False]])
    logits = torch.zeros(1, 7, requires_grad=True)
    (gradient,) = torch.autograd.grad(claim_answer(logits, permitted, ANSWERS), logits)
    assert (gradient < 0).tolist() == [[False, True, False, True, False, False, False]]
