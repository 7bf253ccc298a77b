from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.ann import ExactIndex, write_index
from indexer.build import BuildReport
from indexer.canaries import HITS, TEXTS, ask_canaries, encode_canaries
from indexer.crop_table import CropTable
from indexer.gallery import open_gallery
from indexer.records import Crop
from models.contracts import Float32Array
from models.errors import CheckpointMismatch
from tests.fakes import ColourEncoder


class NamedRows(CropTable):
    """Rows that are called r, k and b."""

    def __init__(self) -> None:
        super().__init__()

    def crops(self, rows: np.ndarray) -> list[Crop]:
        named = Crop("", "", "", (), "", "", 0, 0, 0, None, None, None, {})
        return [replace(named, id="rkb"[row]) for row in rows]


@pytest.fixture
def three_rows(tmp_path: Path) -> ExactIndex:
    """A red, a black and a blue row."""
    rows = np.array([[1, -1, -1], [-1, -1, -1], [-1, -1, 1]], np.float32) / np.float32(np.sqrt(3))
    np.save(tmp_path / "vectors.npy", rows)
    write_index(rows, tmp_path / "index.faiss")
    return ExactIndex.open(tmp_path / "index.faiss", tmp_path / "vectors.npy")


def test_the_answers_are_the_ids_and_scores_of_an_exact_search(three_rows: ExactIndex) -> None:
    red, black, _ = ask_canaries(encode_canaries(ColourEncoder()), three_rows.search, NamedRows())
    assert red.text == "woman in red coat"
    assert red.ids == ("r", "k", "b")
    assert red.scores == pytest.approx((1, 1 / 3, -1 / 3))
    assert black.text == "man in black jacket and blue jeans"  # "black" is the first colour in it
    assert black.ids == ("k", "r", "b")
    assert black.scores == pytest.approx((1, 1 / 3, 1 / 3))


def test_a_gallery_gives_the_same_answers_again(built: BuildReport, index: Path) -> None:
    encoder = ColourEncoder()
    gallery = open_gallery(index, encoder.card)
    assert [canary.text for canary in gallery.manifest.canaries] == list(TEXTS)
    for canary in built.manifest.canaries:
        hits = gallery.search(encoder.encode_texts([canary.text])[0], HITS).hits
        assert tuple(hit.crop.id for hit in hits) == canary.ids
        assert tuple(hit.score for hit in hits) == canary.scores
    gallery.close()


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), np.full((3, 3), np.nan), np.zeros((2, 3))])
def test_a_model_without_usable_text_vectors_is_refused(bad: np.ndarray) -> None:
    class Mute(ColourEncoder):
        def encode_texts(self, texts: Sequence[str]) -> Float32Array:
            assert len(texts) == 3
            return bad.astype(np.float32)

    with pytest.raises(CheckpointMismatch, match=r"'colour' gave .* for 3 descriptions"):
        encode_canaries(Mute())
