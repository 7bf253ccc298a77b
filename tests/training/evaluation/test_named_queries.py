import numpy as np

from training.datasets.rendered_people.attributes import SLOT_INDEX, SLOTS, agreement
from training.evaluation.named_queries import name_queries


def test_red_coat_is_true_of_red_coats_alone() -> None:
    query = next(query for query in name_queries() if query.text == "red coat")
    values = np.zeros((3, len(SLOTS)), np.int8)
    kinds, colours = SLOT_INDEX["upper_type"], SLOT_INDEX["upper_colour"]
    coat, red, blue = (
        SLOTS["upper_type"].index("coat"),
        SLOTS["upper_colour"].index("red"),
        SLOTS["upper_colour"].index("blue"),
    )
    values[:, kinds] = [coat, coat, SLOTS["upper_type"].index("shirt")]
    values[:, colours] = [red, blue, red]
    assert agreement(query.claims()[None], values).tolist() == [[1, 0, 0]]


def test_queries_cover_colours_and_carried_things() -> None:
    texts = {query.text for query in name_queries()}
    assert len(texts) == len(name_queries())
    assert {"white top", "green trousers", "yellow skirt", "person with a backpack"} <= texts
