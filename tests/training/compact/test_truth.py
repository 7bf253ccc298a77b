import numpy as np
import torch

from training.compact.truth import VALUES_A_SLOT, permitted_values, shown_values, truth_of
from training.datasets.rendered_people.attributes import ANY, SLOT_INDEX, SLOTS, agreement, permit


def test_claims_and_crops_mark_the_columns_of_their_values() -> None:
    claims = torch.full((1, len(SLOTS)), ANY, dtype=torch.int32)
    claims[0, SLOT_INDEX["age"]] = permit("age", ["child", "elderly"])
    values = torch.full((1, len(SLOTS)), -1)
    values[0, SLOT_INDEX["age"]] = SLOTS["age"].index("elderly")
    first = sum(VALUES_A_SLOT[: SLOT_INDEX["age"]])
    columns = slice(first, first + 3)
    permitted, shown = permitted_values(claims)[0], shown_values(values)[0]
    assert permitted[columns].tolist() == [False, True, True]
    assert int((~permitted).sum()) == 1
    assert shown.nonzero().flatten().tolist() == [first + 2]


def test_truth_is_that_of_the_statement_slot_by_slot() -> None:
    rng = np.random.default_rng(3)
    counts = np.array([len(values) for values in SLOTS.values()])
    values = rng.integers(-1, counts, (40, len(SLOTS))).astype(np.int8)
    claims = np.full((60, len(SLOTS)), ANY, np.int32)
    for row in claims:
        for slot in rng.choice(len(SLOTS), 2, replace=False):
            row[slot] = rng.integers(1, 1 << counts[slot])
    truth = truth_of(torch.from_numpy(claims), torch.from_numpy(values).long())
    assert np.array_equal(truth.numpy(), agreement(claims, values))
    assert set(np.unique(truth.numpy())) == {-1, 0, 1}


def test_truth_of_nothing_has_no_columns() -> None:
    claims = torch.full((2, len(SLOTS)), ANY, dtype=torch.int32)
    assert truth_of(claims, torch.zeros(0, len(SLOTS), dtype=torch.long)).shape == (2, 0)
