"""The nearest rows of a query: FAISS, in this package alone."""

from indexer.ann.description import EXACT_KIND, IVF_KIND, IndexDescription, IndexKind
from indexer.ann.exact import ROUNDING_ERROR, ExactIndex
from indexer.ann.faiss_files import faiss_build
from indexer.ann.ivf import IvfIndex
from indexer.ann.kinds import DEFAULT_RECALL, EXACT, open_index, write_index
from indexer.ann.ranking import Nearest, VectorIndex
from indexer.ann.selection import Selection

INDEX_KIND = EXACT_KIND

__all__ = [
    "DEFAULT_RECALL",
    "EXACT",
    "EXACT_KIND",
    "INDEX_KIND",
    "IVF_KIND",
    "ROUNDING_ERROR",
    "ExactIndex",
    "IndexDescription",
    "IndexKind",
    "IvfIndex",
    "Nearest",
    "Selection",
    "VectorIndex",
    "faiss_build",
    "open_index",
    "write_index",
]
