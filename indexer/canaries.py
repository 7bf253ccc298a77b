"""Known answers: what a few fixed descriptions find when an index is built.

A service asks the same questions again before it calls itself ready.
"""

from collections.abc import Sequence

import numpy as np

from indexer.ann import ExactIndex
from indexer.manifest import Canary
from models.contracts import PersonEncoder
from models.errors import CheckpointMismatch

TEXTS = (
    "woman in red coat",
    "man in black jacket and blue jeans",
    "person with a backpack",
)
HITS = 5


def ask_canaries(
    encoder: PersonEncoder, index: ExactIndex, ids: Sequence[str]
) -> tuple[Canary, ...]:
    """Search an index, whose rows have these ids, for the fixed descriptions.

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
    canaries = []
    for text, query in zip(TEXTS, queries, strict=True):
        found = index.search(query, HITS)
        hits = tuple(ids[row] for row in found.rows)
        scores = tuple(float(score) for score in found.scores)
        canaries.append(Canary(text=text, ids=hits, scores=scores))
    return tuple(canaries)
