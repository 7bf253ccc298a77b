import pytest
import torch

from models.layers.relation_guided_attention import global_part_scores
from tests.training.recorded_mia_training import CASES
from training.mia.part_matching import attend_present, gathered_cosines, part_part_matrix


def present(counts: list[int], most: int) -> torch.Tensor:
    return torch.arange(most) < torch.tensor(counts)[:, None]


def worst(found: torch.Tensor, expected: torch.Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).detach().abs().max())


def test_present_parts_are_gathered_as_recorded() -> None:
    case = CASES["rga"]
    found = attend_present(case["full"], case["parts"], present(case["text_n2c"], 5))
    assert worst(found, case["regional_alignment_text_cosine"]) <= 1e-6


def test_pairs_have_the_scores_of_a_search() -> None:
    draw = torch.Generator().manual_seed(2)
    crops, captions = torch.randn(4, 8, generator=draw), torch.randn(3, 8, generator=draw)
    stripes = torch.randn(4, 6, 8, generator=draw)
    phrases = torch.randn(3, 10, 8, generator=draw)
    counts = [10, 1, 4]
    to_stripes = gathered_cosines(captions[:, None], stripes).squeeze(-1).T
    to_phrases = gathered_cosines(crops[:, None], phrases, present(counts, 10)).squeeze(-1)
    for row, count in enumerate(counts):
        by_caption, by_crop = global_part_scores(
            captions[row], phrases[row, :count], crops, stripes
        )
        assert worst(to_stripes[:, row], by_caption) <= 1e-6
        assert worst(to_phrases[:, row], by_crop) <= 1e-6


def test_stripes_match_phrases_as_reconstructed() -> None:
    case = CASES["bfm_reference_reconstruction"]
    found = part_part_matrix(case["parts"], case["nps"], present(case["n2c"], 10))
    assert worst(found, case["score"]) <= 1e-6


@pytest.mark.parametrize("filling", [0.0, 1e6])
def test_absent_phrases_count_for_nothing_and_get_no_gradient(filling: float) -> None:
    draw = torch.Generator().manual_seed(3)
    crops = torch.randn(2, 8, generator=draw)
    stripes = torch.randn(2, 6, 8, generator=draw, requires_grad=True)
    phrases = torch.randn(2, 3, 8, generator=draw)
    absent = torch.full((2, 2, 8), filling)
    padded = torch.cat([phrases, absent], dim=1).requires_grad_()
    there, all_there = present([3, 3], 5), present([3, 3], 3)
    matrix = part_part_matrix(stripes, padded, there)
    gathered = attend_present(crops, padded, there)
    pairs = gathered_cosines(crops[:, None], padded, there)
    assert worst(matrix, part_part_matrix(stripes, phrases, all_there)) <= 1e-6
    assert worst(gathered, attend_present(crops, phrases, all_there)) <= 1e-6
    assert worst(pairs, gathered_cosines(crops[:, None], phrases)) <= 1e-6
    total: torch.Tensor = matrix.sum() + gathered.sum() + pairs.sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert padded.grad is not None
    assert stripes.grad is not None
    assert torch.isfinite(stripes.grad).all()
    assert padded.grad[:, :3].abs().min() > 0
    assert padded.grad[:, 3:].abs().max() == 0
