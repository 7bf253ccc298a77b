from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.encoders.compact_dual import VOCABULARY_FILE, WORDS_FILE
from models.tokenizers.bert_wordpiece import Tokens
from training.compact.batches import Batch, draw_batch
from training.compact.truth import VALUES_A_SLOT, permitted_values, truth_of
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.losses.attribute_answer import attribute_answer
from training.losses.claim_answer import claim_answer
from training.losses.similarity_distribution import similarity_distribution
from training.methods.compact_dual import FIRST_SCALE, CompactDualMethod, CompactDualNetwork, build
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
    remembered = torch.nn.functional.normalize(torch.randn(3, 16), dim=1)
    trained.memory.remember(remembered, batch.values[[4, 0, 2]])
    with torch.no_grad():
        terms = trained(batch)
        features = trained.network.image_features(batch.pixels)
        images = trained.network.image_rows(features)
        # One text at a time, not padded to others.
        texts = torch.cat([_features(trained, batch.full), _features(trained, batch.short)])
        rows = trained.network.text_rows(texts)
        full, short = FIRST_SCALE * rows[:8] @ images.T, FIRST_SCALE * rows[8:] @ images.T
        claims = torch.cat([batch.full_claims, batch.short_claims])
        truth = torch.cat([batch.full_truth, batch.short_truth.clamp(min=0)])
        remembered_truth = truth_of(claims, batch.values[[4, 0, 2]])
        remembered_truth[8:] = remembered_truth[8:].clamp(min=0)  # unseen is no answer
        expected = {
            "text_to_image": similarity_distribution(
                torch.cat([torch.cat([full, short]), FIRST_SCALE * rows @ remembered.T], 1),
                torch.cat([truth, remembered_truth], 1),
            ),
            "image_to_full": similarity_distribution(full.T, batch.full_truth.T),
            "image_to_short": similarity_distribution(short.T, batch.short_truth.T),
            "attributes": attribute_answer(trained.head(features), batch.values, VALUES_A_SLOT),
            "claims": claim_answer(
                trained.claim_head(texts), permitted_values(claims), VALUES_A_SLOT
            ),
        }
    assert terms.values() == pytest.approx({k: v.item() for k, v in expected.items()}, rel=1e-4)
    weights = {name: weight for name, (weight, _) in terms.terms.items()}
    assert weights == {
        "text_to_image": 1,
        "image_to_full": 1,
        "image_to_short": 1,
        "attributes": 0.5,  # as configured
        "claims": 0.25,
    }


def test_phase_may_leave_the_towers_unmatched(
    prepared: tuple[CompactDualMethod, Batch],
) -> None:
    method, batch = prepared
    terms = method.network.eval()(replace(batch, matching_weight=torch.tensor(0.0)))
    weights = {name: weight for name, (weight, _) in terms.terms.items()}
    assert {name for name, weight in weights.items() if weight} == {"attributes", "claims"}


def _features(trained: CompactDualNetwork, tokens: Tokens) -> torch.Tensor:
    lengths = tokens.mask.sum(1).tolist()
    alone = [
        Tokens(ids[None, :length], mask[None, :length])
        for ids, mask, length in zip(*tokens, lengths, strict=True)
    ]
    return torch.cat([trained.network.text_features(text) for text in alone])


def test_only_a_training_step_is_remembered(prepared: tuple[CompactDualMethod, Batch]) -> None:
    method, batch = prepared
    memory = method.network.memory
    method.network.eval()(batch)
    assert len(memory.recall()[0]) == 0
    method.network.train()(batch)
    rows, values = memory.recall()
    assert torch.equal(values, batch.values)
    assert torch.allclose(rows.norm(dim=1), torch.ones(8), atol=1e-5)


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
    words = stored.files[WORDS_FILE].read_text(encoding="utf-8").split()
    assert words == sorted(set(words))
    assert {"man", "woman", "wearing"} <= set(words)
    rows = method.encoder().encode_texts(["a man in a red coat", "a woman"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows.shape == (2, 16)
