"""From paths to vectors: threads decode ahead while the encoder works on whole batches."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from indexer.crops import FoundCrops, Quarantined
from indexer.decoding import DecodedCrop, decode_crop
from models.contracts import Float32Array, PersonEncoder
from models.errors import CheckpointMismatch, CropUnreadable

_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class EmbeddedCrop:
    """A decoded crop and its unit vector ``(d,)``."""

    decoded: DecodedCrop
    vector: Float32Array


def embed_crops(
    found: FoundCrops, encoder: PersonEncoder, *, batch_size: int, workers: int
) -> Iterator[list[EmbeddedCrop | Quarantined]]:
    """Yield every found path once, in order, as lists of up to ``batch_size``.

    At most two batches wait decoded, however slow the encoder is.

    Raises:
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
    """
    results = _decode_ahead(found, workers=workers, waiting=2 * batch_size)
    while taken := list(islice(results, batch_size)):
        decoded = [item for item in taken if isinstance(item, DecodedCrop)]
        vectors = iter(_encode(encoder, decoded))
        yield [
            item if isinstance(item, Quarantined) else _checked(item, next(vectors))
            for item in taken
        ]


def _decode_ahead(
    found: FoundCrops, *, workers: int, waiting: int
) -> Iterator[DecodedCrop | Quarantined]:
    def decode(path: str) -> DecodedCrop | Quarantined:
        try:
            return decode_crop(found.root, path)
        except CropUnreadable as error:
            return Quarantined(path, str(error))

    paths = iter(found.paths)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        pending: deque[Future[DecodedCrop | Quarantined]] = deque(
            pool.submit(decode, path) for path in islice(paths, waiting)
        )
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(decode, path) for path in islice(paths, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _encode(encoder: PersonEncoder, crops: list[DecodedCrop]) -> Float32Array:
    vectors = encoder.encode_images([crop.image for crop in crops])
    expected = (len(crops), encoder.card.embedding_width)
    if vectors.shape != expected or vectors.dtype != np.float32:
        raise CheckpointMismatch(
            f"model {encoder.card.name!r} gave {vectors.dtype} {vectors.shape} for {len(crops)} "
            f"crops, its card promises float32 {expected}: use another checkpoint"
        )
    return vectors


def _checked(crop: DecodedCrop, vector: Float32Array) -> EmbeddedCrop | Quarantined:
    length = float(np.linalg.norm(vector))
    if abs(length - 1) <= _UNIT_TOLERANCE:
        return EmbeddedCrop(crop, vector)
    return Quarantined(crop.path, f"the model gave a vector of length {length:.3g}, not 1")
