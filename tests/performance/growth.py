"""Measure how making and growing an index scales: python -m tests.performance.growth.

Crops are rows of noise that cost nothing to encode, so that what is timed is the index itself:
writing segments, building the FAISS index, checksums, publishing. Adding to the largest gallery is
then compared with making it anew.
"""

import argparse
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from indexer.canaries import TEXTS
from indexer.drafts import NOTHING_DELETED, Draft
from indexer.manifest import Counts, IndexedModel, IndexManifest, preprocessing_fingerprint
from indexer.publishing import building_site
from indexer.records import Crop
from indexer.segments import StoredCrop
from models.card import ImagePreprocessing, ModelCard
from models.contracts import Float32Array
from tests.performance.nearest_rows import peak_of_private_bytes

SIZES = (10_000, 100_000, 1_000_000)
ADDED = 1000
WIDTH = 512
_THUMBNAIL = bytes(1500)
_MB = 1e6
_CARD = ModelCard(
    name="noise",
    architecture="noise",
    method="noise",
    embedding_width=WIDTH,
    image=ImagePreprocessing(height=8, width=4, mean=(0, 0, 0), std=(1, 1, 1)),
    sizes={},
    weights_sha256="0" * 64,
)


def noise(count: int, seed: int) -> Iterator[StoredCrop]:
    """Yield crops of five pictures a person, as an encoder would leave them."""
    numbers = np.random.default_rng(seed)
    person = np.zeros(WIDTH)
    for position in range(count):
        if position % 5 == 0:
            person = numbers.standard_normal(WIDTH)
        row = person + 0.5 * numbers.standard_normal(WIDTH)
        digest = hashlib.sha256(f"{seed} {position}".encode()).hexdigest()
        path = f"{position % 100:02}/{position:08}.jpg"
        crop = Crop(
            digest[:20], "/noise", path, (), digest, "image/jpeg", 9000, 60, 160, "c1",
            datetime(2025, 1, 1, tzinfo=UTC), None, {},
        )  # fmt: skip
        yield StoredCrop(crop, (row / np.linalg.norm(row)).astype(np.float32), _THUMBNAIL, b"")


def manifest(generation: int) -> IndexManifest:
    """Return what a draft is given to complete."""
    fingerprint = preprocessing_fingerprint(_CARD.image)
    model = IndexedModel(
        name="noise", fingerprint=_CARD.fingerprint(), preprocessing=fingerprint, source="noise",
        card=_CARD,
    )  # fmt: skip
    return IndexManifest(
        name="noise", generation=generation, change="build", created_at=datetime.now(UTC),
        source="/noise", model=model, precision="fp32", embedding_width=WIDTH, segments=(),
        counts=Counts(indexed=0), metadata_columns=(), canaries=(), files={},
    )  # fmt: skip


def queries() -> Float32Array:
    """Return rows for the known answers."""
    rows = np.random.default_rng(9).standard_normal((len(TEXTS), WIDTH))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def publish_noise(index: Path, count: int, seed: int) -> float:
    """Publish a generation with ``count`` more crops; return the seconds it took.

    The crops are made before the clock starts in portions, and their making is taken off.
    """
    began, making = time.perf_counter(), 0.0
    with building_site(index) as site:
        draft = Draft(site, WIDTH)
        deleted = NOTHING_DELETED
        if site.parent is not None:
            before = IndexManifest.model_validate_json((site.parent / "manifest.json").read_text())
            deleted = draft.take_segments(site.parent, before, NOTHING_DELETED)

        def timed() -> Iterator[StoredCrop]:
            nonlocal making
            made = noise(count, seed)
            while True:
                started = time.perf_counter()
                crop = next(made, None)
                making += time.perf_counter() - started
                if crop is None:
                    return
                yield crop

        draft.write_segment(timed(), {})
        draft.finish(manifest(site.generation), deleted, queries())
    return time.perf_counter() - began - making


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to write (some 6 GB at 1,000,000)")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    arguments = parser.parse_args()
    sizes = [size for size in SIZES if size <= arguments.largest]
    times: list[float] = []
    peaks: list[int] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for size in sizes:
            index = Path(folder) / str(size)
            with peak_of_private_bytes() as peak:
                times.append(publish_noise(index, size, seed=1))
            peaks.append(max(1, peak[0]))
            print(f"publish {size:>9,} crops {times[-1]:8.1f} s {peaks[-1] / _MB:8,.0f} MB private")
            if size != sizes[-1]:
                shutil.rmtree(index)
        added = publish_noise(Path(folder) / str(sizes[-1]), ADDED, seed=2)
        print(
            f"add     {ADDED:>9,} crops {added:8.1f} s, {100 * added / times[-1]:.1f} % of making "
            f"all {sizes[-1]:,} anew without encoding"
        )
    for what, values in (("seconds", times), ("private memory", peaks)):
        exponent = np.polyfit(np.log(sizes), np.log(values), 1)[0]
        print(f"{what} grow with crops ^ {exponent:.2f}")


if __name__ == "__main__":
    main()
