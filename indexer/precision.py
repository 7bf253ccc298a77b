"""Whether a model may compute in bf16: only where that leaves its vectors as they are."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from indexer.decoding import decode_image, silent_pillow
from indexer.sources.entries import CropSource, Quarantined
from models.contracts import NumberFormat, PersonEncoder
from models.errors import CropUnreadable

CROPS_COMPARED = 64
LEAST_COSINE = 0.999


@dataclass(frozen=True)
class Parity:
    """What computing in bf16 does to the vectors of ``crops`` crops.

    ``precision`` is that of the encoder to use. ``worst_cosine`` is the lowest between a crop's
    vectors in bf16 and in fp32, None where nothing was compared. ``warning`` is for the user.
    """

    precision: NumberFormat
    crops: int
    worst_cosine: float | None
    warning: str | None


def first_images(source: CropSource, count: int = CROPS_COMPARED) -> list[Image.Image]:
    """Return the first crops of a source that can be read, to compare precisions on."""
    images: list[Image.Image] = []
    with silent_pillow():
        for entry in source.entries():
            if len(images) == count:
                break
            if isinstance(entry, Quarantined):
                continue
            try:
                images.append(decode_image(entry.read())[0])
            except CropUnreadable:  # the build itself says why
                continue
    return images


def encode_rate(encoder: PersonEncoder, images: Sequence[Image.Image]) -> float | None:
    """Return how many crops a second an encoder does; None without crops to time it with."""
    if not images:
        return None
    encoder.encode_images(images)  # the first call also allocates
    began = time.perf_counter()
    encoder.encode_images(images)
    return len(images) / (time.perf_counter() - began)


def parity_checked(
    encoder: PersonEncoder, fp32: Callable[[], PersonEncoder], images: Sequence[Image.Image]
) -> tuple[PersonEncoder, Parity]:
    """Return the encoder if its vectors are those of fp32, else the one that ``fp32`` loads.

    The first 64 images are encoded both ways; each must have a cosine of at least 0.999. An
    encoder that runs in fp32 is returned as it is, as is one for which there are no images.
    """
    compared = images[:CROPS_COMPARED]
    if encoder.precision == "fp32" or not compared:
        return encoder, Parity(encoder.precision, 0, None, None)
    exact = fp32()
    cosines = np.einsum("nd,nd->n", encoder.encode_images(compared), exact.encode_images(compared))
    worst = float(cosines.min())  # NaN if any is: then bf16 has failed as well
    if worst >= LEAST_COSINE:
        return encoder, Parity("bf16", len(compared), worst, None)
    warning = (
        f"model {encoder.card.name!r} changes in bf16: the worst of {len(compared)} crops has a "
        f"cosine of {worst:.4f} to its fp32 vector, {LEAST_COSINE} is needed. It runs in fp32, "
        "which is slower; --precision bf16 would use bf16 all the same."
    )
    return exact, Parity("fp32", len(compared), worst, warning)
