from pathlib import Path

import numpy as np
import pytest

from indexer.vectors import VectorWriter, open_vectors
from models.errors import BundleDamaged


@pytest.mark.parametrize("count", [0, 1, 1234])
def test_rows_come_back_as_they_were_given(tmp_path: Path, count: int) -> None:
    rows = np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32)
    with VectorWriter(tmp_path / "vectors.npy", 5) as writer:
        for row in rows:
            writer.append(row)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), rows)
    assert np.array_equal(open_vectors(tmp_path / "vectors.npy"), rows)


def test_rows_are_mapped_read_only(tmp_path: Path) -> None:
    with VectorWriter(tmp_path / "vectors.npy", 2) as writer:
        writer.append(np.array([3, 4], np.float32))
    with pytest.raises(ValueError, match="read-only"):
        open_vectors(tmp_path / "vectors.npy")[0, 0] = 1


@pytest.mark.parametrize("matrix", [np.zeros(3, np.float32), np.zeros((2, 3), np.float64)])
def test_another_array_is_refused(tmp_path: Path, matrix: np.ndarray) -> None:
    np.save(tmp_path / "vectors.npy", matrix)
    with pytest.raises(BundleDamaged, match="not float32"):
        open_vectors(tmp_path / "vectors.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy").write_bytes(b"nothing of the kind")
    with pytest.raises(BundleDamaged, match="Build the index again"):
        open_vectors(tmp_path / "vectors.npy")
