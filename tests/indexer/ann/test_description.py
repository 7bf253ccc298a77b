import pytest
from pydantic import ValidationError

from indexer.ann import EXACT, IVF_KIND, IndexDescription
from indexer.ann.description import MeasuredProbes

LISTS = IndexDescription(
    kind=IVF_KIND,
    lists=1000,
    measured=(
        MeasuredProbes(share=1, probes=50, recall=0.991),
        MeasuredProbes(share=0.1, probes=100, recall=0.995),
        MeasuredProbes(share=0.01, probes=400, recall=0.993),
    ),
)


@pytest.mark.parametrize(
    ("share", "limit", "probes", "recall"),
    [
        (1.0, 10, 50, 0.991),
        (1.0, 1, 50, 0.991),
        (0.1, 10, 100, 0.991),
        (1.0, 100, 100, 0.991),  # the best hundred of all lie as deep as the best ten of a tenth
        (0.01, 10, 400, 0.993),
        (10**-1.5, 10, 200, 0.993),  # half way between 100 and 400 on a logarithmic scale
        (0.005, 10, 800, 0.993),  # beyond what was measured: one over the share
        (0.001, 10, 1000, 0.993),  # never more than there are
        (0.01, 10**9, 1000, 0.993),
    ],
)
def test_narrower_filters_and_longer_answers_take_more_lists(
    share: float, limit: int, probes: int, recall: float
) -> None:
    assert LISTS.probes(share, limit) == (probes, recall)


def test_recall_is_that_of_a_search_without_filters() -> None:
    assert LISTS.recall == 0.991
    assert EXACT.recall == 1


def test_a_description_survives_the_manifest() -> None:
    assert IndexDescription.model_validate_json(LISTS.model_dump_json()) == LISTS
    with pytest.raises(ValidationError):
        IndexDescription.model_validate({"kind": "ivf-sq8", "nprobe": 3})
