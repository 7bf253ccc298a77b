"""Write and open an index of any kind."""

from pathlib import Path

from indexer.ann.calibration import calibrate, text_like_queries
from indexer.ann.description import (
    EXACT_KIND,
    IVF_KIND,
    IndexDescription,
    IndexKind,
    MeasuredProbes,
)
from indexer.ann.exact import ExactIndex, write_exact
from indexer.ann.faiss_files import read_index
from indexer.ann.ivf import IvfIndex
from indexer.ann.ivf_building import number_of_lists, write_ivf
from indexer.ann.ranking import VectorIndex
from indexer.wishes import DEFAULT_RECALL
from models.contracts import Float32Array

EXACT = IndexDescription(kind=EXACT_KIND)


def write_index(
    vectors: Float32Array,
    path: Path,
    kind: IndexKind = EXACT_KIND,
    *,
    recall: float = DEFAULT_RECALL,
    queries: Float32Array | None = None,
    seed: int = 0,
) -> IndexDescription:
    """Write the index of unit rows ``(n, d)``, measure it, and return what opening it needs.

    Args:
        vectors: At least one row; may be memory-mapped.
        path: Of the file to write.
        kind: See ``indexer.planning`` for which to choose.
        recall: Recall@10 against exact search that the lists must reach; exact search has 1.
        queries: Unit rows ``(q, d)`` to measure with, best those of texts; made up where None.
        seed: Of the sample, the clustering and the queries.

    Raises:
        OSError: If the file cannot be written.
    """
    if kind == EXACT_KIND:
        write_exact(vectors, path)
        return EXACT
    write_ivf(vectors, path, seed=seed)
    if queries is None:
        queries = text_like_queries(vectors, seed=seed)
    unmeasured = IndexDescription(
        kind=IVF_KIND,
        lists=number_of_lists(len(vectors)),
        asked_recall=recall,
        queries=len(queries),
        measured=(MeasuredProbes(share=1, probes=1, recall=0),),
    )
    index = IvfIndex(read_index(path, vectors.shape), vectors, unmeasured)
    top, measured = calibrate(index, queries, recall, seed=seed)
    found = {"code_width": index.code_width, "top_cosine": top, "measured": measured}
    return unmeasured.model_copy(update=found)


def open_index(path: Path, vectors: Path, description: IndexDescription = EXACT) -> VectorIndex:
    """Map an index and its vectors; pages are read when a search needs them.

    Raises:
        BundleDamaged: If a file cannot be read, or they and the description do not fit together.
    """
    if description.kind == EXACT_KIND:
        return ExactIndex.open(path, vectors)
    return IvfIndex.open(path, vectors, description)
