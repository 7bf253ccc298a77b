from pathlib import Path

import numpy as np
import pytest
import torch

from models.encoders.compact_dual import VOCABULARY_FILE
from training.compact.batches import Batch, draw_batch
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.losses.attribute_answer import attribute_answer
from training.losses.similarity_distribution import similarity_distribution
from training.methods.compact_dual import ANSWERS, FIRST_SCALE, CompactDualMethod, build
from training.preparation import prepare_corpus


@pytest.fixture
def prepared(
    config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path
) -> tuple[CompactDualMethod, Batch]:
    corpus = prepare_corpus(config, crops, tmp_path)
    method = config.method
    batch = draw_batch(
        corpus, method.phases[0], method.augmentation, method.objective, np.random.default_rng(1)
    )
    return build(method, tmp_path / VOCABULARY_FILE, config.optimiser, config.seed), batch


def test_terms_are_the_named_losses_of_rows_and_answers(
    prepared: tuple[CompactDualMethod, Batch],
) -> None:
    method, batch = prepared
    trained = method.network.eval()
    with torch.no_grad():
        terms = trained(batch)
        features = trained.network.image_features(batch.pixels)
        images = trained.network.image_rows(features)
        full = FIRST_SCALE * trained.network.text_rows(batch.full) @ images.T
        short = FIRST_SCALE * trained.network.text_rows(batch.short) @ images.T
        expected = {
            "text_to_image": similarity_distribution(
                torch.cat([full, short]), torch.cat([batch.full_truth, batch.short_truth])
            ),
            "image_to_full": similarity_distribution(full.T, batch.full_truth.T),
            "image_to_short": similarity_distribution(short.T, batch.short_truth.T),
            "attributes": attribute_answer(trained.head(features), batch.values, ANSWERS),
        }
    assert terms.values() == pytest.approx({k: v.item() for k, v in expected.items()}, rel=1e-4)
    weights = {name: weight for name, (weight, _) in terms.terms.items()}
    assert weights == {
        "text_to_image": 1,
        "image_to_full": 1,
        "image_to_short": 1,
        "attributes": 0.5,  # as configured
    }


def test_norms_and_biases_are_not_decayed_and_nothing_is_left_out(
    prepared: tuple[CompactDualMethod, Batch],
) -> None:
    method, _ = prepared
    matrices, others = method.parameter_groups()
    assert {group.learning_rate for group in (matrices, others)} == {4e-3}
    assert (matrices.weight_decay, others.weight_decay) == (0.01, 0)
    assert all(parameter.ndim > 1 for parameter in matrices.parameters)
    assert all(parameter.ndim <= 1 for parameter in others.parameters)
    grouped = {id(p) for group in (matrices, others) for p in group.parameters}
    assert grouped == {id(p) for p in method.network.parameters()}


def test_the_encoder_searches_with_what_is_exported_up_to_half_precision(
    prepared: tuple[CompactDualMethod, Batch],
) -> None:
    method, _ = prepared
    stored = method.stored_model(method.network.state_dict())
    trained = method.network.network.state_dict()
    assert stored.tensors.keys() == trained.keys()  # the head and the scale are left out
    for name, tensor in stored.tensors.items():
        assert tensor.dtype in (torch.float16, torch.int64)
        assert torch.allclose(tensor.float(), trained[name].float(), rtol=1e-3, atol=1e-6)
    rows = method.encoder().encode_texts(["a man in a red coat", "a woman"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows.shape == (2, 16)
