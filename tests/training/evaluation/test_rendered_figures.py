from training.evaluation.rendered_figures import without_single_queries


def test_a_card_keeps_means_and_the_best_and_worst_queries() -> None:
    query = {"text": "red top", "average_precision": 0.5}
    figures = {
        "people": 4,
        "items": {"precision_at_10": 0.6, "by_item": {"cap": 0.6}, "per_query": [query]},
        "colours": {"model": {"mean_average_precision": 0.7}},
        "best_queries": [query],
        "named_queries": [query],
        "unanswerable": ["yellow skirt"],
    }
    assert without_single_queries(figures) == {
        "people": 4,
        "items": {"precision_at_10": 0.6, "by_item": {"cap": 0.6}},
        "colours": {"model": {"mean_average_precision": 0.7}},
        "best_queries": [query],
        "unanswerable": ["yellow skirt"],
    }
    assert "per_query" in figures["items"]  # type: ignore[operator]
