import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import embedding
from indexer.decoding import DecodedCrop, decode_crop
from indexer.embedding import Embedded, EmbeddedCrop, KnownCrop, embed_crops
from indexer.metadata import CropMetadata
from indexer.sources.entries import HeldEntry, Quarantined, SourceEntry
from indexer.sources.local_folder import open_local_folder
from models.contracts import Float32Array
from models.errors import CheckpointMismatch
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw
from tests.indexer.sources.conftest import picture

Entries = Iterable[SourceEntry | Quarantined]


class OddEncoder(ColourEncoder):
    """Changes the vectors on their way out, and records the sizes of the batches."""

    def __init__(self, change: Callable[[Float32Array], np.ndarray] = lambda rows: rows) -> None:
        super().__init__()
        self.change = change
        self.batch_sizes: list[int] = []

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        self.batch_sizes.append(len(images))
        return self.change(super().encode_images(images))


def lists_of(
    entries: Entries, encoder: ColourEncoder, known: Collection[str] = (), batch_size: int = 2
) -> list[list[Embedded]]:
    return list(
        embed_crops(entries, encoder, is_known=known.__contains__, batch_size=batch_size, workers=2)
    )


def embedded(
    entries: Entries, encoder: ColourEncoder, known: Collection[str] = (), batch_size: int = 2
) -> list[Embedded]:
    return [item for each in lists_of(entries, encoder, known, batch_size) for item in each]


def held(path: str, content: bytes) -> HeldEntry:
    return HeldEntry(path, None, content)


def distinct(number: int) -> list[HeldEntry]:
    """Return crops of which no two have the same content."""
    return [held(f"{n}.png", picture() + n.to_bytes(2)) for n in range(number)]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_every_crop_comes_once_and_in_order_with_its_own_vector(crops: Path) -> None:
    encoder = OddEncoder()
    items = embedded(open_local_folder(crops).entries(), encoder)
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


def test_every_batch_has_one_size_and_surplus_rows_are_dropped() -> None:
    encoder = OddEncoder()
    lists = lists_of(distinct(7), encoder, batch_size=3)
    assert encoder.batch_sizes == [3, 3, 3]
    assert [len(each) for each in lists] == [3, 3, 1]


def test_metadata_stays_with_its_crop_and_content_where_asked_for() -> None:
    metadata = CropMetadata("c", None, None, {})
    red, blue = picture("red"), picture("blue")
    entries = [HeldEntry("0.png", metadata, red), HeldEntry("1.png", None, blue)]
    for keep_bytes in (True, False):
        (items,) = embed_crops(
            entries,
            OddEncoder(),
            is_known=lambda _: False,
            batch_size=2,
            workers=1,
            keep_bytes=keep_bytes,
        )
        first, second = items
        assert isinstance(first, EmbeddedCrop)
        assert isinstance(second, EmbeddedCrop)
        assert (first.metadata, second.metadata) == (metadata, None)
        assert first.content == (red if keep_bytes else None)
        assert second.content == (blue if keep_bytes else None)


def test_known_content_keeps_its_place_and_spares_the_encoder() -> None:
    metadata = CropMetadata("c", None, None, {})
    red, blue = picture("red"), picture("blue")
    encoder = OddEncoder()
    entries = [HeldEntry("0.png", metadata, red), held("1.png", blue)]
    first, second = embedded(entries, encoder, known={sha256(red)})
    assert first == KnownCrop("0.png", sha256(red), metadata)
    assert isinstance(second, EmbeddedCrop)
    assert second.decoded.content_sha256 == sha256(blue)
    assert embedded(entries, encoder, known={sha256(red), sha256(blue)})[1] == KnownCrop(
        "1.png", sha256(blue), None
    )
    assert encoder.batch_sizes == [2]


def test_content_that_came_before_is_encoded_once() -> None:
    encoder = OddEncoder()
    red = picture("red")
    entries = [held(f"{n}.png", red) for n in range(5)] + [held("5.png", picture("blue"))]
    items = embedded(entries, encoder)
    assert [type(item) for item in items] == [EmbeddedCrop, *[KnownCrop] * 4, EmbeddedCrop]
    assert items[4] == KnownCrop("4.png", sha256(red), None)
    assert encoder.batch_sizes == [2]


def test_a_copy_of_refused_content_is_refused_as_well() -> None:
    def spoil_red(rows: Float32Array) -> Float32Array:
        rows[(rows > 0).sum(1) == 1] *= 2
        return rows

    entries = [
        *(held("0.png", b""), held("1.png", picture("red")), held("2.png", b"")),
        *(held("3.png", picture("white")), held("4.png", picture("red")), held("5.png", b"")),
    ]
    items = embedded(entries, OddEncoder(spoil_red))
    length = "the model gave a vector of length 2, not 1"
    assert [item.reason if isinstance(item, Quarantined) else None for item in items] == [
        *("the file is empty", length, "the file is empty", None, length, "the file is empty"),
    ]


def test_knowing_is_asked_in_order_on_the_calling_thread() -> None:
    asked: list[str] = []
    threads = set()

    def is_known(digest: str) -> bool:
        asked.append(digest)
        threads.add(threading.get_ident())
        return False

    entries = distinct(50)
    list(embed_crops(entries, OddEncoder(), is_known=is_known, batch_size=4, workers=3))
    assert asked == [sha256(entry.content) for entry in entries]
    assert threads == {threading.get_ident()}


def test_lists_are_the_same_every_time() -> None:
    entries: list[SourceEntry | Quarantined] = []
    for number, crop in enumerate(distinct(60)):
        entries += [crop] if number % 3 else [crop, held(f"copy {number}", crop.content)]
        if number % 7 == 0:
            entries.append(Quarantined(f"{number}", "not a regular file"))
    known = {sha256(crop.content) for crop in distinct(60)[20:40]}

    def shapes() -> list[list[str]]:
        lists = lists_of(entries, OddEncoder(), known, batch_size=4)
        return [
            [item.decoded.path if isinstance(item, EmbeddedCrop) else item.path for item in each]
            for each in lists
        ]

    first = shapes()
    assert [path for each in first for path in each] == [entry.path for entry in entries]
    assert all(shapes() == first for _ in range(3))


def test_known_crops_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_MAX_WAITING", 10)
    entries = [*distinct(1), *(held(f"copy {n}", distinct(1)[0].content) for n in range(25))]
    encoder = OddEncoder()
    lists = lists_of(entries, encoder, batch_size=4)
    # The crop waits for others until ten items do; the known ones after it go on by fours.
    assert [len(each) for each in lists] == [10, 4, 4, 4, 4]
    assert encoder.batch_sizes == [4]


def test_unreadable_crops_keep_their_place_and_spare_the_encoder(crops: Path) -> None:
    (crops / "cam1" / "red.png").write_text("not a picture")
    (crops / "broken.jpg").write_bytes(b"")
    encoder = OddEncoder()
    items = embedded(open_local_folder(crops).entries(), encoder)
    assert sum(encoder.batch_sizes) == 4
    assert items[1] == Quarantined("broken.jpg", "the file is empty")
    assert items[3] == Quarantined("cam1/red.png", "not a JPEG, PNG, WebP or BMP image")


def test_a_batch_without_a_readable_crop_is_no_trouble(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").touch()
    encoder = OddEncoder()
    items = embedded(open_local_folder(tmp_path).entries(), encoder)
    assert [type(item) for item in items] == [Quarantined] * 5
    assert encoder.batch_sizes == []


def test_a_crop_that_vanishes_is_quarantined(crops: Path) -> None:
    entries = list(open_local_folder(crops).entries())
    (crops / "black.jpeg").unlink()
    assert embedded(entries, OddEncoder())[0] == Quarantined("black.jpeg", "the file is gone")


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "nan"), (np.inf, "inf"), (0.0, "0"), (2.0, "2")]
)
def test_a_row_that_is_no_unit_vector_is_quarantined(
    crops: Path, value: float, reason: str
) -> None:
    def spoil(rows: Float32Array) -> Float32Array:
        rows[0] = [value, 0, 0]
        return rows

    items = embedded(open_local_folder(crops).entries(), OddEncoder(spoil))
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
        embedded(open_local_folder(crops).entries(), OddEncoder(change))


class Counted:
    """Counts what the threads have decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock = threading.Lock()
        self.decoded = 0
        monkeypatch.setattr(embedding, "decode_crop", self)

    def __call__(self, path: str, content: bytes, content_sha256: str) -> DecodedCrop:
        with self._lock:
            self.decoded += 1
        return decode_crop(path, content, content_sha256)


def test_decoding_runs_ahead_but_not_far(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    batches = embed_crops(
        distinct(40), OddEncoder(), is_known=lambda _: False, batch_size=4, workers=2
    )
    next(batches)
    time.sleep(0.2)  # while the first batch is dealt with, the threads go on
    assert counted.decoded == 4 + 8
    assert len(list(batches)) == 9
    assert counted.decoded == 40


def test_decoding_goes_on_while_the_encoder_works(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    seen: list[int] = []

    class Slow(ColourEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
            deadline = time.monotonic() + 5
            ahead = min(4 * len(seen) + 12, 24)
            while counted.decoded < ahead and time.monotonic() < deadline:
                time.sleep(0.001)
            seen.append(counted.decoded)
            return super().encode_images(images)

    embedded(distinct(24), Slow(), batch_size=4)
    # Each batch finds the next two decoded by the time it is done.
    assert seen == [12, 16, 20, 24, 24, 24]


def test_large_files_do_not_wait_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    monkeypatch.setattr(embedding, "MAX_WAITING_BYTES", 3 * len(distinct(1)[0].content))
    batches = embed_crops(
        distinct(40), OddEncoder(), is_known=lambda _: False, batch_size=8, workers=2
    )
    next(batches)
    time.sleep(0.1)
    assert counted.decoded == 8 + 3
    assert sum(len(each) for each in batches) == 32


def test_a_failing_encoder_ends_the_threads(crops: Path) -> None:
    def fail(_: Float32Array) -> np.ndarray:
        raise MemoryError("device memory is full")

    with pytest.raises(MemoryError, match="device memory"):
        embedded(open_local_folder(crops).entries(), OddEncoder(fail))
    assert not _our_threads()


def test_leaving_early_ends_the_threads() -> None:
    batches = embed_crops(
        distinct(100), OddEncoder(), is_known=lambda _: False, batch_size=4, workers=2
    )
    next(batches)
    assert _our_threads()
    batches.close()  # type: ignore[attr-defined]
    assert not _our_threads()


def _our_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("decode", "read"))]


def test_crops_drawn_from_disk_and_held_in_memory_give_the_same_rows(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", "blue")
    (on_disk,) = embedded(open_local_folder(tmp_path).entries(), OddEncoder())
    (in_memory,) = embedded([held("a.png", path.read_bytes())], OddEncoder())
    assert isinstance(on_disk, EmbeddedCrop)
    assert isinstance(in_memory, EmbeddedCrop)
    assert on_disk.vector.tobytes() == in_memory.vector.tobytes()
    assert on_disk.decoded.id == in_memory.decoded.id
