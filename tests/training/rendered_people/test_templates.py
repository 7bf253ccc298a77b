"""Templates leave out what is not there; the held-out ones are kept from training."""

from training.datasets.rendered_people.templates import HELD_OUT, TRAINING, fill_template


def test_a_template_leaves_out_what_is_not_there() -> None:
    template = "{A_person}[ with {bag}][, {doing}][. {They} wears {hat} and {bag}]"
    phrases = {"a_person": "a man", "bag": "a bag", "doing": "", "they": "he", "hat": ""}
    assert fill_template(template, phrases) == "A man with a bag"
    whole = phrases | {"doing": "running", "hat": "a cap"}
    assert fill_template(template, whole) == "A man with a bag, running. He wears a cap and a bag"


def test_no_template_is_both_for_training_and_for_testing() -> None:
    assert len(set(TRAINING)) == len(TRAINING) >= 24
    assert len(set(HELD_OUT)) == len(HELD_OUT) >= 6
    assert not set(TRAINING) & set(HELD_OUT)
