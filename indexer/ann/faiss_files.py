"""FAISS's files: written whole or not at all, opened without reading them."""

from pathlib import Path

import faiss

from models.errors import BundleDamaged


def write_file(index: faiss.Index, path: Path) -> None:
    """Write an index.

    Raises:
        OSError: If the file cannot be written.
    """
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def read_index(path: Path, shape: tuple[int, ...]) -> faiss.Index:
    """Map the index of that many rows and that width; pages are read when a search needs them.

    Raises:
        BundleDamaged: If it cannot be read, or has another shape.
    """
    try:
        opened = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise BundleDamaged(
            f"{path} cannot be read as a FAISS index: {error}. Build the index again."
        ) from error
    if (opened.ntotal, opened.d) != shape:
        raise BundleDamaged(
            f"{path} holds {(opened.ntotal, opened.d)}, its vectors are {shape}. "
            "Build the index again."
        )
    return opened


def faiss_threads() -> int:
    """Return how many threads FAISS builds an index with."""
    return int(faiss.omp_get_max_threads())


def faiss_build() -> tuple[str, str, int]:
    """Return FAISS's version, the options it was built with, and how many GPUs it can use."""
    options = " ".join(faiss.get_compile_options().split())
    return faiss.__version__, options, int(faiss.get_num_gpus())
