"""How the compact dual encoder is trained: exact truth, and every attribute from the picture."""

import math

import torch
from torch import nn

from models.encoders.compact_dual import CompactDual
from training.batches import Batch
from training.config import ObjectiveConfig
from training.datasets.rendered_people.attributes import SLOTS
from training.losses.attribute_answer import attribute_answer
from training.losses.similarity_distribution import similarity_distribution
from training.terms import LossTerms

ANSWERS = tuple(len(values) for values in SLOTS.values())
FIRST_SCALE = 14.0  # 1 / 0.07, the temperature CLIP starts from
LARGEST_SCALE = 80.0


class CompactDualMethod(nn.Module):
    """The encoder, a scale of its similarities, and a head that answers every slot."""

    def __init__(
        self, network: CompactDual, feature_width: int, objective: ObjectiveConfig
    ) -> None:
        super().__init__()
        self.network = network
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.head = nn.Linear(feature_width, sum(ANSWERS))
        self._objective = objective

    def losses(self, batch: Batch, *, autocast: torch.autocast) -> LossTerms:
        """Return the terms for a batch; the towers run under ``autocast``."""
        with autocast:
            features = self.network.image_features(batch.pixels)
            image_rows = self.network.image_rows(features)
            full_rows = self.network.text_rows(batch.full)
            short_rows = self.network.text_rows(batch.short)
            answers = self.head(features)
        scale = self.log_scale.exp().clamp(max=LARGEST_SCALE)
        full = scale * (full_rows @ image_rows.T)  # (n, n)
        short = scale * (short_rows @ image_rows.T)  # (k * n, n)
        both = torch.cat([full, short])
        truth = torch.cat([batch.full_truth, batch.short_truth])
        return LossTerms(
            {
                "text_to_image": (1.0, similarity_distribution(both, truth)),
                "image_to_full": (1.0, similarity_distribution(full.T, batch.full_truth.T)),
                "image_to_short": (1.0, similarity_distribution(short.T, batch.short_truth.T)),
                "attributes": (
                    self._objective.attribute_weight,
                    attribute_answer(answers, batch.values, ANSWERS),
                ),
            }
        )
