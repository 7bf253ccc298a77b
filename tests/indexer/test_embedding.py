import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from indexer.crops import FoundCrops, Quarantined, find_crops
from PIL import Image

from indexer import embedding
from indexer.decoding import DecodedCrop, decode_crop
from indexer.embedding import EmbeddedCrop, embed_crops
from models.contracts import Float32Array
from models.errors import CheckpointMismatch
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw


class OddEncoder(ColourEncoder):
    """Changes the vectors on their way out, and records the sizes of the batches."""

    def __init__(self, change: Callable[[Float32Array], np.ndarray] = lambda rows: rows) -> None:
        super().__init__()
        self.change = change
        self.batch_sizes: list[int] = []

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        self.batch_sizes.append(len(images))
        return self.change(super().encode_images(images))


def embedded(
    found: FoundCrops, encoder: ColourEncoder, batch_size: int = 2
) -> list[EmbeddedCrop | Quarantined]:
    batches = list(embed_crops(found, encoder, batch_size=batch_size, workers=2))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    return [item for batch in batches for item in batch]


def test_every_crop_comes_once_and_in_order_with_its_own_vector(crops: Path) -> None:
    encoder = OddEncoder()
    items = embedded(find_crops(crops), encoder)
    assert encoder.batch_sizes == [2, 2, 1]
    found = [
        (item.decoded.path, np.sign(item.vector).tolist())
        for item in items
        if isinstance(item, EmbeddedCrop)
    ]
    assert found == [
        ("black.jpeg", [-1, -1, -1]),
        ("cam1/green.JPG", [-1, 1, -1]),
        ("cam1/red.png", [1, -1, -1]),
        ("cam2/blue.webp", [-1, -1, 1]),
        ("cam2/white.bmp", [1, 1, 1]),
    ]


def test_unreadable_crops_keep_their_place_and_spare_the_encoder(crops: Path) -> None:
    (crops / "cam1" / "red.png").write_text("not a picture")
    (crops / "broken.jpg").write_bytes(b"")
    encoder = OddEncoder()
    items = embedded(find_crops(crops), encoder)
    assert sum(encoder.batch_sizes) == 4
    assert items[1] == Quarantined("broken.jpg", "the file is empty")
    assert items[3] == Quarantined("cam1/red.png", "not a JPEG, PNG, WebP or BMP image")


def test_a_batch_without_a_readable_crop_is_no_trouble(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").touch()
    items = embedded(find_crops(tmp_path), OddEncoder())
    assert [type(item) for item in items] == [Quarantined] * 5


def test_a_crop_that_vanishes_is_quarantined(crops: Path) -> None:
    found = find_crops(crops)
    (crops / "black.jpeg").unlink()
    assert embedded(found, OddEncoder())[0] == Quarantined("black.jpeg", "the file is gone")


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "nan"), (np.inf, "inf"), (0.0, "0"), (2.0, "2")]
)
def test_a_row_that_is_no_unit_vector_is_quarantined(
    crops: Path, value: float, reason: str
) -> None:
    def spoil(rows: Float32Array) -> Float32Array:
        rows[0] = [value, 0, 0]
        return rows

    items = embedded(find_crops(crops), OddEncoder(spoil))
    message = f"the model gave a vector of length {reason}, not 1"
    assert items[0] == Quarantined("black.jpeg", message)
    assert isinstance(items[1], EmbeddedCrop)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:, :2],
        lambda rows: rows[:-1],
        lambda rows: rows.astype(np.float64),
        lambda rows: rows[0],
    ],
)
def test_a_model_that_breaks_its_promise_stops_the_build(
    crops: Path, change: Callable[[Float32Array], np.ndarray]
) -> None:
    with pytest.raises(CheckpointMismatch, match=r"'colour' gave .* its card promises float32 \(2"):
        embedded(find_crops(crops), OddEncoder(change))


def test_decoding_runs_ahead_but_not_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        draw(tmp_path / f"{number:02}.png")
    lock = threading.Lock()
    decoded = 0

    def count(root: Path, path: str) -> DecodedCrop:
        nonlocal decoded
        with lock:
            decoded += 1
        return decode_crop(root, path)

    monkeypatch.setattr(embedding, "decode_crop", count)
    batches = embed_crops(find_crops(tmp_path), OddEncoder(), batch_size=4, workers=2)
    next(batches)
    time.sleep(0.2)  # while the first batch is dealt with, the threads go on
    assert 8 <= decoded <= 4 + 8
    assert len(list(batches)) == 9
    assert decoded == 40


def test_a_failing_encoder_ends_the_threads(crops: Path) -> None:
    def fail(_: Float32Array) -> np.ndarray:
        raise MemoryError("device memory is full")

    with pytest.raises(MemoryError, match="device memory"):
        embedded(find_crops(crops), OddEncoder(fail))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
