"""Guess the masked word pieces of a caption from the rest of it and from the crop.

Source: the implicit relation reasoning module of Jiang and Ye, IRRA, CVPR 2023
(https://arxiv.org/abs/2303.12501, section 3.2; https://github.com/anosorae/IRRA). Like that code,
it has no residual around the cross attention and hides no padding. Departs from it in one place:
only the positions that are asked for are scored, which changes neither the loss nor a gradient.
"""

from collections import OrderedDict

import torch
from open_clip.transformer import LayerNormFp32, QuickGELU, Transformer
from torch import nn

HEAD_WIDTH = 64  # of every attention in this family


class MaskedLanguageHead(nn.Module):
    """Words that look at patches, then at each other, and a score of every word piece.

    The names are those of the authors' checkpoints, which have them beside the towers.
    """

    def __init__(self, width: int, vocabulary_size: int, layers: int) -> None:
        super().__init__()
        heads = width // HEAD_WIDTH
        self.cross_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.cross_modal_transformer = Transformer(
            width, layers, heads, act_layer=QuickGELU, norm_layer=LayerNormFp32
        )
        self.ln_pre_t = LayerNormFp32(width)
        self.ln_pre_i = LayerNormFp32(width)
        self.ln_post = LayerNormFp32(width)
        self.mlm_head = nn.Sequential(
            OrderedDict(
                dense=nn.Linear(width, width),
                gelu=QuickGELU(),
                ln=LayerNormFp32(width),
                fc=nn.Linear(width, vocabulary_size),
            )
        )
        self._fill_at_random(width, layers)

    def cross_former(self, words: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Map tokens of captions ``(n, t, d)`` and of crops ``(n, p, d)`` to ``(n, t, d)``."""
        seen = self.ln_pre_i(patches)
        gathered, _ = self.cross_attn(self.ln_pre_t(words), seen, seen, need_weights=False)
        return torch.as_tensor(self.ln_post(self.cross_modal_transformer(gathered)))

    def forward(
        self, words: torch.Tensor, patches: torch.Tensor, asked: torch.Tensor
    ) -> torch.Tensor:
        """Return the scores of every word piece where ``asked``: float32 ``(m, vocabulary)``.

        Args:
            words: Projected tokens of masked captions ``(n, t, d)``.
            patches: Projected tokens of their crops ``(n, p, d)``.
            asked: Which positions are wanted: bool ``(n, t)``, m of them true.
        """
        states = self.cross_former(words, patches)[asked]  # (m, d)
        return torch.as_tensor(self.mlm_head(states)).float()

    def _fill_at_random(self, width: int, layers: int) -> None:
        """Draw the weights as the authors do; biases keep torch's first values."""
        inward, residual = width**-0.5, width**-0.5 * (2 * layers) ** -0.5
        widening = (2 * width) ** -0.5
        blocks = self.cross_modal_transformer.resblocks
        for attention in (self.cross_attn, *(block.attn for block in blocks)):
            nn.init.normal_(attention.in_proj_weight, std=inward)
            nn.init.normal_(attention.out_proj.weight, std=residual)
        for block in blocks:
            nn.init.normal_(block.mlp.c_fc.weight, std=widening)
            nn.init.normal_(block.mlp.c_proj.weight, std=residual)
        nn.init.normal_(self.mlm_head.get_parameter("dense.weight"), std=widening)
        nn.init.normal_(self.mlm_head.get_parameter("fc.weight"), std=residual)
