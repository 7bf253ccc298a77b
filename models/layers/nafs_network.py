"""NAFS whole: pixels and word pieces to global rows and to what its attention compares.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036),
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477; BERT of Devlin et al., 2019
(https://arxiv.org/abs/1810.04805), transformers' implementation. Names of modules are those of
published checkpoints. Departs from the authors' code in that a batch may hold a single crop or
text, that BERT's pooler, which nothing reads, is left out, and that towers may be smaller.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple, Self

import torch
from pydantic import Field, JsonValue, model_validator
from torch import nn
from transformers import BertConfig, BertModel

from models.layers.staircase_resnet import (
    RESNET_50,
    Block,
    ResNetSizes,
    StaircaseFeatures,
    StaircaseResNet,
)
from models.schema import Schema
from models.tokenizers.nafs_phrases import CAPTION_TOKENS, PHRASES, PieceRows

_Width = Annotated[int, Field(ge=1, le=4096)]
_Depth = Annotated[int, Field(ge=1, le=64)]


class NafsSizes(Schema):
    """The dimensions of a NAFS network, beside the card's embedding width, which is BERT's too.

    What has a value beforehand is the same in all published networks, and is stated by the cards
    of other networks alone. The vocabulary's checksum is part of what the model is.
    """

    patch_stripes: int = Field(ge=1, le=24)
    region_stripes: int = Field(ge=1, le=24)
    text_layers: int = Field(ge=1, le=48)
    text_heads: int = Field(ge=1, le=64)
    text_inner_width: int = Field(ge=1, le=16384)
    text_positions: int = Field(ge=1, le=8192)
    text_segments: int = Field(ge=1, le=16)
    text_norm_epsilon: float = Field(gt=0, le=1e-3)
    vocabulary_size: int = Field(ge=5, le=1_000_000)
    vocabulary_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    image_widths: tuple[_Width, _Width, _Width, _Width] = RESNET_50.widths
    image_depths: tuple[_Depth, _Depth, _Depth, _Depth] = RESNET_50.depths
    image_block: Block = RESNET_50.block
    caption_tokens: int = Field(default=CAPTION_TOKENS, ge=3, le=8192)

    @model_validator(mode="after")
    def _positions_suffice(self) -> Self:
        if self.text_positions < self.caption_tokens:
            raise ValueError(
                f"text_positions is {self.text_positions}, and captions have "
                f"{self.caption_tokens} tokens: it must be at least as large"
            )
        return self

    @property
    def stated(self) -> dict[str, JsonValue]:
        """What a card says: without the values that all published networks share."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def image(self) -> ResNetSizes:
        """The dimensions of the image tower."""
        return ResNetSizes(self.image_widths, self.image_depths, self.image_block)

    @property
    def text_rows(self) -> int:
        """The sentence, its phrases, and all word positions but the first and the last: 101."""
        return 1 + PHRASES + self.caption_tokens - 2

    @property
    def regions(self) -> int:
        """How many regions of a crop a text is compared with: the crop itself and all stripes."""
        return 1 + self.patch_stripes + self.region_stripes


class ImageOutputs(NamedTuple):
    """What NAFS knows of crops, float32."""

    whole: torch.Tensor
    """Global features ``(n, d)``."""
    queries: torch.Tensor
    """``(n, regions, d)``: the crop, its patches, its regions."""
    values: torch.Tensor
    """``(n, regions, d)``"""


class TextOutputs(NamedTuple):
    """What NAFS knows of texts, float32; rows are the sentence, two phrases, word positions."""

    whole: torch.Tensor
    """Global features ``(n, d)``."""
    keys: torch.Tensor
    """``(n, t, d)``; t is 101 in published networks."""
    values: torch.Tensor
    """``(n, t, d)``"""


class NafsNetwork(nn.Module):
    """The staircase, BERT, and the heads that make queries, keys and values of their outputs."""

    def __init__(self, sizes: NafsSizes, width: int) -> None:
        super().__init__()
        self.image_model = StaircaseResNet(sizes.patch_stripes, sizes.region_stripes, sizes.image)
        self.language_model = nn.ModuleDict({"textExtractor": _bert(sizes, width)})
        self.conv_images = nn.Conv2d(sizes.image.feature_width, width, 1)
        self.conv_text = nn.Conv2d(width, width, 1)
        self.bottleneck_image = nn.BatchNorm1d(width)
        self.bottleneck_text = nn.BatchNorm1d(width)
        self.local_fc_text_key = nn.Linear(width, width)
        self.local_bottleneck_text_key = nn.LayerNorm([sizes.text_rows, width])
        self.local_fc_text_value = nn.Linear(width, width)
        self.local_bottleneck_text_value = nn.LayerNorm([sizes.text_rows, width])
        self.global_image_query = nn.Linear(width, width)
        self.global_image_value = nn.Linear(width, width)
        self.fc_p2_list = _linears(sizes.patch_stripes, sizes.image.feature_width, width)
        self.fc_p3_list = _linears(sizes.region_stripes, sizes.image.feature_width, width)
        self.fc_p2_list_query = _linears(sizes.patch_stripes, width, width)
        self.fc_p2_list_value = _linears(sizes.patch_stripes, width, width)
        self.fc_p3_list_query = _linears(sizes.region_stripes, width, width)
        self.fc_p3_list_value = _linears(sizes.region_stripes, width, width)

    def image_whole(self, features: torch.Tensor) -> torch.Tensor:
        """Map the mean features of crops ``(n, c)`` to their global features ``(n, d)``."""
        return torch.as_tensor(self.bottleneck_image(_pointwise(self.conv_images, features)))

    def image_outputs(self, features: StaircaseFeatures) -> ImageOutputs:
        """Make global features, queries and values of pooled features."""
        whole = self.image_whole(features.whole)  # (n, d)
        scales = [whole, *_each(self.fc_p2_list, features.patches)]
        scales += _each(self.fc_p3_list, features.regions)
        queries = [self.global_image_query, *self.fc_p2_list_query, *self.fc_p3_list_query]
        values = [self.global_image_value, *self.fc_p2_list_value, *self.fc_p3_list_value]
        return ImageOutputs(
            whole,
            torch.stack([head(x) for head, x in zip(queries, scales, strict=True)], dim=1),
            torch.stack([head(x) for head, x in zip(values, scales, strict=True)], dim=1),
        )

    def word_states(self, pieces: PieceRows) -> torch.Tensor:
        """Return BERT's last hidden states, float32 ``(n, t, d)``."""
        output = self.language_model["textExtractor"](pieces.ids, attention_mask=pieces.mask)
        states: torch.Tensor = output.last_hidden_state
        return states.float()

    def text_whole(self, sentences: torch.Tensor) -> torch.Tensor:
        """Map the first word state of texts ``(n, d)`` to their global features ``(n, d)``."""
        return torch.as_tensor(self.bottleneck_text(_pointwise(self.conv_text, sentences)))

    def text_outputs(self, words: torch.Tensor, phrases: torch.Tensor) -> TextOutputs:
        """Make global features, keys and values of n texts.

        Args:
            words: Word states of the texts, padded to exactly ``caption_tokens`` pieces
                ``(n, t, d)``. The norms of keys and values take in all of them, those behind the
                end too.
            phrases: First word states of the phrases: ``(n, 2, d)``.
        """
        whole = self.text_whole(words[:, 0])
        rows = torch.cat([whole.unsqueeze(1), phrases, words[:, 1:-1]], dim=1)  # (n, t + 1, d)
        return TextOutputs(
            whole,
            self.local_bottleneck_text_key(self.local_fc_text_key(rows)),
            self.local_bottleneck_text_value(self.local_fc_text_value(rows)),
        )


def network_shapes(sizes: NafsSizes, width: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor of such a network, without building it."""
    with torch.device("meta"):
        network = NafsNetwork(sizes, width)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def build_network(sizes: NafsSizes, width: int, tensors: Mapping[str, torch.Tensor]) -> NafsNetwork:
    """Build a network around tensors that fit it, in float32, for inference."""
    with torch.device("meta"):  # no time and memory for random weights that are replaced at once
        network = NafsNetwork(sizes, width)
    # Copied, because tensors read from a file may be mapped: they would follow its changes.
    weights = {
        name: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
        for name, tensor in tensors.items()
    }
    network.load_state_dict(weights, assign=True)
    _restore_numbering(network.language_model["textExtractor"], sizes.text_positions)
    return network.requires_grad_(requires_grad=False).eval()


def place(network: NafsNetwork, device: torch.device, dtype: torch.dtype) -> NafsNetwork:
    """Move a network to a device, with the matrices of both towers in ``dtype``.

    Norms, embeddings, heads and the first stage of the staircase stay float32. The towers are to
    be run under autocast, which would cast weights left in float32 anew for every batch.
    """
    network.to(device)
    network.image_model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if dtype is not torch.float32:
        for tower in (*network.image_model.later_stages(), network.language_model):
            for module in tower.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.to(dtype)
    return network


def _bert(sizes: NafsSizes, width: int) -> BertModel:
    config = BertConfig(
        vocab_size=sizes.vocabulary_size,
        hidden_size=width,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=sizes.text_heads,
        intermediate_size=sizes.text_inner_width,
        max_position_embeddings=sizes.text_positions,
        type_vocab_size=sizes.text_segments,
        layer_norm_eps=sizes.text_norm_epsilon,
        hidden_act="gelu",
    )
    bert = BertModel(config, add_pooling_layer=False)
    # Measured as fast as the eager one on a CPU; it needs less memory there and everywhere.
    bert.set_attn_implementation("sdpa")
    return bert


def _restore_numbering(bert: nn.Module, positions: int) -> None:
    """Make the counting buffers again, which are no weights and so were left without storage."""
    embeddings = bert.get_submodule("embeddings")
    embeddings.position_ids = torch.arange(positions).unsqueeze(0)
    embeddings.token_type_ids = torch.zeros(1, positions, dtype=torch.long)


def _linears(count: int, width_in: int, width: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(width_in, width) for _ in range(count))


def _each(heads: nn.ModuleList, parts: torch.Tensor) -> list[torch.Tensor]:
    return [head(part) for head, part in zip(heads, parts.unbind(1), strict=True)]


def _pointwise(convolution: nn.Conv2d, rows: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(convolution(rows[:, :, None, None]))[:, :, 0, 0]  # (n, d)
