"""How well the parts of a crop fit the words of a text: NAFS's contextual non-local attention.

Source: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036, section 3.3),
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477, with the published focal type
``none``; the attention is that of Lee et al., SCAN, 2018 (https://arxiv.org/abs/1803.08024).
Departs from that code in form, not in value: the context of a region, a weighted sum of word
values, is never built. Its product with a region's value is the weighted sum of the products,
its length the square root of ``w G w`` with the words' Gram matrix G; and no word vector longer
than the text's own is read. Byte codes are multiplied in bf16, which holds them exactly, where the
processor does so in hardware: the words then lose what the codes have lost already.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from models.contracts import Float32Array
from models.devices import choose_dtype
from models.parts import Parts
from models.single_thread import single_thread

_CROPS_AT_ONCE = 128  # bounds the memory of a long list; a usual one is a single product
_SHARPNESS = 20.0
_LEAK = 0.1
_TINY = 1e-8
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class AttendedText:
    """What the score needs of the t attended rows of a text, float32 on the CPU."""

    keys: torch.Tensor
    """Unit keys ``(t, d)``."""
    values: torch.Tensor
    """``(t, d)``"""
    gram: torch.Tensor
    """Products of the values with each other ``(t, t)``."""


def attend(keys: torch.Tensor, values: torch.Tensor) -> AttendedText:
    """Prepare a text for any number of crops from the keys and values ``(t, d)`` of its rows."""
    keys, values = keys.float().cpu(), values.float().cpu().contiguous()
    lengths = torch.linalg.vector_norm(keys, dim=1, keepdim=True)
    return AttendedText(keys / (lengths + _TINY), values, values @ values.T)


def alignment(text: AttendedText, parts: Parts) -> Float32Array:
    """Return how well n crops fit a text: float32 ``(n,)``, each in -1..1.

    The parts are unit vectors: the first half of a crop's are the queries of its r regions, the
    second their values, ``(n, 2 * r, d)``.
    """
    scores = np.empty(len(parts), np.float32)
    with torch.inference_mode(), single_thread():
        for start in range(0, len(parts), _CROPS_AT_ONCE):
            block = parts.take(slice(start, start + _CROPS_AT_ONCE))
            scores[start : start + len(block)] = _scores(text, block).numpy()
    return scores


def _scores(text: AttendedText, parts: Parts) -> torch.Tensor:
    n, both, _ = parts.values.shape
    regions = both // 2
    cosines = _products(text.keys, parts, slice(0, regions))  # (t, n * r)
    relevance = functional.leaky_relu(cosines, _LEAK).view(-1, n, regions)  # (t, n, r)
    # Not vector_norm, which takes twenty times as long over so short an axis.
    over_regions = relevance.square().sum(2, keepdim=True).sqrt() + _TINY  # (t, n, 1)
    weights = (relevance * (_SHARPNESS / over_regions)).softmax(0).view(-1, n * regions)
    products = _products(text.values, parts, slice(regions, both))  # (t, n * r)
    context_products = (weights * products).sum(0)  # (n * r)
    context_lengths = (weights * (text.gram @ weights)).sum(0).clamp_min(0).sqrt()
    cosines_of_contexts: torch.Tensor = context_products / context_lengths.clamp_min(_TINY)
    return cosines_of_contexts.view(n, regions).mean(1)


def _products(words: torch.Tensor, parts: Parts, chosen: slice) -> torch.Tensor:
    """Multiply t words with n * r parts: ``(t, n * r)``."""
    vectors = _tensor(parts.values)[:, chosen]  # (n, r, d)
    dtype = torch.float32 if parts.scales is None else choose_dtype("auto", _CPU)
    rows = vectors.to(dtype).reshape(-1, words.shape[1])
    # Words come first: that product is the faster one where there are few of them.
    products = (words.to(dtype) @ rows.T).float()
    if parts.scales is None:
        return products
    return products * _tensor(parts.scales)[:, chosen].reshape(-1)


def _tensor(block: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> torch.Tensor:
    # Torch warns of arrays that may not be written, such as mapped files; nobody writes here.
    return torch.from_numpy(block if block.flags.writeable else block.copy())
