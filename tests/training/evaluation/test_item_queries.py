from collections import Counter

import pytest

from tests.training.evaluation.scripted_encoder import values_of
from training.datasets.rendered_people.attributes import agreement
from training.evaluation.item_queries import item_queries

ITEMS = ("backpack", "handbag", "hat", "cap", "helmet", "glasses", "umbrella", "suitcase")


def test_each_of_eight_items_is_asked_for_in_two_wordings() -> None:
    queries = item_queries()
    assert Counter(query.group for query in queries) == dict.fromkeys(ITEMS, 2)
    assert len({query.text for query in queries}) == 16


@pytest.mark.parametrize(
    ("text", "slot", "true_of", "false_of"),
    [
        ("someone carrying a rucksack", "bag", ["backpack"], ["handbag", "none"]),
        ("person with a handbag", "bag", ["handbag", "shoulder bag"], ["tote bag", "backpack"]),
        ("person wearing a hat", "headwear", ["cap", "beanie", "brimmed hat"], ["helmet", "hood"]),
        ("person wearing a cap", "headwear", ["cap"], ["beanie", "brimmed hat"]),
        ("someone with a hard hat", "headwear", ["helmet"], ["cap", "none"]),
        ("person wearing glasses", "glasses", ["glasses", "sunglasses"], ["none"]),
        ("someone with spectacles", "glasses", ["glasses"], ["sunglasses", "none"]),
        ("person with an umbrella", "carried", ["umbrella"], ["cup", "none"]),
        ("person with a suitcase", "bag", ["suitcase"], ["briefcase", "none"]),
    ],
)
def test_an_item_is_true_of_what_a_searcher_would_take_it_for(
    text: str, slot: str, true_of: list[str], false_of: list[str]
) -> None:
    (query,) = (query for query in item_queries() if query.text == text)
    values = values_of(*({slot: value} for value in (*true_of, *false_of)))
    found = agreement(query.claims()[None], values)[0].tolist()
    assert found == [1] * len(true_of) + [0] * len(false_of)
