"""MIA: a global vector for a crop and for a description, and a second stage that compares parts.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610), and
https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5, which has the first two
granularities. Departs from that code in that a checkpoint which does not fit is refused. The
third granularity is a reconstruction from the paper's plan: no figure of the paper may be
claimed for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from models.card import ModelCard
from models.contracts import Float32Array, NumberFormat, TextReading
from models.devices import choose_device, choose_dtype, number_format
from models.images import preprocess
from models.layers.mia_backbones import (
    CAPTION_LENGTH,
    MAX_PHRASES,
    PHRASE_LENGTH,
    MiaNetwork,
    MiaSizes,
    build_network,
    network_shapes,
    place,
)
from models.layers.relation_guided_attention import global_part_scores, part_part_scores
from models.mia_checkpoints import VOCABULARY_FILE, is_mia, read_fitting_vocabulary, understand
from models.parts import Parts
from models.state_dicts import Shapes, require_fit
from models.stored_model import StoredModel
from models.tokenizers.noun_phrases import default_noun_phrases
from models.tokenizers.word_vocabulary import WordVocabulary
from models.unit_rows import BATCH_SIZE, unit_rows

__all__ = ["MiaEncoder", "MiaPartScorer", "PreparedText", "assemble", "recognises", "understand"]

PhraseFinder = Callable[[str], list[str]]

_GLOBAL_PART_WEIGHT = 0.5
_PART_PART_WEIGHT = 0.5  # of the reconstruction; to be tuned on validation data


@dataclass(frozen=True)
class PreparedText:
    """What all crops need of a description, on the CPU.

    ``caption`` is ``(d)``, ``phrases`` ``(m, d)`` for the comparison with the whole crop;
    ``matched`` ``(m, d)`` for that with its stripes, None where the model has none.
    """

    caption: torch.Tensor
    phrases: torch.Tensor
    matched: torch.Tensor | None


class _TextReader:
    """Descriptions and noun phrases to vectors."""

    def __init__(self, network: MiaNetwork, vocabulary: WordVocabulary) -> None:
        self._tower = network.cap_backbone
        self._vocabulary = vocabulary

    def captions(self, texts: Sequence[str]) -> torch.Tensor:
        """Return ``(n, d)``, not normalised."""
        return self._tower.caption_features(self._ids(texts, CAPTION_LENGTH))

    def read(self, text: str) -> TextReading:
        """Return which words are in the vocabulary, and how many of a caption are read."""
        return self._vocabulary.read(text, CAPTION_LENGTH)

    def phrases(self, phrases: Sequence[str]) -> torch.Tensor:
        """Return ``(m, d)``, not normalised."""
        return self._tower.phrase_features(self._ids(phrases, PHRASE_LENGTH))

    def _ids(self, texts: Sequence[str], length: int) -> torch.Tensor:
        return self._vocabulary.tokenize(texts, length).to(self._tower.embedding.weight.device)


class MiaPartScorer:
    """Compares whole crops with noun phrases and whole descriptions with stripes.

    With the third granularity, it compares stripes with noun phrases as well; that term is a
    reconstruction, not the authors' code.
    """

    def __init__(
        self,
        card: ModelCard,
        network: MiaNetwork,
        texts: _TextReader,
        find_phrases: PhraseFinder,
    ) -> None:
        self._card = card
        self._network = network
        self._texts = texts
        self._find_phrases = find_phrases
        sizes = MiaSizes.model_validate(card.sizes)
        self._stripes = sizes.stripe_count(card.image.height)
        self._matches_parts = sizes.granularities > 2

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return the part vectors of crops: float32 ``(n, p, d)``.

        Part 0 is the crop's unit row, then come its stripes from top to bottom as the caption
        sees them and, with the third granularity, as the noun phrases do.
        """
        p = 1 + self._stripes * (2 if self._matches_parts else 1)
        parts = np.empty((len(images), p, self._card.embedding_width), np.float32)
        for start in range(0, len(images), BATCH_SIZE):
            with torch.inference_mode():
                batch = self._parts(images[start : start + BATCH_SIZE])
                parts[start : start + BATCH_SIZE] = batch.cpu().numpy()
        return parts

    @torch.inference_mode()
    def prepare(self, text: str) -> PreparedText:
        """Encode a description and its first noun phrases."""
        found = self._find_phrases(text)[:MAX_PHRASES]
        caption = self._texts.captions([text])[0]
        phrases = self._network.rga_cap_mlp(self._texts.phrases(found))
        matched = self._network.bfm_cap_mlp(phrases).cpu() if self._matches_parts else None
        # A short list is scored faster here than its parts travel to another device.
        return PreparedText(caption.cpu(), phrases.cpu(), matched)

    @torch.inference_mode()
    def score(self, prepared: PreparedText, parts: Parts) -> Float32Array:
        """Return what to add to the first stage's dot products: float32 ``(n,)``, in -1.5..1.5.

        With the dot product the first two granularities order crops as the authors' distance
        does. The third term, where the model has it, is a reconstruction, not their code.
        """
        vectors = _vectors(parts)  # (n, p, d)
        stripes = vectors[:, 1 : 1 + self._stripes]
        sides = global_part_scores(prepared.caption, prepared.phrases, vectors[:, 0], stripes)
        score = _GLOBAL_PART_WEIGHT * (sides[0] + sides[1])
        if prepared.matched is not None:
            matched = vectors[:, 1 + self._stripes :]
            directions = part_part_scores(matched, prepared.matched)
            score = score + _PART_PART_WEIGHT * (directions[0] + directions[1]) / 2
        result: Float32Array = score.numpy()
        return result

    def _parts(self, images: Sequence[Image.Image]) -> torch.Tensor:
        network, tower = self._network, self._network.img_backbone
        maps = tower.feature_maps(_pixels(images, self._card, tower.img_backbone.fc.weight.device))
        rows = functional.normalize(tower.global_features(maps), dim=1).unsqueeze(1)
        stripes = tower.stripes(maps)  # (n, p, 256)
        parts = [rows, network.rga_img_mlp(stripes)]
        if self._matches_parts:
            parts.append(network.bfm_img_mlp(stripes))
        return torch.cat(parts, dim=1)


class MiaEncoder:
    """Encodes crops and descriptions with trained towers.

    ``find_phrases`` returns the noun phrases of a description in their order, at least one.
    """

    def __init__(
        self,
        card: ModelCard,
        network: MiaNetwork,
        vocabulary: WordVocabulary,
        find_phrases: PhraseFinder,
    ) -> None:
        self._card = card
        self._precision = number_format(network.img_backbone.img_backbone.conv1.weight.dtype)
        self._tower = network.img_backbone
        self._texts = _TextReader(network, vocabulary)
        self._part_scorer = None
        if MiaSizes.model_validate(card.sizes).granularities > 1:
            self._part_scorer = MiaPartScorer(card, network, self._texts, find_phrases)

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    @property
    def precision(self) -> NumberFormat:
        """The numbers the networks multiply."""
        return self._precision

    @property
    def part_scorer(self) -> MiaPartScorer | None:
        """The comparison of parts, None for a checkpoint of the first training stage."""
        return self._part_scorer

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``."""
        return unit_rows(images, self._image_features, self._card.embedding_width)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``."""
        return unit_rows(texts, self._texts.captions, self._card.embedding_width)

    def read_text(self, text: str) -> TextReading:
        """Return what the vocabulary knows of a description, and how much is read."""
        return self._texts.read(text)

    def _image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        device = self._tower.img_backbone.fc.weight.device
        maps = self._tower.feature_maps(_pixels(images, self._card, device))
        return self._tower.global_features(maps)


def recognises(shapes: Shapes) -> bool:
    """Say whether a file with tensors of these names is one for ``understand``."""
    return is_mia(shapes)


def assemble(model: StoredModel, *, device: str, precision: str) -> MiaEncoder:
    """Make an encoder of stored networks and their vocabulary.

    Raises:
        CheckpointUnreadable: If a file is missing or damaged, or the card's sizes make no model.
        CheckpointMismatch: If the tensors or the vocabulary do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    card = model.card
    sizes = model.sizes(MiaSizes)
    path = model.file(VOCABULARY_FILE, sizes.vocabulary_sha256)
    vocabulary = read_fitting_vocabulary(path, sizes.vocabulary_size)
    require_fit(model.shapes, network_shapes(sizes, card.embedding_width), model.source)
    network = build_network(sizes, card.embedding_width, model.tensors)
    return MiaEncoder(card, place(network, chosen, dtype), vocabulary, default_noun_phrases())


def _pixels(images: Sequence[Image.Image], card: ModelCard, device: torch.device) -> torch.Tensor:
    return preprocess(images, card.image).to(device)


def _vectors(parts: Parts) -> torch.Tensor:
    vectors = torch.from_numpy(parts.values).float()
    if parts.scales is None:
        return vectors
    return vectors * torch.from_numpy(parts.scales).unsqueeze(-1)
