"""An encoder whose similarities are written down, and crops of which little is seen."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.contracts import Float32Array
from tests.fakes import ColourEncoder
from tests.training.rendered_people.attribute_sets import only
from training.datasets.rendered_people.attributes import encode_values
from training.evaluation.answers import Gallery


class ScriptedEncoder(ColourEncoder):
    """Each text has a similarity to each crop of ``gallery_of``; by default the first is best."""

    def __init__(self, crops: int, scripted: Mapping[str, Sequence[float]] | None = None) -> None:
        super().__init__()
        self._in_order = [-float(crop) for crop in range(crops)]
        self._scripted = scripted or {}

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        return np.array([self._scripted.get(text, self._in_order) for text in texts], np.float32)


def values_of(*seen: Mapping[str, str]) -> npt.NDArray[np.int8]:
    """Return the value numbers of crops of which only this is seen."""
    return np.stack([encode_values(only(**crop)) for crop in seen])


def gallery_of(*seen: Mapping[str, str]) -> Gallery:
    """Return these crops; similarities to their rows are what a scripted text has written."""
    return Gallery(np.eye(len(seen), dtype=np.float32), values_of(*seen))
