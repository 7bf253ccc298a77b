from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from models.contracts import Float32Array
from models.encoders.nafs import NafsEncoder, NafsPartScorer
from models.layers.nafs_network import NafsNetwork
from models.loading import load_encoder
from models.part_alignment import AttendedText
from tests.models.nafs.recorded_nafs import gallery, queries, write_run


@pytest.fixture(scope="session")
def published() -> Iterator[Path]:
    """The recorded network in a folder as NAFS leaves it: 360 MB, so written once."""
    with TemporaryDirectory() as folder:  # pytest would keep those of its last three runs
        yield write_run(Path(folder) / "run")


@pytest.fixture
def large_folder() -> Iterator[Path]:
    """An empty folder for checkpoints and models, gone after the test."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def encoder(published: Path) -> NafsEncoder:
    loaded = load_encoder(published, device="cpu", precision="fp32")
    assert isinstance(loaded, NafsEncoder)
    return loaded


@pytest.fixture(scope="session")
def network(encoder: NafsEncoder) -> NafsNetwork:
    return encoder.network


@pytest.fixture(scope="session")
def scorer(encoder: NafsEncoder) -> NafsPartScorer:
    return encoder.part_scorer


@pytest.fixture(scope="session")
def rows(encoder: NafsEncoder) -> Float32Array:
    """Of the recorded gallery: (12, 768)."""
    return encoder.encode_images(gallery())


@pytest.fixture(scope="session")
def parts(scorer: NafsPartScorer) -> Float32Array:
    """Of the recorded gallery: (12, 12, 768)."""
    return scorer.encode_parts(gallery())


@pytest.fixture(scope="session")
def prepared(scorer: NafsPartScorer) -> list[AttendedText]:
    """The recorded queries, ready for the second stage."""
    return [scorer.prepare(text) for text in queries()]
