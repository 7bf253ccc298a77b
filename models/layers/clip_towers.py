"""CLIP's two transformers with every token readable, sized for upright person crops.

Sources: Radford et al., CLIP, 2021 (https://arxiv.org/abs/2103.00020, section 2.4), the blocks
being open_clip's; Jiang and Ye, IRRA, 2023 (https://arxiv.org/abs/2303.12501), whose code
projects all tokens instead of one, lets patches overlap, and resizes the position embedding.
"""

import math
from collections.abc import Mapping

import torch
from open_clip.model import convert_weights_to_lp
from open_clip.transformer import LayerNormFp32, QuickGELU, TextTransformer, VisionTransformer
from pydantic import Field
from torch import nn
from torch.nn import functional

from models.card import ImagePreprocessing
from models.schema import Schema

_HEAD_WIDTH = 64  # of all CLIP transformers


class ClipGlobalSizes(Schema):
    """The dimensions of both towers, beside the card's image size and embedding width.

    Patches are squares of ``patch_size`` pixels every ``stride`` pixels.
    """

    patch_size: int = Field(ge=1, le=64)
    stride: int = Field(ge=1, le=64)
    vision_width: int = Field(ge=_HEAD_WIDTH, le=4096, multiple_of=_HEAD_WIDTH)
    vision_layers: int = Field(ge=1, le=64)
    text_width: int = Field(ge=_HEAD_WIDTH, le=4096, multiple_of=_HEAD_WIDTH)
    text_layers: int = Field(ge=1, le=64)
    context_length: int = Field(ge=3, le=512)
    vocabulary_size: int = Field(ge=4, le=1_000_000)

    def grid(self, image: ImagePreprocessing) -> tuple[int, int]:
        """Return how many patches fit into the image: rows, columns."""
        return (
            (image.height - self.patch_size) // self.stride + 1,
            (image.width - self.patch_size) // self.stride + 1,
        )


class ClipTowers(nn.Module):
    """Pixels and word numbers to tokens and features of one width d."""

    def __init__(
        self, sizes: ClipGlobalSizes, image: ImagePreprocessing, embedding_width: int
    ) -> None:
        super().__init__()
        rows, columns = sizes.grid(image)
        patch, width = sizes.patch_size, sizes.vision_width
        self.visual = VisionTransformer(
            # Of this size only the grid is used; overlapping patches cover less than it says.
            image_size=(rows * patch, columns * patch),
            patch_size=patch,
            width=width,
            layers=sizes.vision_layers,
            heads=width // _HEAD_WIDTH,
            mlp_ratio=4.0,
            output_dim=embedding_width,
            act_layer=QuickGELU,
            norm_layer=LayerNormFp32,
            output_tokens=True,
        )
        if sizes.stride != patch:
            self.visual.conv1 = nn.Conv2d(3, width, patch, sizes.stride, bias=False)
        self.text = TextTransformer(
            context_length=sizes.context_length,
            vocab_size=sizes.vocabulary_size,
            width=sizes.text_width,
            layers=sizes.text_layers,
            heads=sizes.text_width // _HEAD_WIDTH,
            output_dim=embedding_width,
            act_layer=QuickGELU,
            norm_layer=LayerNormFp32,
        )

    def image_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to the class token and patches ``(n, t, d)``."""
        pooled, patches = self.visual(pixels.to(self._dtype))
        return torch.cat([pooled.unsqueeze(1), patches @ self.visual.proj], dim=1)

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to float32 ``(n, d)``, not normalised."""
        pooled, _ = self.visual(pixels.to(self._dtype))
        return torch.as_tensor(pooled).float()

    def text_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        """Map word numbers ``(n, t)`` to projected tokens ``(n, t, d)``."""
        return torch.as_tensor(self._text_states(ids) @ self.text.text_projection)

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        """Map word numbers ``(n, t)`` to float32 ``(n, d)`` at the end token, not normalised.

        The end token has the largest number; where there are several, the first counts. What
        follows it is not computed: no token sees a later one.
        """
        ends = ids.argmax(dim=-1)  # (n,)
        states = self._text_states(ids[:, : int(ends.max()) + 1])
        chosen = states[torch.arange(len(ids), device=ids.device), ends]  # (n, text width)
        return torch.as_tensor(chosen @ self.text.text_projection).float()

    def _text_states(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        words = self.text.token_embedding(ids) + self.text.positional_embedding[:length]
        unseen = self.text.attn_mask[:length, :length]
        states = self.text.transformer(words.to(self._dtype), attn_mask=unseen)
        return torch.as_tensor(self.text.ln_final(states))  # (n, t, text width)

    @property
    def _dtype(self) -> torch.dtype:
        return torch.as_tensor(self.visual.conv1.weight).dtype


def tower_shapes(
    sizes: ClipGlobalSizes, image: ImagePreprocessing, embedding_width: int
) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor of such towers, without building them."""
    with torch.device("meta"):
        towers = ClipTowers(sizes, image, embedding_width)
    return {name: tuple(tensor.shape) for name, tensor in towers.state_dict().items()}


def build_towers(
    sizes: ClipGlobalSizes,
    image: ImagePreprocessing,
    embedding_width: int,
    tensors: Mapping[str, torch.Tensor],
) -> ClipTowers:
    """Build towers around tensors that fit them, in float32, for inference."""
    with torch.device("meta"):  # no time and memory for random weights that are replaced at once
        towers = ClipTowers(sizes, image, embedding_width)
    # Copied, because tensors read from a file may be mapped: they would follow its changes.
    weights = {
        name: tensor.to(torch.float32, copy=True).contiguous() for name, tensor in tensors.items()
    }
    towers.load_state_dict(weights, assign=True)
    towers.text.attn_mask = towers.text.build_causal_mask()  # not a weight, so still "meta"
    return towers.requires_grad_(requires_grad=False).eval()


def place(towers: ClipTowers, device: torch.device, dtype: torch.dtype) -> ClipTowers:
    """Move towers to a device with their matrices in ``dtype``; norms and embeddings stay float32.

    The weights are cast instead of using autocast, which copies weights for every token here.
    """
    towers.to(device)
    if dtype is not torch.float32:
        convert_weights_to_lp(towers, dtype)
    return towers


def resize_position_embedding(embedding: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Stretch the embedding of a square grid to another one.

    Args:
        embedding: ``(1 + side * side, width)``, the class token's row first.
        grid: Rows and columns wanted.

    Returns:
        float32 ``(1 + rows * columns, width)``, patches row by row. Bilinear, without
        antialiasing, as IRRA does.

    Raises:
        ValueError: If the source grid is not square.
    """
    token, patches = embedding[:1].float(), embedding[1:].float()
    side = math.isqrt(len(patches))
    if side * side != len(patches):
        raise ValueError(f"{len(patches)} patches are no square grid")
    if (side, side) == grid:
        return torch.cat([token, patches])
    planes = patches.T.reshape(1, -1, side, side)  # (1, width, side, side)
    planes = functional.interpolate(planes, grid, mode="bilinear", align_corners=False)
    return torch.cat([token, planes.flatten(2)[0].T])
