"""What the indexer and the service need of a model, whatever its architecture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.card import ModelCard
from models.parts import Parts

Float32Array = npt.NDArray[np.float32]
NumberFormat = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class TextReading:
    """What a model can take in of a description, before it ranks by it.

    ``words`` are the description's whole words in their order, in lower case and without
    punctuation. ``unknown_words`` are those that no training caption had, None where the model
    cannot tell. ``tokens`` is how many the description has in the model's own count, without
    marks of start and end; those after the first ``token_limit`` are cut off. Both are None where
    the model's tokenizer does not tell.
    """

    words: tuple[str, ...]
    unknown_words: frozenset[str] | None
    tokens: int | None
    token_limit: int | None

    @property
    def truncated(self) -> bool:
        """Whether the model is known to ignore the description's end."""
        if self.tokens is None or self.token_limit is None:
            return False
        return self.tokens > self.token_limit


@runtime_checkable
class PartScorer(Protocol):
    """The second stage of a model: scores a short list of crops by their parts.

    The system's published similarity of a crop is the first stage's dot product plus ``score``.
    """

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return the part vectors of crops: float32 ``(n, p, d)``, also for ``n == 0``."""
        ...

    def prepare(self, text: str) -> Any:  # noqa: ANN401 - a scorer's own, handed back to score
        """Do once what all crops need of a description; takes as long as encoding it."""
        ...

    def score(self, prepared: Any, parts: Parts) -> Float32Array:  # noqa: ANN401 - as above
        """Return what to add to the first stage's dot products: float32 ``(n,)``, higher fits."""
        ...


@runtime_checkable
class PersonEncoder(Protocol):
    """Puts person crops and descriptions into one space, where a dot product is a score."""

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        ...

    @property
    def precision(self) -> NumberFormat:
        """The numbers it multiplies; what it returns is float32 either way."""
        ...

    @property
    def part_scorer(self) -> PartScorer | None:
        """The second stage, None where the system has only one."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``, also for ``n == 0``."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``, also for ``n == 0``."""
        ...

    def read_text(self, text: str) -> TextReading:
        """Return what the model can take in of a description; costs far less than encoding it."""
        ...
