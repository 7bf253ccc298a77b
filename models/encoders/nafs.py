"""NAFS: a global vector for a crop and for a text, and a second stage of parts and words.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036);
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477, whose network
https://github.com/TencentYoutuResearch/PersonReID-YouReID at 4c6a75d repeats. Its similarity is
the cosine of the global vectors plus the alignment of ``models/part_alignment.py``. Departs from
the authors' code in that a user's text never becomes a special token, that batches of one work,
and that the similarity from text to image, which that code throws away, is not computed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from models.card import ModelCard
from models.contracts import Float32Array, NumberFormat, TextReading
from models.devices import choose_device, choose_dtype, number_format
from models.images import preprocess
from models.layers.nafs_network import (
    ImageOutputs,
    NafsNetwork,
    NafsSizes,
    build_network,
    network_shapes,
    place,
)
from models.nafs_checkpoints import (
    VOCABULARY_FILE,
    is_nafs,
    require_fitting_vocabulary,
    understand,
)
from models.part_alignment import AttendedText, alignment, attend
from models.parts import Parts
from models.state_dicts import Shapes, require_fit
from models.stored_model import StoredModel
from models.tokenizers.nafs_phrases import NafsPhrases, PieceRows
from models.tokenizers.whole_words import whole_words
from models.unit_rows import unit_rows

__all__ = ["NafsEncoder", "NafsPartScorer", "assemble", "recognises", "understand"]

_CROPS_AT_ONCE = 16  # more is no faster on a CPU, and the first maps are large


class Crops(NamedTuple):
    """Both stages of n crops, from one pass through the network; unit vectors, float32."""

    rows: Float32Array
    """``(n, d)``, as ``encode_images`` gives them."""
    parts: Float32Array
    """``(n, p, d)``, as ``encode_parts`` gives them."""


class NafsEncoder:
    """Encodes crops and texts by their global vectors, and has a second stage."""

    def __init__(
        self,
        card: ModelCard,
        network: NafsNetwork,
        phrases: NafsPhrases,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._card = card
        self._precision = number_format(dtype)
        self._phrases = phrases
        self._device = device
        self._reduced = dtype is not torch.float32
        self._part_scorer = NafsPartScorer(self)
        self.network = place(network, device, dtype)
        self.sizes = NafsSizes.model_validate(card.sizes)

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    @property
    def precision(self) -> NumberFormat:
        """The numbers the networks multiply."""
        return self._precision

    @property
    def part_scorer(self) -> "NafsPartScorer":
        """The second stage."""
        return self._part_scorer

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``.

        Runs the trunk alone, which is half of the network: where parts are wanted too,
        ``encode_crops`` is faster than both in turn.
        """
        return unit_rows(images, self._image_rows, self._card.embedding_width)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per text: float32 ``(n, d)``."""
        return unit_rows(texts, self._text_rows, self._card.embedding_width)

    def read_text(self, text: str) -> TextReading:
        """Return how much of a text is read; its word pieces do not tell which words it learned."""
        tokens = self._phrases.count(text)
        return TextReading(whole_words(text), None, tokens, self._phrases.limit)

    def encode_crops(self, images: Sequence[Image.Image]) -> Crops:
        """Return the rows and the parts of crops from one pass."""
        width = self._card.embedding_width
        rows = np.empty((len(images), width), np.float32)
        parts = np.empty((len(images), 2 * self.sizes.regions, width), np.float32)
        for start in range(0, len(images), _CROPS_AT_ONCE):
            outputs = self._image_outputs(images[start : start + _CROPS_AT_ONCE])
            both = torch.cat([outputs.queries, outputs.values], dim=1)  # (n, p, d)
            end = start + len(both)
            rows[start:end] = functional.normalize(outputs.whole, dim=-1).cpu().numpy()
            parts[start:end] = functional.normalize(both, dim=-1).cpu().numpy()
        return Crops(rows, parts)

    @torch.inference_mode()
    def attend(self, text: str) -> AttendedText:
        """Return what the second stage compares crops with."""
        caption = self._phrases.captions([text], honour_special=False)
        phrases = self._phrases.phrases([text], honour_special=False).trimmed()
        # The caption keeps its padding: it is part of what the norms of keys and values see.
        words = self._word_states(caption)  # (1, t, d)
        firsts = self._word_states(phrases)[:, 0]  # (2, d)
        outputs = self.network.text_outputs(words, firsts.unsqueeze(0))
        # Two phrases make two rows more, not three: a row behind the end is attended, as in the
        # authors' code, from the commit that their published weights belong to.
        attended = min(int(caption.counts[0]) + 3, self.sizes.text_rows)
        return attend(outputs.keys[0, :attended], outputs.values[0, :attended])

    def _image_rows(self, images: Sequence[Image.Image]) -> torch.Tensor:
        rows = []
        for start in range(0, len(images), _CROPS_AT_ONCE):
            pixels = self._pixels(images[start : start + _CROPS_AT_ONCE])
            with self._autocast():
                features = self.network.image_model.whole(pixels)
            rows.append(self.network.image_whole(features))
        return torch.cat(rows)

    def _text_rows(self, texts: Sequence[str]) -> torch.Tensor:
        captions = self._phrases.captions(texts, honour_special=False)
        # The first piece sees no padding, so that none is needed here.
        return self.network.text_whole(self._word_states(captions.trimmed())[:, 0])

    @torch.inference_mode()
    def _image_outputs(self, images: Sequence[Image.Image]) -> ImageOutputs:
        with self._autocast():
            features = self.network.image_model(self._pixels(images))
        return self.network.image_outputs(features)

    def _word_states(self, pieces: PieceRows) -> torch.Tensor:
        moved = PieceRows(pieces.ids.to(self._device), pieces.mask.to(self._device))
        with self._autocast():
            return self.network.word_states(moved)

    def _pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = preprocess(images, self._card.image).to(self._device)
        return pixels.contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._reduced)


class NafsPartScorer:
    """Compares what NAFS sees at three scales of a crop with the words of a text."""

    def __init__(self, encoder: NafsEncoder) -> None:
        self._encoder = encoder

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return unit vectors, the queries of all regions, then their values: ``(n, p, d)``."""
        return self._encoder.encode_crops(images).parts

    def prepare(self, text: str) -> AttendedText:
        """Return the keys and values of the words of a text, ready for any number of crops."""
        return self._encoder.attend(text)

    def score(self, prepared: AttendedText, parts: Parts) -> Float32Array:
        """Return the alignment of n crops with a text: float32 ``(n,)``, each in -1..1."""
        return alignment(prepared, parts)


def recognises(shapes: Shapes) -> bool:
    """Say whether a file with tensors of these names is one for ``understand``."""
    return is_nafs(shapes)


def assemble(model: StoredModel, *, device: str, precision: str) -> NafsEncoder:
    """Make an encoder of a stored network and its vocabulary.

    Raises:
        CheckpointUnreadable: If a file is missing or damaged, or the card's sizes make no model.
        CheckpointMismatch: If the tensors or the vocabulary do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    card = model.card
    sizes = model.sizes(NafsSizes)
    path = model.file(VOCABULARY_FILE, sizes.vocabulary_sha256)
    phrases = NafsPhrases(path, sizes.caption_tokens)
    require_fitting_vocabulary(phrases, sizes, path)
    require_fit(model.shapes, network_shapes(sizes, card.embedding_width), model.source)
    network = build_network(sizes, card.embedding_width, model.tensors)
    return NafsEncoder(card, network, phrases, device=chosen, dtype=dtype)
