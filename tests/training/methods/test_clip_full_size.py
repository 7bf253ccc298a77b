"""IRRA and SG-IHA as large as published: 195 and 239 million weights, one pass each."""

from collections.abc import Mapping

import pytest
import torch

from models.card import ImagePreprocessing
from models.clip_checkpoints import CLIP_MEAN, CLIP_STD
from models.layers.clip_towers import ClipGlobalSizes
from tests.models.filled_weights import (
    IRRA,
    SGIHA,
    full_size_inputs,
    full_size_layout,
    irra_weight,
)
from tests.training.methods.recorded_clip import methods
from training.clip.attribute_questions import QuestionTokens
from training.clip.batches import IrraBatch
from training.clip.family import ClipFamilyNetwork
from training.clip.start import ClipStart
from training.methods.irra import IrraConfig, IrraNetwork
from training.methods.sg_iha import SgIhaBatch, SgIhaConfig, SgIhaNetwork

Weights = dict[str, torch.Tensor]

START = ClipStart(
    sizes=ClipGlobalSizes(
        patch_size=16, stride=16, vision_width=768, vision_layers=12, text_width=512,
        text_layers=12, context_length=77, vocabulary_size=49408,
    ),
    embedding_width=512,
    image=ImagePreprocessing(height=384, width=128, mean=CLIP_MEAN, std=CLIP_STD),
    called="recorded",
)  # fmt: skip
IRRA_CONFIG = IrraConfig(name="irra", start="recorded", mask_global_caption=False)
SGIHA_CONFIG = SgIhaConfig(name="sg_iha", start="recorded", mask_global_caption=False)


def irra_network() -> IrraNetwork:
    with torch.device("meta"):
        return IrraNetwork(START, IRRA_CONFIG, IRRA_CONFIG.losses.items(), 11003)


def sgiha_network() -> SgIhaNetwork:
    with torch.device("meta"):
        return SgIhaNetwork(START, SGIHA_CONFIG, 3701)


@pytest.fixture(scope="module")
def shared() -> Weights:
    """What both models have: towers and language head."""
    return {
        name: irra_weight(name, shape, (14, (24, 8)))
        for name, shape in full_size_layout(IRRA).items()
        if not name.startswith("classifier")
    }


def filled(network: ClipFamilyNetwork, shared: Mapping[str, torch.Tensor]) -> None:
    own = {
        name: irra_weight(name, tuple(tensor.shape), (14, (24, 8)))
        for name, tensor in network.state_dict().items()
        if name not in shared
    }
    network.load_state_dict({**shared, **own}, assign=True)


def captions(labels: torch.Tensor) -> IrraBatch:
    pixels, ids = full_size_inputs()
    recorded = methods()["full"]
    return IrraBatch(pixels, ids, recorded["mlm_ids"], recorded["mlm_labels"], labels)


def test_names_and_shapes_are_those_of_the_published_checkpoints() -> None:
    for network, system, count in (
        (irra_network(), IRRA, 194535419),
        (sgiha_network(), SGIHA, 239144821),
    ):
        weights = network.state_dict()
        assert {name: tuple(t.shape) for name, t in weights.items()} == full_size_layout(system)
        assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.slow
@torch.no_grad()
def test_losses_of_irra_are_the_recorded_ones(shared: Weights) -> None:
    network = irra_network()
    filled(network, shared)
    recorded = methods()["full"]
    values = network(captions(recorded["pids"])).values()
    assert values.keys() == {"sdm", "id", "mlm"}
    for name, value in values.items():
        assert value == pytest.approx(float(recorded["fp32"][f"{name}_loss"]), rel=1e-5)


@pytest.mark.slow
@torch.no_grad()
def test_losses_of_sg_iha_are_the_recorded_ones(shared: Weights) -> None:
    network = sgiha_network()
    filled(network, shared)
    inputs = methods()["full_questions"]
    questions = QuestionTokens(
        inputs["question_ids"], inputs["attention_mask"], inputs["answer_ids"]
    )
    batch = SgIhaBatch(captions(inputs["pids"]), questions, torch.ones(2, dtype=torch.bool))
    values = network(batch).values()
    recorded = torch.load(SGIHA / "full.pt", weights_only=True)["ret"]
    assert values.keys() == {"sdm", "id", "mlm", "mcq"}
    for name, value in values.items():
        assert value == pytest.approx(float(recorded[f"{name}_loss"]), rel=1e-5)
