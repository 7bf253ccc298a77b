"""Measure the index kinds: python -m tests.performance.nearest_rows, part of `make bench`.

Queries are far from every row, as texts are, and others than those the index was measured with
when it was built. One thread answers them one by one.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from indexer.ann import (
    EXACT_KIND,
    IVF_KIND,
    IndexDescription,
    Selection,
    VectorIndex,
    open_index,
    write_index,
)
from indexer.ann.calibration import text_like_queries
from indexer.vectors import open_vectors
from models.contracts import Float32Array
from tests.performance.crowd import write_crowd

QUERIES = 400
LIMIT = 10
SHARES = (0.1, 0.01, 0.001)
FITTED = (10_000, 100_000, 1_000_000)
_MB = 1e6
_EQUAL = 1e-5
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Built:
    """What building an index took."""

    rows: int
    seconds: float
    peak_bytes: int
    file_bytes: int

    def line(self) -> str:
        return (
            f"build {self.rows:>10,} rows {self.seconds:8.1f} s  "
            f"{self.peak_bytes / _MB:8,.0f} MB private at most  "
            f"{self.file_bytes / self.rows:6.0f} bytes a vector"
        )


def private_bytes() -> int:
    """Return the memory that is this process's own; mapped files are the page cache's."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - memory.shared)


@contextmanager
def peak_of_private_bytes() -> Iterator[list[int]]:
    """Yield a list whose one number is, in the end, the most memory added in between."""
    before, peak, done = private_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], private_bytes() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def build(vectors: Path, folder: Path) -> Built:
    """Write lists of the vectors, and what opening them needs."""
    rows = open_vectors(vectors)
    began = time.perf_counter()
    with peak_of_private_bytes() as peak:
        description = write_index(rows, folder / "index.faiss", IVF_KIND)
    (folder / "description.json").write_text(description.model_dump_json())
    size = (folder / "index.faiss").stat().st_size
    return Built(len(rows), time.perf_counter() - began, peak[0], size)


def true_bars(
    vectors: Float32Array, queries: Float32Array, selections: list[Selection | None]
) -> list[Float32Array]:
    """Return the tenth best score ``(q,)`` of each query, for each selection of rows."""
    bits = [None if each is None else each.bits for each in selections]
    best = [np.full((len(queries), LIMIT), -2, np.float32) for _ in selections]
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        scores = queries @ vectors[start : start + _ROWS_AT_ONCE].T
        for place, packed in enumerate(bits):
            inside = scores
            if packed is not None:
                part = packed[start // 8 : (start + _ROWS_AT_ONCE) // 8]
                mask = np.unpackbits(part, count=scores.shape[1], bitorder="little")
                inside = scores[:, mask.astype(bool)]
            every = np.concatenate([best[place], inside], axis=1)
            best[place] = -np.partition(-every, LIMIT - 1, axis=1)[:, :LIMIT]
    return [each.min(axis=1) for each in best]


def search_line(
    name: str,
    index: VectorIndex,
    queries: Float32Array,
    bars: Float32Array,
    selected: Selection | None = None,
) -> str:
    """Time each query once, after all were asked once, and count the hits that reach its bar."""
    for query in queries:
        index.search(query, LIMIT, selected)
    found, times = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(index.search(query, LIMIT, selected))
        times.append(time.perf_counter() - began)
    hits = sum(
        int(np.count_nonzero(each.scores >= bar - _EQUAL))
        for each, bar in zip(found, bars, strict=True)
    )
    p50, p95 = 1000 * np.quantile(times, [0.5, 0.95])
    scanned = np.median([each.scanned for each in found])
    return (
        f"  {name:<28} {p50:7.2f} ms p50 {p95:7.2f} ms p95  recall@{LIMIT} "
        f"{hits / (LIMIT * len(queries)):.4f} (said {found[0].recall:.4f})  "
        f"{scanned:>11,.0f} scanned, {found[0].strategy}"
    )


def exponent(built: list[Built]) -> float:
    """Return the power of the number of rows that the seconds grow with."""
    rows, seconds = zip(*((each.rows, each.seconds) for each in built), strict=True)
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def measure(folder: Path, size: int, *, exact: bool) -> Built:
    """Make a crowd of that size, build, open and search its index; print each."""
    vectors = folder / "vectors.npy"
    write_crowd(vectors, size)
    built = build(vectors, folder)
    print(built.line(), flush=True)
    description = IndexDescription.model_validate_json((folder / "description.json").read_text())
    print(f"  {description.model_dump_json(exclude_defaults=True)}")
    before, began = psutil.Process().memory_full_info().uss, time.perf_counter()
    index = open_index(folder / "index.faiss", vectors, description)
    took = time.perf_counter() - began
    private = psutil.Process().memory_full_info().uss - before
    print(f"  opened in {1000 * took:.0f} ms, {private / _MB:.1f} MB of private memory")
    queries = text_like_queries(index.vectors, QUERIES, seed=1_000)
    lots = np.random.default_rng(2).random(size)
    filters: dict[str, Selection | None] = {"far queries": None}
    filters |= {f"filter keeps {each:.1%}": Selection.of_mask(lots < each) for each in SHARES}
    bars = true_bars(index.vectors, queries, list(filters.values()))
    for (name, selected), bar in zip(filters.items(), bars, strict=True):
        print(search_line(name, index, queries, bar, selected), flush=True)
    if exact:
        write_index(index.vectors, folder / "exact.faiss", EXACT_KIND)
        scan = open_index(folder / "exact.faiss", vectors)
        few = slice(0, 40)
        print(search_line("far queries, exact kind", scan, queries[few], bars[0][few]), flush=True)
    return built


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(FITTED))
    parser.add_argument("--folder", type=Path, help="on a disk with 2.5 kB free for each row")
    parser.add_argument(
        "--ten-million", action="store_true", help="only 10,000,000 rows: 23 GB of disk, an hour"
    )
    arguments = parser.parse_args()
    sizes = [10_000_000] if arguments.ten_million else arguments.rows
    built = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            needed = size * 512 * 4 * 1.6
            if psutil.disk_usage(folder).free < needed:
                parser.error(f"{needed / 1e9:.0f} GB of disk are needed at {folder}")
            built.append(measure(Path(folder), size, exact=size <= 1_000_000))
    if len(built) > 1:
        print(f"build seconds grow with rows ^ {exponent(built):.2f}")


if __name__ == "__main__":
    main()
