from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from indexer.precision import parity_checked
from models.contracts import Float32Array, PersonEncoder
from models.loading import load_encoder
from tests.fakes import ColourEncoder


class Turned(ColourEncoder):
    """Runs in bf16 and turns every vector but the first away from what fp32 gives."""

    def __init__(self, cosine: float) -> None:
        super().__init__(precision="bf16")
        self._cosine = cosine

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        rows = super().encode_images(images)
        across = np.cross(rows[1:], [1, 2, 3])
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        sine = np.sqrt(1 - self._cosine**2)
        rows[1:] = self._cosine * rows[1:] + sine * across
        return rows


def coloured(number: int) -> list[Image.Image]:
    colours = np.random.default_rng(0).integers(0, 256, (number, 3)).tolist()
    return [Image.new("RGB", (4, 8), tuple(colour)) for colour in colours]


def unwanted() -> PersonEncoder:
    raise AssertionError("the fp32 model is loaded only to compare with it")


def test_bf16_that_keeps_the_vectors_is_used() -> None:
    encoder, exact = Turned(cosine=0.9995), ColourEncoder()
    used, parity = parity_checked(encoder, lambda: exact, coloured(10))
    assert used is encoder
    assert (parity.precision, parity.crops, parity.warning) == ("bf16", 10, None)
    assert parity.worst_cosine == pytest.approx(0.9995, abs=1e-6)


def test_bf16_that_changes_a_vector_gives_way_with_a_warning() -> None:
    encoder, exact = Turned(cosine=0.9985), ColourEncoder()
    used, parity = parity_checked(encoder, lambda: exact, coloured(10))
    assert used is exact
    assert (parity.precision, parity.crops) == ("fp32", 10)
    assert parity.worst_cosine == pytest.approx(0.9985, abs=1e-6)
    assert parity.warning is not None
    assert "model 'colour' changes in bf16: the worst of 10 crops" in parity.warning
    assert "cosine of 0.9985 to its fp32 vector, 0.999 is needed" in parity.warning


def test_a_vector_that_is_no_number_fails_the_check() -> None:
    used, parity = parity_checked(Turned(cosine=np.nan), ColourEncoder, coloured(3))
    assert used.precision == parity.precision == "fp32"
    assert parity.warning is not None


def test_an_encoder_that_runs_in_fp32_is_not_compared() -> None:
    encoder = ColourEncoder()
    used, parity = parity_checked(encoder, unwanted, coloured(3))
    assert used is encoder
    assert encoder.images_seen == 0
    assert (parity.precision, parity.crops, parity.worst_cosine) == ("fp32", 0, None)


def test_without_crops_there_is_nothing_to_compare() -> None:
    encoder = Turned(cosine=0.5)
    used, parity = parity_checked(encoder, unwanted, [])
    assert used is encoder
    assert (parity.precision, parity.crops, parity.worst_cosine) == ("bf16", 0, None)


def test_at_most_64_crops_are_compared() -> None:
    encoder, exact = Turned(cosine=1.0), ColourEncoder()
    _, parity = parity_checked(encoder, lambda: exact, coloured(100))
    assert parity.crops == encoder.images_seen == exact.images_seen == 64


@pytest.mark.slow
def test_the_shipped_model_keeps_its_vectors_in_bf16() -> None:
    encoder = load_encoder("default", device="cpu", precision="bf16")
    exact = load_encoder("default", device="cpu", precision="fp32")
    assert (encoder.precision, exact.precision) == ("bf16", "fp32")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 2, 3), np.uint8)
    crops = [Image.fromarray(each).resize((60, 160)) for each in pixels]
    used, parity = parity_checked(encoder, lambda: exact, crops)
    a, b = (each.encode_images(crops).astype(np.float64) for each in (encoder, exact))
    worst = min(float(row @ other) for row, other in zip(a, b, strict=True))
    assert parity.worst_cosine == pytest.approx(worst, abs=1e-6)
    assert used is (encoder if worst >= 0.999 else exact)
