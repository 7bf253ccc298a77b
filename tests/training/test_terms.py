import pytest
import torch

from training.terms import LossTerms


def test_total_is_the_weighted_sum_and_values_are_unweighted() -> None:
    terms = LossTerms({"a": (2.0, torch.tensor(3.0)), "b": (0.5, torch.tensor(8.0))})
    assert terms.total().item() == pytest.approx(10)
    assert terms.values() == {"a": 3.0, "b": 8.0}
