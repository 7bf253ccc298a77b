"""The bridge of SG-IHA: answer a question about a crop from the towers' inner states.

Sources: the code of SG-IHA (https://github.com/Zjamie813/SG-IHA), after the bridge of Ge et al.,
Bridging Video-text Retrieval with Multiple Choice Questions, CVPR 2022
(https://arxiv.org/abs/2201.04850, section 3.2). Each block filters the patches of one layer by a
gate made of the crop's feature, lets the question look at them, and lets the question's words
look at each other. The paper draws the gate as linear, norm, sigmoid; like the code, this has
norm, linear, sigmoid. Modules that never take part in that code (``norm1``, ``attn``, ``norm2``
and ``mlp`` of a block, ``norm1`` of the whole) are here because its checkpoints hold them; they
are frozen, which is what a gradient that never comes amounts to.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Gate = Literal["after_proj_dot_filter", "res_filter"]

_MLP_RATIO = 4
_EPSILON = 1e-6  # of the blocks' norms; the gate's norm has torch's own 1e-5
_HIDDEN = -10_000.0  # what is added to the attention on padding
_FIRST_STD = 0.02


class BridgeEncoder(nn.Module):
    """One block for each of some layers of both towers."""

    def __init__(
        self,
        *,
        width: int,
        vision_width: int,
        text_width: int,
        blocks: int,
        heads: int,
        gate: Gate,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            BridgeBlock(width, vision_width, text_width, heads, gate) for _ in range(blocks)
        )
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=_FIRST_STD)
                nn.init.zeros_(module.bias)
        for unused in self.unused_modules():
            unused.requires_grad_(requires_grad=False)

    def unused_modules(self) -> Iterator[nn.Module]:
        """Yield what only stands in the checkpoints and takes no part."""
        yield self.norm1
        for block in self.blocks:
            for name in ("norm1", "attn", "norm2", "mlp"):
                yield block.get_submodule(name)

    def forward(
        self,
        crops: torch.Tensor,
        image_states: Sequence[torch.Tensor],
        question_states: Sequence[torch.Tensor],
        attention_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return what the bridge makes of the questions' words: ``(n, t, d)``.

        Args:
            crops: The crops' features, of any length ``(n, d)``.
            image_states: Of each layer the class token and the patches ``(n, p, vision width)``.
            question_states: Of the same layers the questions' words ``(n, t, text width)``.
            attention_mask: 1 where a question has a word, 0 on its padding ``(n, t)``.
        """
        bridged: torch.Tensor | None = None
        layers = zip(self.blocks, image_states, question_states, strict=True)
        for block, image, question in layers:
            bridged = block(crops, image, question, attention_mask, bridged)
        return torch.as_tensor(self.norm2(bridged))


class BridgeBlock(nn.Module):
    """Gate, attention of words on patches, attention among words, MLP."""

    def __init__(
        self, width: int, vision_width: int, text_width: int, heads: int, gate: Gate
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = WordAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Mlp(width)
        self.gate_filter = GateFilter(width, vision_width, gate)
        self.norm4 = nn.LayerNorm(vision_width, eps=_EPSILON)
        self.norm5 = nn.LayerNorm(text_width, eps=_EPSILON)
        self.crossattn = QuestionAttention(width, vision_width, text_width, heads)
        self.norm7 = nn.LayerNorm(width, eps=_EPSILON)
        self.bridgeattn = WordAttention(width, heads)
        self.norm6 = nn.LayerNorm(width, eps=_EPSILON)
        self.bridge_mlp = Mlp(width)

    def forward(
        self,
        crops: torch.Tensor,
        image: torch.Tensor,
        question: torch.Tensor,
        attention_mask: torch.Tensor,
        below: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the words' states ``(n, t, d)`` on top of those of the block ``below``."""
        filtered = self.gate_filter(crops, image)
        patches = filtered[:, 1:]  # without the class token
        states = self.crossattn(self.norm5(question), self.norm4(patches))
        if below is not None:
            states = states + below
        states = states + self.bridgeattn(self.norm7(states), attention_mask)
        return torch.as_tensor(states + self.bridge_mlp(self.norm6(states)))


class GateFilter(nn.Module):
    """Weakens channels of the patches that the crop's feature does not ask for."""

    def __init__(self, width: int, vision_width: int, gate: Gate) -> None:
        super().__init__()
        self.gate_linear_proj = nn.Linear(width, vision_width)
        self.ln = nn.LayerNorm(width)
        self._gate = gate

    def forward(self, crops: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Map features ``(n, d)`` and tokens ``(n, p, vision width)`` to filtered tokens."""
        opening = self.gate_linear_proj(self.ln(crops)).unsqueeze(1)  # (n, 1, vision width)
        filtered = tokens * opening.sigmoid()
        return torch.as_tensor(filtered + opening if self._gate == "res_filter" else filtered)


class QuestionAttention(nn.Module):
    """A question's words look at patches."""

    def __init__(self, width: int, vision_width: int, text_width: int, heads: int) -> None:
        super().__init__()
        self.q_question = nn.Linear(text_width, width)
        self.kv_video = nn.Linear(vision_width, 2 * width)
        self.proj = nn.Linear(width, width)
        self._heads = heads

    def forward(self, words: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Map words ``(n, t, text width)`` and patches ``(n, p, vision width)`` to words."""
        keys, values = self.kv_video(patches).chunk(2, dim=-1)
        queries = self.q_question(words)
        return torch.as_tensor(self.proj(_attend(queries, keys, values, self._heads)))


class WordAttention(nn.Module):
    """Words look at each other, but not at padding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self._heads = heads

    def forward(self, words: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Map words ``(n, t, d)`` to words; ``attention_mask`` is 1 on words ``(n, t)``."""
        queries, keys, values = self.qkv(words).chunk(3, dim=-1)
        hidden = (1 - attention_mask.to(queries.dtype)) * _HIDDEN
        hidden = hidden[:, None, None]  # (n, 1, 1, t)
        return torch.as_tensor(self.proj(_attend(queries, keys, values, self._heads, hidden)))


class Mlp(nn.Module):
    """Widen, GELU, narrow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, _MLP_RATIO * width)
        self.fc2 = nn.Linear(_MLP_RATIO * width, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Map ``(..., d)`` to ``(..., d)``."""
        return torch.as_tensor(self.fc2(functional.gelu(self.fc1(states))))


def _attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    heads: int,
    added: torch.Tensor | None = None,
) -> torch.Tensor:
    attended = functional.scaled_dot_product_attention(
        _split(queries, heads), _split(keys, heads), _split(values, heads), attn_mask=added
    )
    return attended.transpose(1, 2).flatten(2)  # (n, t, d)


def _split(states: torch.Tensor, heads: int) -> torch.Tensor:
    n, t, width = states.shape
    return states.reshape(n, t, heads, width // heads).transpose(1, 2)  # (n, heads, t, d / heads)
