from typing import Any

import pytest
import torch

from models.tokenizers.clip_bpe import ClipBpe
from tests.training.recorded_training import python_random, sgiha
from training.clip.attribute_questions import AttributeQuestion, ask_about, tokenize_questions

BPE = ClipBpe()


@pytest.mark.parametrize("case", sgiha()["aqa"]["cases"], ids=lambda case: f"seed {case['seed']}")
def test_questions_are_the_recorded_ones(case: dict[str, Any]) -> None:
    caption = sgiha()["aqa"]["caption"]
    question = ask_about(caption, case["nouns"], BPE, python_random(case["seed"]))
    assert question == AttributeQuestion(case["question"], case["answer"])
    tokens = tokenize_questions([question], BPE)
    assert torch.equal(tokens.question_ids[0], case["question_ids"])
    assert torch.equal(tokens.attention_mask[0], case["att_mask"])
    assert torch.equal(tokens.answer_ids[0], case["answer_ids"])


def test_questions_of_a_batch_are_rows() -> None:
    cases = sgiha()["aqa"]["cases"][:3]
    questions = [AttributeQuestion(case["question"], case["answer"]) for case in cases]
    tokens = tokenize_questions(questions, BPE)
    for field, name in zip(tokens, ("question_ids", "att_mask", "answer_ids"), strict=True):
        assert torch.equal(field, torch.stack([case[name] for case in cases]))


@pytest.mark.parametrize("caption", ["", "   ", "a b", "He is on it", "It is, or to."])
@pytest.mark.parametrize("noun_phrases", [[], ["a man"], ["a b"]])
def test_a_caption_without_a_usable_word_has_no_question(
    caption: str, noun_phrases: list[str]
) -> None:
    assert "IndexError" in sgiha()["aqa_no_valid"]  # what the original code answers
    assert ask_about(caption, noun_phrases, BPE, python_random(0)) is None


def test_a_word_with_a_comma_or_a_full_stop_cannot_stand_for_a_phrase() -> None:
    questions = {
        ask_about("Tall, slim person.", ["a b"], BPE, python_random(seed)) for seed in range(20)
    }
    assert questions == {
        AttributeQuestion("Tall, <|mask|> person.", "<|mask|> <|mask|> <|mask|> slim")
    }


def test_a_phrase_is_found_at_the_borders_of_words_only_and_any_of_its_places_is_hidden() -> None:
    caption = "red cap, redcap and Red Cap"
    questions = {ask_about(caption, ["red cap"], BPE, python_random(seed)) for seed in range(20)}
    masks = "<|mask|> <|mask|>"
    assert questions == {
        AttributeQuestion(f"{masks}, redcap and Red Cap", "<|mask|> <|mask|> <|mask|> red cap"),
        AttributeQuestion(f"red cap, redcap and {masks}", "<|mask|> <|mask|> <|mask|> red cap"),
    }


def test_apostrophes_of_a_phrase_are_left_out_before_it_is_looked_for() -> None:
    question = ask_about("the mans coat is red", ["man's 'coat'"], BPE, python_random(0))
    masks = " ".join(["<|mask|>"] * len(BPE.encode("mans coat")))
    assert question == AttributeQuestion(
        f"the {masks} is red", "<|mask|> <|mask|> <|mask|> mans coat"
    )


def test_a_lone_word_is_hidden_where_its_letters_first_occur_and_only_there() -> None:
    questions = {
        ask_about("A raincoat, or a coat", ["a b"], BPE, python_random(seed)) for seed in range(9)
    }
    assert questions == {
        AttributeQuestion("A rain<|mask|>, or a coat", "<|mask|> <|mask|> <|mask|> coat")
    }


def test_signs_in_a_phrase_are_no_pattern() -> None:
    caption = "shirt (red) and more"
    question = ask_about(caption, ["shirt (red"], BPE, python_random(0))
    assert question is not None
    assert question.answer.endswith(" shirt (red")
    assert question.question.endswith(") and more")


def test_a_long_question_ends_at_the_last_position() -> None:
    question = AttributeQuestion("coat " * 100, "<|mask|> coat")
    tokens = tokenize_questions([question], BPE)
    assert tokens.attention_mask.sum().item() == 77
