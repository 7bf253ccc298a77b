"""Stand-ins with the real contracts, small enough to predict by hand."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.card import ImagePreprocessing, ModelCard
from models.contracts import Float32Array, NumberFormat, PartScorer, TextReading

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (1, -1, -1),
    "green": (-1, 1, -1),
    "blue": (-1, -1, 1),
    "yellow": (1, 1, -1),
    "purple": (1, -1, 1),
    "cyan": (-1, 1, 1),
    "white": (1, 1, 1),
    "black": (-1, -1, -1),
}


class ColourEncoder:
    """A crop is its mean colour, a text the first colour word in it: ranks predictable by hand.

    Both are vectors in -1..1 a channel, made unit rows of width 3; a text without a colour word
    is grey-ish ``(1, 0, 0)``-independent: the unit vector of ``(1, 2, 3)``.
    """

    def __init__(
        self,
        name: str = "colour",
        weights_sha256: str = "0" * 64,
        precision: NumberFormat = "fp32",
    ) -> None:
        self._precision = precision
        self._card = ModelCard(
            name=name,
            architecture="colour",
            method="mean colour",
            embedding_width=3,
            image=ImagePreprocessing(height=8, width=4, mean=(0, 0, 0), std=(1, 1, 1)),
            sizes={},
            weights_sha256=weights_sha256,
        )
        self.images_seen = 0

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def precision(self) -> NumberFormat:
        return self._precision

    @property
    def part_scorer(self) -> PartScorer | None:
        return None

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        self.images_seen += len(images)
        rows = [np.asarray(image.convert("RGB"), np.float64).mean((0, 1)) for image in images]
        return _unit(np.asarray(rows).reshape(-1, 3) / 127.5 - 1)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        rows = [
            next((COLOURS[word] for word in text.lower().split() if word in COLOURS), (1, 2, 3))
            for text in texts
        ]
        return _unit(np.asarray(rows, np.float64).reshape(-1, 3))

    def read_text(self, text: str) -> TextReading:
        words = tuple(text.lower().split())
        return TextReading(words, None, len(words), token_limit=1000)


def _unit(rows: npt.NDArray[np.float64]) -> Float32Array:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    unit: Float32Array = (rows / lengths).astype(np.float32)
    return unit
