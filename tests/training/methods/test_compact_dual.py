from pathlib import Path

import numpy as np
import pytest
import torch

from training.batches import draw_batch
from training.config import TrainConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.losses.attribute_answer import attribute_answer
from training.losses.similarity_distribution import similarity_distribution
from training.methods.compact_dual import ANSWERS, FIRST_SCALE
from training.preparation import build_method, prepare_corpus


def test_terms_are_the_named_losses_of_rows_and_answers(
    config: TrainConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    corpus, sizes = prepare_corpus(config, crops, tmp_path)
    method = build_method(config, sizes).eval()
    batch = draw_batch(
        corpus, config.phases[0], config.augmentation, config.objective, np.random.default_rng(1)
    )
    with torch.no_grad():
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=False)
        terms = method.losses(batch, autocast=autocast)
        features = method.network.image_features(batch.pixels)
        images = method.network.image_rows(features)
        full = FIRST_SCALE * method.network.text_rows(batch.full) @ images.T
        short = FIRST_SCALE * method.network.text_rows(batch.short) @ images.T
        expected = {
            "text_to_image": similarity_distribution(
                torch.cat([full, short]), torch.cat([batch.full_truth, batch.short_truth])
            ),
            "image_to_full": similarity_distribution(full.T, batch.full_truth.T),
            "image_to_short": similarity_distribution(short.T, batch.short_truth.T),
            "attributes": attribute_answer(method.head(features), batch.values, ANSWERS),
        }
    assert terms.values() == pytest.approx({k: v.item() for k, v in expected.items()}, rel=1e-4)
    weights = {name: weight for name, (weight, _) in terms.terms.items()}
    assert weights == {
        "text_to_image": 1,
        "image_to_full": 1,
        "image_to_short": 1,
        "attributes": config.objective.attribute_weight,
    }
