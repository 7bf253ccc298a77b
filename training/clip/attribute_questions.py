"""Turn a caption into a question: a phrase is hidden, and it is the answer.

Source: the code of SG-IHA (https://github.com/Zjamie813/SG-IHA), down to the number of draws.
Departs from it in one place: a caption without a usable word has no question, instead of an
error. Which noun phrases a caption has comes from outside; SG-IHA's are not published.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch

from models.tokenizers.clip_bpe import ClipBpe

MASK = "<|mask|>"
ANSWER_START = f"{MASK} {MASK} {MASK} "

_SHORTEST_WORD = 3
_SHORTEST_LONE_WORD = 4


class AttributeQuestion(NamedTuple):
    """A caption with something hidden, and what was hidden."""

    question: str
    answer: str


class QuestionTokens(NamedTuple):
    """Questions as the model reads them, int64 ``(n, t)``."""

    question_ids: torch.Tensor
    attention_mask: torch.Tensor
    """1 from start to end of the question, 0 on the padding."""
    answer_ids: torch.Tensor


def ask_about(
    caption: str, noun_phrases: Sequence[str], tokenizer: ClipBpe, rng: random.Random
) -> AttributeQuestion | None:
    """Hide a noun phrase of a caption, or a word where no phrase can be hidden.

    A phrase needs words of three letters or more and must stand in the caption as it is; each of
    its word pieces becomes one mask.

    Args:
        caption: The whole caption.
        noun_phrases: Its phrases; without any, a word of the caption is tried.
        tokenizer: Counts the pieces of what is hidden.
        rng: Where the chance comes from.

    Returns:
        None where no word of the caption can be hidden either: all are short or carry a comma or
        full stop. Such a caption has to be left out of the loss.
    """
    candidates = noun_phrases or caption.split()
    if not candidates:
        return None
    phrase = rng.choice(candidates).replace("'", "").strip()
    matches = _occurrences(phrase, caption) if _can_be_hidden(phrase) else []
    if matches:
        found = rng.choice(matches)
        hidden = _masks(phrase, tokenizer)
        question = caption[: found.start()] + hidden + caption[found.end() :]
        return AttributeQuestion(question, ANSWER_START + phrase)
    words = [word for word in caption.split() if _can_stand_alone(word)]
    if not words:
        return None
    word = rng.choice(words)
    # The first place where the letters occur, possibly within a longer word: as in the original.
    question = caption.replace(word, _masks(word, tokenizer), 1)
    return AttributeQuestion(question, ANSWER_START + word)


def tokenize_questions(
    questions: Sequence[AttributeQuestion], tokenizer: ClipBpe
) -> QuestionTokens:
    """Turn questions and answers into rows of word pieces."""
    question_ids = tokenizer.tokenize([question.question for question in questions])
    answer_ids = tokenizer.tokenize([question.answer for question in questions])
    positions = torch.arange(tokenizer.context_length)
    ends = question_ids.argmax(1, keepdim=True)  # the end is the largest number
    return QuestionTokens(question_ids, (positions <= ends).long(), answer_ids)


def _can_be_hidden(phrase: str) -> bool:
    return len(phrase) > 1 and all(len(word) >= _SHORTEST_WORD for word in phrase.split())


def _can_stand_alone(word: str) -> bool:
    return len(word) >= _SHORTEST_LONE_WORD and "." not in word and "," not in word


def _occurrences(phrase: str, caption: str) -> list[re.Match[str]]:
    return list(re.finditer(rf"\b{re.escape(phrase)}\b", caption, re.IGNORECASE))


def _masks(phrase: str, tokenizer: ClipBpe) -> str:
    return " ".join([MASK] * len(tokenizer.encode(phrase)))
