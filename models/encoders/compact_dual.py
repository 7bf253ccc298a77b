"""The compact dual encoder: a residual CNN for crops and a small BERT for descriptions.

Sources: basic residual blocks of He et al., Deep Residual Learning, 2016
(https://arxiv.org/abs/1512.03385, figure 5 left); horizontal stripes of Sun et al., Beyond Part
Models, 2018 (https://arxiv.org/abs/1711.09349); BERT of Devlin et al., 2019
(https://arxiv.org/abs/1810.04805), transformers' implementation. Small enough to ship inside the
package and to train on a CPU.
"""

from collections.abc import Sequence
from typing import Self

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from models.card import ModelCard
from models.contracts import Float32Array, NumberFormat, PersonEncoder, TextReading
from models.devices import choose_device, choose_dtype, number_format
from models.errors import CheckpointMismatch
from models.images import preprocess
from models.schema import Schema
from models.state_dicts import require_fit
from models.stored_model import StoredModel
from models.tokenizers.bert_wordpiece import Tokens, WordPieces
from models.tokenizers.whole_words import read_whole_words, whole_words
from models.unit_rows import unit_rows

VOCABULARY_FILE = "vocab.txt"
WORDS_FILE = "words.txt"
"""The whole words of the training captions, one a line, sorted."""


class CompactDualSizes(Schema):
    """The dimensions of both towers; the vocabulary's checksum is part of what the model is.

    ``words_sha256`` is that of the words the training captions had; None where no file of them
    comes with the model, which then cannot tell an unknown word.

    ``grid_height`` and ``grid_width`` are those of the last feature map at the card's image
    size; other image sizes resample the position table to theirs.
    """

    stage_widths: tuple[int, ...] = Field(min_length=1, max_length=6)
    stage_depths: tuple[int, ...] = Field(min_length=1, max_length=6)
    grid_height: int = Field(ge=1, le=64)
    grid_width: int = Field(ge=1, le=64)
    attention_heads: int = Field(ge=1, le=64)
    stripes: int = Field(ge=1, le=32)
    text_width: int = Field(ge=1, le=2048)
    text_layers: int = Field(ge=1, le=24)
    text_heads: int = Field(ge=1, le=64)
    max_tokens: int = Field(ge=3, le=512)
    vocabulary_size: int = Field(ge=5, le=1_000_000)
    vocabulary_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    words_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if len(self.stage_widths) != len(self.stage_depths):
            raise ValueError("stage_widths and stage_depths must be equally many")
        if self.stage_widths[-1] % self.attention_heads or self.text_width % self.text_heads:
            raise ValueError("a width must be a multiple of its number of attention heads")
        return self

    @property
    def feature_width(self) -> int:
        """The width of the pooled image features: one part per stripe and one maximum."""
        return self.stage_widths[-1] * (self.stripes + 1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.convolution2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        # A block that begins as its shortcut trains faster (Goyal et al. 2017, section 5.1).
        nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width, stride, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map ``(n, c, h, w)`` to ``(n, width, h / stride, w / stride)``."""
        inner = functional.relu(self.norm1(self.convolution1(maps)))
        return functional.relu(self.shortcut(maps) + self.norm2(self.convolution2(inner)))


class AttentionBlock(nn.Module):
    """One pre-norm transformer layer over the cells of a feature map."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        """Map ``(n, p, c)`` to the same shape."""
        n, p, c = cells.shape
        qkv = self.qkv(self.norm1(cells)).view(n, p, 3, self.heads, c // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # 3 times (n, heads, p, c / heads)
        scores = query @ key.transpose(-1, -2) * (c // self.heads) ** -0.5  # (n, heads, p, p)
        mixed = scores.softmax(-1).to(value.dtype) @ value
        cells = cells + self.out(mixed.transpose(1, 2).reshape(n, p, c))
        inner = functional.gelu(self.widen(self.norm2(cells)), approximate="tanh")
        return cells + torch.as_tensor(self.narrow(inner))


class ImageTower(nn.Module):
    """Residual stages, one attention block, stripes and a maximum."""

    def __init__(self, sizes: CompactDualSizes) -> None:
        super().__init__()
        width = sizes.stage_widths[0]
        self.stripes = sizes.stripes
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        stages = zip(sizes.stage_widths, sizes.stage_depths, strict=True)
        for stage, (stage_width, depth) in enumerate(stages):
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(width, stage_width, stride))
                width = stage_width
        self.body = nn.Sequential(*blocks)
        grid = (sizes.grid_height, sizes.grid_width)
        self.positions = nn.Parameter(torch.randn(1, width, *grid) * 0.02)
        self.attention = AttentionBlock(width, sizes.attention_heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to float32 features ``(n, f)``."""
        maps = self.body(self.stem(pixels.contiguous(memory_format=torch.channels_last)))
        n, c, h, w = maps.shape
        positions: torch.Tensor = self.positions
        if positions.shape[2:] != (h, w):
            positions = functional.interpolate(positions, (h, w), mode="bilinear")
        cells = (maps + positions.to(maps.dtype)).flatten(2).transpose(1, 2)  # (n, h * w, c)
        cells = self.norm(self.attention(cells)).float()
        maps = cells.transpose(1, 2).reshape(n, c, h, w)
        stripes = functional.adaptive_avg_pool2d(maps, (self.stripes, 1)).flatten(1)
        return torch.cat([stripes, maps.amax((2, 3))], dim=1)  # (n, c * (stripes + 1))


class TextTower(nn.Module):
    """BERT; its first piece's output beside the mean over all pieces."""

    def __init__(self, sizes: CompactDualSizes) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=sizes.vocabulary_size,
            hidden_size=sizes.text_width,
            num_hidden_layers=sizes.text_layers,
            num_attention_heads=sizes.text_heads,
            intermediate_size=3 * sizes.text_width,
            max_position_embeddings=sizes.max_tokens,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        # On a CPU the fused attention's gradient takes longer than all else in this tower.
        self.bert.set_attn_implementation("eager")

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Map the pieces of n descriptions to float32 features ``(n, 2 * text width)``."""
        output = self.bert(input_ids=tokens.ids, attention_mask=tokens.mask)
        pieces: torch.Tensor = output.last_hidden_state.float()  # (n, t, c)
        weights = tokens.mask.unsqueeze(-1).float()
        mean = (pieces * weights).sum(1) / weights.sum(1)
        return torch.cat([pieces[:, 0], mean], dim=1)


class CompactDual(nn.Module):
    """Both towers and their projections into the joint space."""

    def __init__(self, sizes: CompactDualSizes, embedding_width: int) -> None:
        super().__init__()
        self.image_tower = ImageTower(sizes)
        self.image_projection = nn.Linear(sizes.feature_width, embedding_width)
        self.text_tower = TextTower(sizes)
        self.text_projection = nn.Linear(2 * sizes.text_width, embedding_width)

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return pooled features float32 ``(n, f)`` of normalised pixels ``(n, 3, h, w)``."""
        features: torch.Tensor = self.image_tower(pixels)
        return features

    def image_rows(self, features: torch.Tensor) -> torch.Tensor:
        """Return unit rows float32 ``(n, d)`` of pooled image features ``(n, f)``."""
        return functional.normalize(self.image_projection(features).float(), dim=1)

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        """Return pooled features float32 ``(n, f)`` of n descriptions."""
        features: torch.Tensor = self.text_tower(tokens)
        return features

    def text_rows(self, features: torch.Tensor) -> torch.Tensor:
        """Return unit rows float32 ``(n, d)`` of pooled text features ``(n, f)``."""
        return functional.normalize(self.text_projection(features).float(), dim=1)


class CompactDualEncoder:
    """Encodes crops and descriptions with a trained ``CompactDual``.

    ``known_words`` are those of the training captions, None where they are not recorded.
    """

    def __init__(
        self,
        card: ModelCard,
        network: CompactDual,
        word_pieces: WordPieces,
        *,
        device: torch.device,
        dtype: torch.dtype,
        known_words: frozenset[str] | None = None,
    ) -> None:
        self._card = card
        self._precision = number_format(dtype)
        self._network = network.to(device).eval()
        self._word_pieces = word_pieces
        self._known_words = known_words
        self._device = device
        self._dtype = dtype

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    @property
    def precision(self) -> NumberFormat:
        """The numbers the networks multiply."""
        return self._precision

    @property
    def part_scorer(self) -> None:
        """It ranks by one vector alone."""
        return None

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``."""
        return unit_rows(images, self._image_rows, self._card.embedding_width)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``."""
        return unit_rows(texts, self._text_rows, self._card.embedding_width)

    def read_text(self, text: str) -> TextReading:
        """Return which words no training caption had, and how many word pieces are read."""
        words = whole_words(text)
        unknown = None if self._known_words is None else frozenset(words) - self._known_words
        pieces = self._word_pieces
        return TextReading(words, unknown, pieces.count(text), pieces.limit)

    def _image_rows(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = preprocess(images, self._card.image).to(self._device)
        with self._autocast():
            return self._network.image_rows(self._network.image_features(pixels))

    def _text_rows(self, texts: Sequence[str]) -> torch.Tensor:
        ids, mask = self._word_pieces(texts)
        with self._autocast():
            tokens = Tokens(ids.to(self._device), mask.to(self._device))
            return self._network.text_rows(self._network.text_features(tokens))

    def _autocast(self) -> torch.autocast:
        reduced = self._dtype is not torch.float32
        return torch.autocast(self._device.type, torch.bfloat16, enabled=reduced)


def assemble(model: StoredModel, *, device: str, precision: str) -> PersonEncoder:
    """Make an encoder of stored towers and their vocabulary.

    ``auto`` precision is fp32: the towers are small, and a crop's row must not depend on the
    other crops of its batch by more than rounding.

    Raises:
        CheckpointUnreadable: If a file is missing or damaged, or the card's sizes make no model.
        CheckpointMismatch: If the tensors or the vocabulary do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype("fp32" if precision == "auto" else precision, chosen)
    card = model.card
    sizes = model.sizes(CompactDualSizes)
    word_pieces = _read_vocabulary(model, sizes)
    known_words = _read_known_words(model, sizes)
    # A card may state sizes beyond any memory; without storage its shapes cost nothing.
    with torch.device("meta"):
        network = CompactDual(sizes, card.embedding_width)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(model.shapes, expected, model.source)
    network = CompactDual(sizes, card.embedding_width)
    network.load_state_dict(model.tensors)
    return CompactDualEncoder(
        card, network, word_pieces, device=chosen, dtype=dtype, known_words=known_words
    )


def _read_vocabulary(model: StoredModel, sizes: CompactDualSizes) -> WordPieces:
    path = model.file(VOCABULARY_FILE, sizes.vocabulary_sha256)
    word_pieces = WordPieces(path, sizes.max_tokens)
    if len(word_pieces) != sizes.vocabulary_size:
        raise CheckpointMismatch(
            f"{path} has {len(word_pieces)} word pieces, the card says {sizes.vocabulary_size}. "
            "Use the card that was exported with this vocabulary."
        )
    return word_pieces


def _read_known_words(model: StoredModel, sizes: CompactDualSizes) -> frozenset[str] | None:
    if sizes.words_sha256 is None:
        return None
    return read_whole_words(model.file(WORDS_FILE, sizes.words_sha256))
