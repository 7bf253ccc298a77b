"""From the entries of a source to vectors: threads read and decode while the encoder works."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from PIL import Image

from indexer.decoding import DecodedCrop, decode_crop
from indexer.metadata import CropMetadata
from indexer.reading import MAX_WAITING_BYTES, ReadCrop, read_ahead
from indexer.sources.entries import Quarantined, SourceEntry
from models.contracts import Float32Array, PersonEncoder
from models.errors import CheckpointMismatch, ConfigurationInvalid, CropUnreadable
from models.parts import PartFormat, Parts, pack_parts

_UNIT_TOLERANCE = 1e-3
# Reading waits for disks and networks, not for a processor.
_READERS = 16
# One batch is encoded while two more are decoded and one more is read.
_BATCHES_DECODING = 2
# Known crops wait for the next batch to fill, so that the order is kept; but not for ever.
_MAX_WAITING = 65_536


@dataclass(frozen=True)
class EmbeddedCrop:
    """A decoded crop, its unit vector ``(d,)`` and what its source says of it.

    ``content`` are the bytes of the file, ``parts`` ``(1, p, d)`` are for a second stage; both are
    None where they were not asked for.
    """

    decoded: DecodedCrop
    vector: Float32Array
    metadata: CropMetadata | None
    content: bytes | None
    parts: Parts | None = None


@dataclass(frozen=True)
class KnownCrop:
    """A file whose content has a vector already, from before or from earlier in this run."""

    path: str
    content_sha256: str
    metadata: CropMetadata | None


Embedded = EmbeddedCrop | KnownCrop | Quarantined


@dataclass(frozen=True)
class _NewCrop:
    """A crop that waits for its vector."""

    decoded: DecodedCrop
    metadata: CropMetadata | None
    content: bytes | None


@dataclass(frozen=True)
class _Refused:
    """A file whose content cannot be decoded, and what tells that content."""

    quarantined: Quarantined
    content_sha256: str


_Waiting = _NewCrop | _Refused | KnownCrop | Quarantined


def embed_crops(  # noqa: PLR0913  one recipe, named value by value
    entries: Iterable[SourceEntry | Quarantined],
    encoder: PersonEncoder,
    *,
    is_known: Callable[[str], bool],
    batch_size: int,
    workers: int,
    keep_bytes: bool = False,
    parts: PartFormat | None = None,
) -> Iterator[list[Embedded]]:
    """Yield one item for each entry, in order, as lists that end where a batch does.

    The encoder sees batches of exactly ``batch_size`` crops, so that a vector does not depend on
    how many crops came with it: a batch that cannot be filled (the last, or after 65,536 known
    files) repeats a crop. ``is_known`` is asked, in order and on the calling thread, whether a
    content's SHA-256 has a vector; content that came earlier in this run has one too, unless it
    was refused, which its copies are then as well. In memory are at most three batches of decoded
    images and some 350 MiB of files; with ``keep_bytes``, also the files of a batch.

    Raises:
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
        ConfigurationInvalid: If parts are asked for of a model that has none.
    """
    with ExitStack() as stack:
        readers = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
        decoders = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        for pool in (decoders, readers):
            stack.callback(pool.shutdown, cancel_futures=True)
        read = read_ahead(entries, readers, waiting=_BATCHES_DECODING * batch_size)
        ahead = _decode_ahead(
            _new_or_known(read, is_known),
            decoders,
            waiting=_BATCHES_DECODING * batch_size,
            keep_bytes=keep_bytes,
        )
        refused: dict[str, str] = {}
        for waiting in _batches(ahead, batch_size):
            yield _embedded(waiting, _Batch(encoder, batch_size, parts), refused)


def _new_or_known(
    read: Iterator[ReadCrop | Quarantined], is_known: Callable[[str], bool]
) -> Iterator[ReadCrop | KnownCrop | Quarantined]:
    came_before: set[bytes] = set()
    for item in read:
        if isinstance(item, Quarantined):
            yield item
            continue
        digest = bytes.fromhex(item.content_sha256)  # a third of the text's memory
        if digest in came_before or is_known(item.content_sha256):
            yield KnownCrop(item.path, item.content_sha256, item.metadata)
            continue
        came_before.add(digest)
        yield item


def _decode_ahead(
    items: Iterator[ReadCrop | KnownCrop | Quarantined],
    decoders: Executor,
    *,
    waiting: int,
    keep_bytes: bool,
) -> Iterator[_Waiting]:
    """Yield the items in order, those that are new decoded; ``waiting`` more are on their way."""

    def decode(crop: ReadCrop) -> _NewCrop | _Refused:
        try:
            decoded = decode_crop(crop.path, crop.content, crop.content_sha256)
        except CropUnreadable as error:
            return _Refused(Quarantined(crop.path, str(error)), crop.content_sha256)
        return _NewCrop(decoded, crop.metadata, crop.content if keep_bytes else None)

    pending: deque[tuple[int, Future[_NewCrop | _Refused] | KnownCrop | Quarantined]] = deque()
    pending_bytes = 0
    for item in items:
        if isinstance(item, ReadCrop):
            pending.append((len(item.content), decoders.submit(decode, item)))
            pending_bytes += len(item.content)
        else:
            pending.append((0, item))
        while len(pending) > waiting or (pending_bytes > MAX_WAITING_BYTES and len(pending) > 1):
            size_bytes, first = pending.popleft()
            pending_bytes -= size_bytes
            yield _result(first)
    for _, first in pending:
        yield _result(first)


def _result(item: Future[_NewCrop | _Refused] | KnownCrop | Quarantined) -> _Waiting:
    return item.result() if isinstance(item, Future) else item


def _batches(items: Iterator[_Waiting], batch_size: int) -> Iterator[list[_Waiting]]:
    """Group items so that a group has ``batch_size`` new crops, or none, where it can."""
    waiting: list[_Waiting] = []
    new = 0
    for item in items:
        waiting.append(item)
        new += isinstance(item, _NewCrop)
        nothing_to_encode = new == 0 and len(waiting) == batch_size
        if new == batch_size or nothing_to_encode or len(waiting) == _MAX_WAITING:
            yield waiting
            waiting, new = [], 0
    if waiting:
        yield waiting


@dataclass(frozen=True)
class _Batch:
    """How a batch is encoded."""

    encoder: PersonEncoder
    size: int
    parts: PartFormat | None

    def encode(self, crops: list[DecodedCrop]) -> Iterator[tuple[Float32Array, Parts | None]]:
        """Yield the vector and the parts of each crop."""
        surplus = [crops[-1].image] * (self.size - len(crops)) if crops else []
        images = [*(crop.image for crop in crops), *surplus]
        vectors = _vectors(self.encoder, images)[: len(crops)]
        if self.parts is None or not crops:
            yield from ((vector, None) for vector in vectors)
            return
        packed = pack_parts(_parts(self.encoder, images), self.parts)
        for number, vector in enumerate(vectors):
            yield vector, packed.take(slice(number, number + 1))


def _embedded(waiting: list[_Waiting], batch: _Batch, refused: dict[str, str]) -> list[Embedded]:
    """Give the new crops their vectors; ``refused`` collects reasons by the content's SHA-256."""
    new = [item for item in waiting if isinstance(item, _NewCrop)]
    encoded = batch.encode([item.decoded for item in new])
    done: list[Embedded] = []
    for item in waiting:
        if isinstance(item, Quarantined):
            done.append(item)
        elif isinstance(item, _Refused):
            refused[item.content_sha256] = item.quarantined.reason
            done.append(item.quarantined)
        elif isinstance(item, KnownCrop):
            reason = refused.get(item.content_sha256)
            done.append(item if reason is None else Quarantined(item.path, reason))
        else:
            done.append(_checked(item, *next(encoded), refused))
    return done


def _vectors(encoder: PersonEncoder, images: list[Image.Image]) -> Float32Array:
    width = encoder.card.embedding_width
    if not images:
        return np.empty((0, width), np.float32)
    vectors = encoder.encode_images(images)
    if vectors.shape != (len(images), width) or vectors.dtype != np.float32:
        raise CheckpointMismatch(
            f"model {encoder.card.name!r} gave {vectors.dtype} {vectors.shape} for {len(images)} "
            f"crops, its card promises float32 {(len(images), width)}: use another checkpoint"
        )
    return vectors


def _parts(encoder: PersonEncoder, images: list[Image.Image]) -> Float32Array:
    if encoder.part_scorer is None:
        raise ConfigurationInvalid(
            f"model {encoder.card.name!r} has no second stage, so there are no parts to store: "
            "leave --parts out"
        )
    parts = encoder.part_scorer.encode_parts(images)
    if parts.ndim != 3 or len(parts) != len(images) or not np.isfinite(parts).all():
        raise CheckpointMismatch(
            f"model {encoder.card.name!r} gave parts {parts.shape} for {len(images)} crops, where "
            "finite (n, p, d) are needed: use another checkpoint"
        )
    return parts


def _checked(
    item: _NewCrop, vector: Float32Array, parts: Parts | None, refused: dict[str, str]
) -> EmbeddedCrop | Quarantined:
    length = float(np.linalg.norm(vector))
    if abs(length - 1) <= _UNIT_TOLERANCE:
        return EmbeddedCrop(item.decoded, vector, item.metadata, item.content, parts)
    reason = f"the model gave a vector of length {length:.3g}, not 1"
    refused[item.decoded.content_sha256] = reason
    return Quarantined(item.decoded.path, reason)
