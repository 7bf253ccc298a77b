"""A configuration and a corpus small enough to train on within a test."""

from pathlib import Path

import numpy as np
import pytest

from training.config import RenderedRunConfig
from training.datasets.rendered_people.attributes import SLOTS
from training.datasets.rendered_people.shards import RenderedCrops

PEOPLE = 12


@pytest.fixture
def config(tmp_path: Path) -> RenderedRunConfig:
    return RenderedRunConfig.model_validate(
        {
            "seed": 3,
            "precision": "fp32",
            "checkpoint_seconds": 1000,
            "gradient_norm": 1.0,
            "average_decay": 0.9,
            "data": {
                "name": "rendered_people",
                "folder": tmp_path / "data",
                "people": PEOPLE,
                "sightings": 2,
                "seed": 1,
                "captions_per_crop": 2,
            },
            "method": {
                "name": "compact_dual",
                "model": {
                    "name": "tiny",
                    "embedding_width": 16,
                    "stage_widths": [8, 16],
                    "stage_depths": [1, 1],
                    "attention_heads": 2,
                    "stripes": 2,
                    "text_width": 16,
                    "text_layers": 1,
                    "text_heads": 2,
                    "max_tokens": 48,
                    "vocabulary_limit": 600,
                },
                "phases": [
                    {"height": 24, "width": 8, "people_per_batch": 4, "samples": 80},
                    {"height": 36, "width": 12, "people_per_batch": 4, "samples": 80},
                ],
                "objective": {
                    "short_queries": 2,
                    "attribute_weight": 0.5,
                    "claim_weight": 0.25,
                    "unknown_pieces": 0.02,
                    "unknown_words": 0.3,
                    "memory": 20,
                },
                "augmentation": {
                    "flip": 0.5,
                    "crop_height": 0.05,
                    "crop_width": 0.05,
                    "contrast": 0.1,
                    "colour_cast": 0.02,
                    "brightness": 5.0,
                },
            },
            "optimiser": {
                "kind": "adamw",
                "learning_rate": 4e-3,
                "weight_decay": 0.01,
                "betas": (0.9, 0.98),
            },
            "schedule": {"warmup_samples": 16},
            "held_out": {"people": 4, "sightings": 2, "seed": 77},
        }
    )


@pytest.fixture
def crops() -> RenderedCrops:
    """Noise pictures, coloured by the value of the first slot, two of each person."""
    rng = np.random.default_rng(8)
    values = np.stack([rng.integers(0, len(answers), PEOPLE) for answers in SLOTS.values()], 1)
    images = rng.integers(0, 60, (2 * PEOPLE, 48, 16, 3)) + 150 * np.repeat(
        values[:, 0], 2
    ).reshape(-1, 1, 1, 1)
    return RenderedCrops(
        images=images.astype(np.uint8),
        values=np.repeat(values, 2, axis=0).astype(np.int8),
        person_ids=np.repeat(np.arange(PEOPLE), 2),
    )
