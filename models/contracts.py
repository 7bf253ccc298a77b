"""What the indexer and the service need of a model, whatever its architecture."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.card import ModelCard

Float32Array = npt.NDArray[np.float32]


@runtime_checkable
class PersonEncoder(Protocol):
    """Puts person crops and descriptions into one space, where a dot product is a score."""

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``, also for ``n == 0``."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``, also for ``n == 0``."""
        ...
