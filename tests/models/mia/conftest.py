import pytest
import torch

from models.contracts import Float32Array
from models.encoders.mia import MiaEncoder, MiaPartScorer
from models.layers.mia_backbones import MiaNetwork, place
from tests.models.mia.recorded_mia import build, encoder_of, gallery, queries


@pytest.fixture(scope="session")
def network() -> MiaNetwork:
    """The recorded network, where an encoder would have put it."""
    return place(build(), torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def encoder(network: MiaNetwork) -> MiaEncoder:
    return encoder_of(network)


@pytest.fixture(scope="session")
def scorer(encoder: MiaEncoder) -> MiaPartScorer:
    assert encoder.part_scorer is not None
    return encoder.part_scorer


@pytest.fixture(scope="session")
def part_part_scorer() -> MiaPartScorer:
    """The recorded network with the two networks of the third granularity."""
    scorer = encoder_of(place(build(3), torch.device("cpu"), torch.float32), 3).part_scorer
    assert scorer is not None
    return scorer


@pytest.fixture(scope="session")
def parts(scorer: MiaPartScorer) -> Float32Array:
    """Of the recorded gallery: (12, 7, 64)."""
    return scorer.encode_parts(gallery())


@pytest.fixture(scope="session")
def rows(encoder: MiaEncoder) -> Float32Array:
    """Of the recorded gallery: (12, 64)."""
    return encoder.encode_images(gallery())


@pytest.fixture(scope="session")
def first_stage(encoder: MiaEncoder, rows: Float32Array) -> Float32Array:
    """Dot products of the recorded queries and gallery: (24, 12)."""
    products: Float32Array = encoder.encode_texts(queries()) @ rows.T
    return products
