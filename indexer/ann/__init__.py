"""The nearest rows of a query: FAISS, in this package alone."""

from indexer.ann.description import EXACT_KIND, IVF_KIND, IndexDescription, IndexKind
from indexer.ann.exact import ROUNDING_ERROR, ExactIndex
from indexer.ann.faiss_files import faiss_build, faiss_threads
from indexer.ann.ivf import IvfIndex
from indexer.ann.kinds import EXACT, open_index, write_index
from indexer.ann.ranking import Nearest, VectorIndex, merge_nearest
from indexer.ann.selection import Selection

__all__ = [
    "EXACT",
    "EXACT_KIND",
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
    "faiss_threads",
    "merge_nearest",
    "open_index",
    "write_index",
]
