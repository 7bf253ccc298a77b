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
from torch.nn import functional

from models.card import ModelCard
from models.contracts import PersonEncoder
from models.encoders.compact_dual import (
    VOCABULARY_FILE,
    WORDS_FILE,
    CompactDual,
    CompactDualEncoder,
    CompactDualSizes,
)
from models.stored_model import StoredModel
from models.tokenizers.bert_wordpiece import Tokens, WordPieces
from models.tokenizers.whole_words import read_whole_words
from training.compact.batches import Batch, preprocessing
from training.compact.config import CompactDualConfig, ModelConfig, ObjectiveConfig, Phase
from training.compact.crop_memory import CropMemory
from training.compact.trained import read_trained
from training.compact.truth import VALUES_A_SLOT, permitted_values, truth_of
from training.contracts import ParameterGroup
from training.losses.attribute_answer import attribute_answer
from training.losses.claim_answer import claim_answer
from training.losses.similarity_distribution import similarity_distribution
from training.optimisers import OptimiserConfig
from training.terms import LossTerms

FIRST_SCALE = 14.0  # 1 / 0.07, the temperature CLIP starts from
LARGEST_SCALE = 80.0
METHOD = "exact similarity distribution, attribute answers and claim answers"
STRIDE = 2  # of the stem; every stage after the first halves once more
TEXTS_AT_ONCE = 96

_NETWORK = "network."


class CompactDualNetwork(nn.Module):
    """The encoder, a scale of its similarities, heads that answer every slot, and a memory."""

    def __init__(
        self, network: CompactDual, sizes: CompactDualSizes, width: int, config: ObjectiveConfig
    ) -> None:
        super().__init__()
        self.network = network
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        values, slots = sum(VALUES_A_SLOT), len(VALUES_A_SLOT)
        self.head = nn.Linear(sizes.feature_width, values)
        self.claim_head = nn.Linear(2 * sizes.text_width, values + slots)
        self.memory = CropMemory(config.memory, width, slots)
        self._config = config

    def forward(self, batch: Batch) -> LossTerms:
        """Return the terms for a batch."""
        features = self.network.image_features(batch.pixels)
        image_rows = self.network.image_rows(features)
        text_features = self._text_features(_joined(batch.full, batch.short))
        text_rows = self.network.text_rows(text_features)  # (n + k * n, d)
        answers, said = self.head(features), self.claim_head(text_features)
        claims = torch.cat([batch.full_claims, batch.short_claims])
        with torch.autocast(batch.pixels.device.type, enabled=False):
            scale = self.log_scale.exp().clamp(max=LARGEST_SCALE)
            both = scale * (text_rows @ image_rows.T)  # (n + k * n, n)
            truth = torch.cat([batch.full_truth, batch.short_truth])
            truth = self._no_match_where_unseen(truth, len(image_rows))
            full, short = both[: len(image_rows)], both[len(image_rows) :]
            remembered, remembered_truth = self._remembered(text_rows, claims, batch, image_rows)
            columns = torch.cat([both, scale * remembered], dim=1)
            unseen = self._no_match_where_unseen(remembered_truth, len(image_rows))
            column_truth = torch.cat([truth, unseen], dim=1)
            matching = batch.matching_weight.item()
            return LossTerms(
                {
                    "text_to_image": (matching, similarity_distribution(columns, column_truth)),
                    "image_to_full": (
                        matching,
                        similarity_distribution(full.T, batch.full_truth.T),
                    ),
                    "image_to_short": (
                        matching,
                        similarity_distribution(short.T, batch.short_truth.T),
                    ),
                    "attributes": (
                        self._config.attribute_weight,
                        attribute_answer(answers, batch.values, VALUES_A_SLOT),
                    ),
                    "claims": (
                        self._config.claim_weight,
                        claim_answer(said, permitted_values(claims), VALUES_A_SLOT),
                    ),
                }
            )

    @staticmethod
    def _no_match_where_unseen(truth: torch.Tensor, full: int) -> torch.Tensor:
        """Count a crop that does not show what a short query names as no answer to it.

        Who asks for black trousers wants to see them. A full caption, of which some detail is
        hidden in many crops of the same person, leaves such crops undecided.
        """
        return torch.cat([truth[:full], truth[full:].clamp(min=0)])

    def _text_features(self, tokens: Tokens) -> torch.Tensor:
        """Encode texts of like length together: most are much shorter than the longest."""
        lengths = tokens.mask.sum(1)
        order = lengths.argsort(stable=True)
        parts = []
        for chosen in torch.split(order, TEXTS_AT_ONCE):
            longest = int(lengths[chosen].max())
            part = Tokens(tokens.ids[chosen, :longest], tokens.mask[chosen, :longest])
            parts.append(self.network.text_features(part))
        return torch.cat(parts)[order.argsort()]

    def _remembered(
        self,
        text_rows: torch.Tensor,
        claims: torch.Tensor,
        batch: Batch,
        image_rows: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosines and truth of all texts and remembered crops; remember these crops."""
        rows, values = self.memory.recall()
        if self.training:
            self.memory.remember(image_rows, batch.values)
        return text_rows @ rows.T, truth_of(claims, values)


def _joined(full: Tokens, short: Tokens) -> Tokens:
    width = max(full.ids.shape[1], short.ids.shape[1])
    return Tokens(
        *(
            torch.cat([functional.pad(part, (0, width - part.shape[1])) for part in parts])
            for parts in zip(full, short, strict=True)
        )
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
        words = self._vocabulary.with_name(WORDS_FILE)
        files = {VOCABULARY_FILE: self._vocabulary, WORDS_FILE: words}
        return StoredModel(self._card(), tensors, files, self._vocabulary)

    def encoder(self) -> PersonEncoder:
        """Return an encoder over the present weights."""
        word_pieces = WordPieces(self._vocabulary, self._sizes.max_tokens)
        device = next(self.network.parameters()).device
        return CompactDualEncoder(
            self._card(),
            self.network.network,
            word_pieces,
            device=device,
            dtype=torch.float32,
            known_words=read_whole_words(self._vocabulary.with_name(WORDS_FILE)),
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
    """Return the encoder that training starts from with its heads, the same for the same seed.

    Raises:
        DescryError: If the start cannot be read, or is of other sizes.
    """
    size = len(vocabulary.read_text(encoding="utf-8").splitlines())
    sizes = sizes_for(config.model, config.phases[-1], vocabulary, size)
    torch.manual_seed(seed)
    encoder = CompactDual(sizes, config.model.embedding_width)
    start = None if config.start is None else read_trained(config.start)
    if start is not None:
        start.fill(encoder, sizes)
    network = CompactDualNetwork(encoder, sizes, config.model.embedding_width, config.objective)
    if start is not None:
        network.load_state_dict({**network.state_dict(), **start.heads})
    return CompactDualMethod(network, config, sizes, vocabulary, optimiser)


def sizes_for(
    model: ModelConfig, phase: Phase, vocabulary: Path, vocabulary_size: int
) -> CompactDualSizes:
    """Return the encoder's dimensions for a configuration and its vocabulary file.

    The file of the words it learns lies beside that of its vocabulary.
    """
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
        words_sha256=hashlib.sha256(vocabulary.with_name(WORDS_FILE).read_bytes()).hexdigest(),
    )
