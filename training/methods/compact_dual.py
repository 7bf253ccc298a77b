"""How the compact dual encoder is trained: exact truth, and every attribute from the picture.

Its captions come from rendered people, whose attributes are known: which captions are true of
which crops is a fact, not an equality of identities.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from models.card import ModelCard
from models.contracts import PersonEncoder
from models.encoders.compact_dual import (
    VOCABULARY_FILE,
    CompactDual,
    CompactDualEncoder,
    CompactDualSizes,
)
from models.stored_model import StoredModel
from models.tokenizers.bert_wordpiece import WordPieces
from training.compact.batches import Batch, preprocessing
from training.compact.config import CompactDualConfig, ModelConfig, Phase
from training.contracts import ParameterGroup
from training.datasets.rendered_people.attributes import SLOTS
from training.losses.attribute_answer import attribute_answer
from training.losses.similarity_distribution import similarity_distribution
from training.optimisers import OptimiserConfig
from training.terms import LossTerms

ANSWERS = tuple(len(values) for values in SLOTS.values())
FIRST_SCALE = 14.0  # 1 / 0.07, the temperature CLIP starts from
LARGEST_SCALE = 80.0
METHOD = "exact similarity distribution and attribute answers"
STRIDE = 2  # of the stem; every stage after the first halves once more

_NETWORK = "network."


class CompactDualNetwork(nn.Module):
    """The encoder, a scale of its similarities, and a head that answers every slot."""

    def __init__(self, network: CompactDual, feature_width: int, attribute_weight: float) -> None:
        super().__init__()
        self.network = network
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.head = nn.Linear(feature_width, sum(ANSWERS))
        self._attribute_weight = attribute_weight

    def forward(self, batch: Batch) -> LossTerms:
        """Return the terms for a batch."""
        features = self.network.image_features(batch.pixels)
        image_rows = self.network.image_rows(features)
        full_rows = self.network.text_rows(batch.full)
        short_rows = self.network.text_rows(batch.short)
        answers = self.head(features)
        with torch.autocast(batch.pixels.device.type, enabled=False):
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
                        self._attribute_weight,
                        attribute_answer(answers, batch.values, ANSWERS),
                    ),
                }
            )


class CompactDualMethod:
    """The compact dual encoder as the loop trains it."""

    def __init__(
        self,
        network: CompactDualNetwork,
        config: CompactDualConfig,
        sizes: CompactDualSizes,
        vocabulary: Path,
        optimiser: OptimiserConfig,
    ) -> None:
        self.network = network
        self._config = config
        self._sizes = sizes
        self._vocabulary = vocabulary
        self._optimiser = optimiser

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """Return two groups: norms and biases are not decayed."""
        rate, decay = self._optimiser.learning_rate, self._optimiser.weight_decay
        parameters = list(self.network.parameters())
        return [
            ParameterGroup("matrices", tuple(p for p in parameters if p.ndim > 1), rate, decay),
            ParameterGroup("others", tuple(p for p in parameters if p.ndim <= 1), rate, 0.0),
        ]

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        """Return the towers alone, in half precision, with the vocabulary."""
        tensors = {
            name.removeprefix(_NETWORK): tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
            if name.startswith(_NETWORK)
        }
        files = {VOCABULARY_FILE: self._vocabulary}
        return StoredModel(self._card(), tensors, files, self._vocabulary)

    def encoder(self) -> PersonEncoder:
        """Return an encoder over the present weights."""
        word_pieces = WordPieces(self._vocabulary, self._sizes.max_tokens)
        device = next(self.network.parameters()).device
        return CompactDualEncoder(
            self._card(), self.network.network, word_pieces, device=device, dtype=torch.float32
        )

    def _card(self) -> ModelCard:
        phase = self._config.phases[-1]
        return ModelCard(
            name=self._config.model.name,
            architecture="compact_dual",
            method=METHOD,
            embedding_width=self._config.model.embedding_width,
            image=preprocessing(phase.height, phase.width),
            sizes=self._sizes.model_dump(mode="json"),
            weights_sha256="0" * 64,  # of no file yet
        )


def build(
    config: CompactDualConfig, vocabulary: Path, optimiser: OptimiserConfig, seed: int
) -> CompactDualMethod:
    """Return the untrained encoder with its heads, the same for the same seed."""
    size = len(vocabulary.read_text(encoding="utf-8").splitlines())
    sizes = sizes_for(config.model, config.phases[-1], vocabulary, size)
    torch.manual_seed(seed)
    encoder = CompactDual(sizes, config.model.embedding_width)
    network = CompactDualNetwork(encoder, sizes.feature_width, config.objective.attribute_weight)
    return CompactDualMethod(network, config, sizes, vocabulary, optimiser)


def sizes_for(
    model: ModelConfig, phase: Phase, vocabulary: Path, vocabulary_size: int
) -> CompactDualSizes:
    """Return the encoder's dimensions for a configuration and its vocabulary file."""
    reduction = STRIDE ** len(model.stage_widths)
    return CompactDualSizes(
        stage_widths=model.stage_widths,
        stage_depths=model.stage_depths,
        grid_height=-(-phase.height // reduction),
        grid_width=-(-phase.width // reduction),
        attention_heads=model.attention_heads,
        stripes=model.stripes,
        text_width=model.text_width,
        text_layers=model.text_layers,
        text_heads=model.text_heads,
        max_tokens=model.max_tokens,
        vocabulary_size=vocabulary_size,
        vocabulary_sha256=hashlib.sha256(vocabulary.read_bytes()).hexdigest(),
    )
