"""What a person should know of the description behind a ranking: unknown words, a cut end.

A warning begins with a code that programs can rely on, a colon and a space; the rest is for
people. It quotes words of the description and so belongs into the answer, never into a log.
"""

from collections.abc import Sequence

from models.contracts import TextReading

NO_KNOWN_WORDS = "no_known_words"
UNKNOWN_WORDS = "unknown_words"
ONLY_STOP_WORDS = "only_stop_words"
TEXT_TRUNCATED = "text_truncated"

# English words that say nothing of anybody's looks, and what an apostrophe leaves of one.
STOP_WORDS = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "and", "or", "but", "nor", "not", "no",
    "as", "if", "so", "than", "then", "too", "very", "just", "also", "at", "by", "for", "from",
    "in", "into", "of", "off", "on", "onto", "out", "over", "under", "up", "down", "to", "with",
    "within", "without", "about", "above", "below", "between", "behind", "before", "after",
    "near", "through", "is", "are", "was", "were", "be", "been", "being", "am", "has", "have",
    "had", "having", "do", "does", "did", "can", "could", "may", "might", "shall", "should",
    "will", "would", "must", "i", "me", "my", "you", "your", "it", "its", "we", "our", "they",
    "them", "their", "who", "whom", "whose", "which", "what", "where", "when", "there", "here",
    "some", "any", "each", "both", "all", "such", "same", "other", "own", "d", "ll", "m", "re",
    "s", "t", "ve",
})  # fmt: skip

_NAMED_WORDS = 8
_WORD_LENGTH = 30
_MEANINGLESS = "the order of the crops means nothing"
# Not more: a misspelt or inflected word shares pieces with the one that was learned.
_DOUBTFUL = "the order of the crops may mean nothing"


def warnings_of(reading: TextReading) -> list[str]:
    """Return the warnings of a description, each ``code: sentence``; mostly none."""
    found = [_warning_of_words(reading)]
    if reading.truncated:
        found.append(
            f"{TEXT_TRUNCATED}: the model reads the first {reading.token_limit} of "
            f"{reading.tokens} tokens (words or pieces of them); what follows has no effect"
        )
    return [warning for warning in found if warning is not None]


def code_of(warning: str) -> str:
    """Return the code that a warning begins with."""
    return warning.partition(":")[0]


def _warning_of_words(reading: TextReading) -> str | None:
    if not reading.words:
        return f"{NO_KNOWN_WORDS}: the description holds no word, so {_MEANINGLESS}"
    telling = [word for word in dict.fromkeys(reading.words) if word not in STOP_WORDS]
    if not telling:
        named = _named(list(dict.fromkeys(reading.words)))
        return f"{ONLY_STOP_WORDS}: {named} (they say nothing of a person's looks: {_MEANINGLESS})"
    if reading.unknown_words is None:
        return None
    unknown = [word for word in telling if word in reading.unknown_words]
    if not unknown:
        return None
    if len(unknown) == len(telling):
        return f"{NO_KNOWN_WORDS}: {_named(unknown)} (the model never learned them: {_DOUBTFUL})"
    return f"{UNKNOWN_WORDS}: {_named(unknown)} (the model never learned them, only the others)"


def _named(words: Sequence[str]) -> str:
    shown = [
        word if len(word) <= _WORD_LENGTH else f"{word[:_WORD_LENGTH]}…"
        for word in words[:_NAMED_WORDS]
    ]
    more = len(words) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
