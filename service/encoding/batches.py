"""Inputs encoded together that do not fail together, and texts grouped by length."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from models.contracts import Float32Array, TextReading
from service.encoding.answers import EncodingBroken

# What a call of its own costs, in tokens of padding: 30 for the default model, 90 for CLIP's
# text tower in bf16.
CALL_TOKENS = 64
_CHARACTERS_A_TOKEN = 5

Input = TypeVar("Input")


def encode_each(
    encode: Callable[[Sequence[Input]], Float32Array], inputs: Sequence[Input], width: int
) -> list[Float32Array | Exception]:
    """Return for each input its read-only row ``(width,)``, or why it has none.

    All are encoded in one call. Those that fail in it are tried once more, each alone, so that
    one bad input costs its neighbours time and nothing else.
    """
    together = _attempt(encode, inputs, width)
    if len(inputs) == 1:
        return together
    return [
        _attempt(encode, [each], width)[0] if isinstance(outcome, Exception) else outcome
        for each, outcome in zip(inputs, together, strict=True)
    ]


def _attempt(
    encode: Callable[[Sequence[Input]], Float32Array], inputs: Sequence[Input], width: int
) -> list[Float32Array | Exception]:
    try:
        rows = np.asarray(encode(inputs), np.float32)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to these inputs
        return [error] * len(inputs)
    expected = (len(inputs), width)
    if rows.shape != expected:
        wrong = EncodingBroken(f"the encoder returned shape {rows.shape} (expected {expected})")
        return [wrong] * len(inputs)
    return [_checked(row) for row in rows]


def _checked(row: Float32Array) -> Float32Array | Exception:
    if not np.isfinite(row).all():
        return EncodingBroken("the encoder returned numbers that are not finite")
    # A view would keep all rows of its batch alive for as long as one of them is cached.
    own = row.copy()
    own.setflags(write=False)
    return own


def length_of(text: str, reading: TextReading) -> int:
    """Return how many tokens of a text the encoder computes, estimated where it cannot tell."""
    if reading.tokens is None:
        return 1 + len(text) // _CHARACTERS_A_TOKEN
    if reading.token_limit is None:
        return reading.tokens
    return min(reading.tokens, reading.token_limit)


def runs_of_similar_length(lengths: Sequence[int]) -> list[list[int]]:
    """Return the positions of all lengths, shortest first, cut into runs to encode in a call each.

    An encoder pads the texts of a call to the longest. A run ends where padding would cost more
    than another call.
    """
    runs: list[list[int]] = []
    padding = longest = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if runs:
            padding += len(runs[-1]) * (lengths[position] - longest)
        if not runs or padding > CALL_TOKENS:
            runs.append([])
            padding = 0
        runs[-1].append(position)
        longest = lengths[position]
    return runs
