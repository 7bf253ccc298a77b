"""Known answers: what a few fixed descriptions find when a generation is made.

A service asks the same questions again before it calls itself ready. The descriptions' vectors
are kept, so that a generation can be made from another one without the model.
"""

from collections.abc import Callable

import numpy as np

from indexer.ann import Nearest
from indexer.crop_table import CropTable
from indexer.manifest import Canary
from models.contracts import Float32Array, PersonEncoder
from models.errors import CheckpointMismatch

TEXTS = (
    "woman in red coat",
    "man in black jacket and blue jeans",
    "person with a backpack",
)
HITS = 5


def encode_canaries(encoder: PersonEncoder) -> Float32Array:
    """Return the vectors ``(3, d)`` of the fixed descriptions.

    Raises:
        CheckpointMismatch: If the encoder gives no finite vectors of its width for them.
    """
    queries = encoder.encode_texts(TEXTS)
    expected = (len(TEXTS), encoder.card.embedding_width)
    if queries.shape != expected or not np.isfinite(queries).all():
        raise CheckpointMismatch(
            f"model {encoder.card.name!r} gave {queries.shape} for {len(TEXTS)} descriptions, "
            f"its card promises finite {expected}: use another checkpoint"
        )
    return queries


def ask_canaries(
    queries: Float32Array, search: Callable[[Float32Array, int], Nearest], crops: CropTable
) -> tuple[Canary, ...]:
    """Return what a search finds for the vectors ``(3, d)`` of the fixed descriptions."""
    canaries = []
    for text, query in zip(TEXTS, queries, strict=True):
        found = search(query, HITS)
        hits = tuple(crop.id for crop in crops.crops(found.rows))
        scores = tuple(float(score) for score in found.scores)
        canaries.append(Canary(text=text, ids=hits, scores=scores))
    return tuple(canaries)
