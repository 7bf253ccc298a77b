import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from models.parts import PART_FORMATS, PartFormat, Parts, pack_parts

VECTORS = np.random.default_rng(0).standard_normal((5, 4, 32)).astype(np.float32)


def unpacked(parts: Parts) -> np.ndarray:
    values = parts.values.astype(np.float32)
    return values if parts.scales is None else values * parts.scales[..., None]


def test_exact_parts_are_the_vectors_themselves() -> None:
    parts = pack_parts(VECTORS, "fp32")
    assert parts.values.dtype == np.float32
    assert np.array_equal(parts.values, VECTORS)
    assert parts.scales is None


def test_half_precision_is_near() -> None:
    parts = pack_parts(VECTORS, "fp16")
    assert parts.values.dtype == np.float16
    assert np.abs(unpacked(parts) - VECTORS).max() <= np.abs(VECTORS).max() * 2**-11


def test_a_byte_s_error_is_half_a_step_of_the_largest_value() -> None:
    parts = pack_parts(VECTORS, "int8")
    assert parts.values.dtype == np.int8
    assert parts.scales is not None
    assert parts.scales.dtype == np.float32
    assert np.abs(parts.values.astype(int)).max(-1).tolist() == [[127] * 4] * 5
    largest = np.abs(VECTORS).max(-1)
    assert np.allclose(parts.scales, largest / 127)
    assert (np.abs(unpacked(parts) - VECTORS).max(-1) <= 0.501 * largest / 127).all()


def test_codes_worked_out_by_hand() -> None:
    parts = pack_parts(np.array([[[254, -254, 3, 0.9, -2.9]]], np.float32), "int8")
    assert parts.values.tolist() == [[[127, -127, 2, 0, -1]]]
    assert parts.scales is not None
    assert parts.scales.tolist() == [[2.0]]


def test_empty_vectors_stay_empty() -> None:
    for part_format in PART_FORMATS:
        parts = pack_parts(np.zeros((2, 3, 4), np.float32), part_format)
        assert not unpacked(parts).any()


@pytest.mark.parametrize(("part_format", "size"), [("fp32", 512), ("fp16", 256), ("int8", 144)])
def test_storage_is_counted_with_its_scales(part_format: PartFormat, size: int) -> None:
    parts = pack_parts(VECTORS, part_format)
    assert parts.bytes_per_crop == size
    stored = parts.values.nbytes + (0 if parts.scales is None else parts.scales.nbytes)
    assert stored == size * len(parts)


def test_chosen_crops_come_in_the_order_asked_for() -> None:
    for part_format in PART_FORMATS:
        parts = pack_parts(VECTORS, part_format)
        chosen = parts.take(np.array([4, 0, 4]))
        assert len(chosen) == 3
        assert np.array_equal(unpacked(chosen), unpacked(parts)[[4, 0, 4]])


def test_no_crops_are_stored_as_none() -> None:
    for part_format in PART_FORMATS:
        parts = pack_parts(VECTORS[:0], part_format)
        assert len(parts) == 0
        assert parts.values.shape == (0, 4, 32)
        assert len(pack_parts(VECTORS, part_format).take(np.array([], np.intp))) == 0


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"'int4' is not known: use fp32, fp16, int8"):
        pack_parts(VECTORS, "int4")  # type: ignore[arg-type]
