import numpy as np

from training.datasets.rendered_people.attributes import SLOTS, agreement, encode_values
from training.datasets.rendered_people.sampling import sample_person
from training.evaluation.attribute_queries import attribute_queries


def test_there_are_27_queries_for_one_value_each() -> None:
    queries = attribute_queries()
    assert len({query.text for query in queries}) == len(queries) == 27
    single = set()
    for query in queries:
        # A colour of a top or of trousers also says what is coloured.
        asked = {slot: values for slot, values in query.permitted.items() if len(values) == 1}
        ((slot, (value,)),) = asked.items()
        assert value in SLOTS[slot]
        assert set(query.permitted) - {slot} <= {"upper_type", "lower_type"}
        single.add((slot, value))
    assert len(single) == 27


def test_they_are_about_every_part_of_a_person() -> None:
    groups = {query.group for query in attribute_queries()}
    assert groups == {"top", "trousers", "garment", "shoes", "item", "person"}


def test_sampled_people_have_each_attribute_and_few_people_a_typical_one() -> None:
    rng = np.random.default_rng(4)
    seen = {"pose": "walking", "view": "front"}
    people = [sample_person(number, rng).attributes for number in range(600)]
    values = np.stack([encode_values({**attributes, **seen}) for attributes in people])
    claims = np.stack([query.claims() for query in attribute_queries()])
    shares = (agreement(claims, values) == 1).mean(axis=1)
    assert shares.min() > 0
    assert 0.04 < np.median(shares) < 0.1
