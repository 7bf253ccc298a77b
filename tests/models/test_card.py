from pathlib import Path

import pytest
from pydantic import JsonValue, ValidationError

from models.card import ImagePreprocessing, ModelCard, file_sha256, read_card
from models.errors import CheckpointUnreadable

CARD = ModelCard(
    name="mine",
    architecture="clip_global",
    method="IRRA",
    embedding_width=512,
    image=ImagePreprocessing(height=384, width=128, mean=(0, 0, 0), std=(1, 1, 1)),
    sizes={"patch_size": 16},
    weights_sha256="a" * 64,
    provenance={"file": "best.pth"},
)


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(CARD.model_dump_json())
    assert read_card(tmp_path) == CARD


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"name": "x"}', '{"schema_version": 2}', "\x00"]
)
def test_what_is_no_card_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "card.json").write_text(text)
    with pytest.raises(CheckpointUnreadable, match=r"card\.json"):
        read_card(tmp_path)


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(CARD.model_dump_json()[:-1] + ',"run_this":"x"}')
    with pytest.raises(CheckpointUnreadable, match="run_this"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "architecture", ["../os", "os.path", "", "Clip", "clip-global", "__init__"]
)
def test_an_architecture_is_the_plain_name_of_a_file(architecture: str) -> None:
    with pytest.raises(ValidationError):
        ModelCard.model_validate({**CARD.model_dump(), "architecture": architecture})


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", "another", True),
        ("provenance", {}, True),
        ("method", "CLIP", True),
        ("weights_sha256", "b" * 64, False),
        ("embedding_width", 256, False),
        ("architecture", "compact_dual", False),
        ("sizes", {"patch_size": 32}, False),
        ("converted_from_sha256", "a" * 64, True),
        ("converted_from_sha256", "b" * 64, False),
    ],
)
def test_the_fingerprint_covers_what_changes_vectors(
    field: str, value: JsonValue, kept: object
) -> None:
    other = CARD.model_copy(update={field: value})
    assert (other.fingerprint() == CARD.fingerprint()) is kept


def test_a_converted_model_has_the_fingerprint_of_its_original() -> None:
    digests = {"weights_sha256": "b" * 64, "converted_from_sha256": CARD.weights_sha256}
    assert CARD.model_copy(update=digests).fingerprint() == CARD.fingerprint()


def test_the_fingerprint_covers_the_preprocessing() -> None:
    image = CARD.image.model_copy(update={"interpolation": "bicubic"})
    assert CARD.model_copy(update={"image": image}).fingerprint() != CARD.fingerprint()


def test_a_file_s_checksum(tmp_path: Path) -> None:
    """The value is FIPS 180-2's example for "abc"."""
    (tmp_path / "abc").write_text("abc")
    assert file_sha256(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
