"""CLIP's towers as training needs them: every token, inner states, and where a caption looks.

Sources: Jiang and Ye, IRRA, 2023 (https://arxiv.org/abs/2303.12501), whose code projects all
tokens, and whose names of tensors these are; SG-IHA (https://github.com/Zjamie813/SG-IHA), which
reads the states between blocks; for the attention of the end token, Tan et al., 2024
(https://arxiv.org/abs/2412.15106).
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import nn
from torch.nn import functional

from models.layers.clip_towers import ClipTowers

_VISUAL = "visual."
_TEXT = "text."


class TrainedTowers(nn.Module):
    """``ClipTowers`` by the names of IRRA's checkpoints, where the text tower has no prefix."""

    def __init__(self, towers: ClipTowers) -> None:
        super().__init__()
        self.visual = towers.visual
        self.transformer = towers.text.transformer
        self.token_embedding = towers.text.token_embedding
        self.positional_embedding = towers.text.positional_embedding
        self.ln_final = towers.text.ln_final
        self.text_projection = towers.text.text_projection

    def keep_activations(self, *, keep: bool) -> None:
        """Keep what the blocks compute for the way back, or compute it twice to save memory."""
        self.visual.transformer.grad_checkpointing = not keep
        self.transformer.grad_checkpointing = not keep

    def image_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to the class token and patches ``(n, p, d)``."""
        pooled, patches = self.visual(pixels.to(self._dtype))
        return torch.cat([pooled.unsqueeze(1), patches @ self.visual.proj], dim=1)

    def image_states(
        self, pixels: torch.Tensor, layers: Sequence[int]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return what ``image_tokens`` does, and the outputs of some blocks.

        Args:
            pixels: Normalised ``(n, 3, h, w)``.
            layers: Which blocks, counted from 1.

        Returns:
            ``(n, p, d)``, and ``(n, p, vision width)`` for each of the layers.
        """
        last = len(self.visual.transformer.resblocks)
        wanted = sorted({*layers, last})
        found = self.visual.forward_intermediates(
            pixels.to(self._dtype),
            indices=[layer - 1 for layer in wanted],
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        pairs = zip(found["image_intermediates_prefix"], found["image_intermediates"], strict=True)
        states = {layer: torch.cat(pair, dim=1) for layer, pair in zip(wanted, pairs, strict=True)}
        tokens = self.visual.ln_post(states[last]) @ self.visual.proj
        return torch.as_tensor(tokens), [states[layer] for layer in layers]

    def text_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        """Map word pieces ``(n, t)`` to projected tokens ``(n, t, d)``, on padding too."""
        states = self.transformer(self._words(ids), attn_mask=_causal_mask(ids))
        return torch.as_tensor(self.ln_final(states) @ self.text_projection)

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        """Map word pieces ``(n, t)`` to float32 ``(n, d)`` at the end token, not normalised.

        The same as ``at_end(text_tokens(ids), ids)``, without computing what follows the end.
        """
        kept = _up_to_last_end(ids)
        states = self.transformer(self._words(kept), attn_mask=_causal_mask(kept))
        chosen = _at_end(self.ln_final(states), kept)  # (n, text width)
        return torch.as_tensor(chosen @ self.text_projection).float()

    def text_states(self, ids: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Map word pieces ``(n, t)`` to the outputs of some blocks ``(n, t, text width)``.

        Blocks are counted from 1; those above the last one wanted are left out.
        """
        wanted = sorted(set(layers))
        _, states = self.transformer.forward_intermediates(
            self._words(ids),
            attn_mask=_causal_mask(ids),
            indices=[layer - 1 for layer in wanted],
            stop_early=True,
        )
        by_layer = dict(zip(wanted, states, strict=True))
        return [by_layer[layer] for layer in layers]

    def end_attention(self, ids: torch.Tensor) -> torch.Tensor:
        """Return how much the end of each caption looks at its pieces: float32 ``(l, n, t)``.

        Of each of l layers, after the softmax and averaged over the heads; a row sums to 1.
        Without gradient.
        """
        with without_gradient(ids.device):
            kept = _up_to_last_end(ids)
            unseen = _causal_mask(kept)
            states = self._words(kept)
            layers = []
            for block in self.transformer.resblocks:
                layers.append(_attention_from(block, states, kept.argmax(dim=-1)))
                states = block(states, attn_mask=unseen)
            return functional.pad(torch.stack(layers), (0, ids.shape[1] - kept.shape[1]))

    def _words(self, ids: torch.Tensor) -> torch.Tensor:
        positions = self.positional_embedding[: ids.shape[1]]
        words = self.token_embedding(ids).to(self._dtype)
        return torch.as_tensor(words + positions.to(self._dtype))

    @property
    def _dtype(self) -> torch.dtype:
        return torch.as_tensor(self.visual.conv1.weight).dtype


def at_end(tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return float32 ``(n, d)``: of tokens ``(n, t, d)`` those at the end of the captions.

    The end token has the largest number; where there are several, the first counts.
    """
    return _at_end(tokens, ids).float()


def stored_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring tensors in the names of ``TrainedTowers`` into those of ``ClipTowers``."""
    return {
        name if name.startswith(_VISUAL) else f"{_TEXT}{name}": tensor
        for name, tensor in weights.items()
    }


def trained_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring tensors in the names of ``ClipTowers`` into those of ``TrainedTowers``."""
    return {name.removeprefix(_TEXT): tensor for name, tensor in tensors.items()}


@contextlib.contextmanager
def without_gradient(device: torch.device) -> Iterator[None]:
    """Compute without gradient, under whatever autocast there is.

    Autocast remembers the weights it has cast, and those it cast here lead back to no weight:
    a later pass with gradient must not find them.
    """
    kind = device.type
    autocast = torch.autocast(
        kind,
        dtype=torch.get_autocast_dtype(kind),
        enabled=torch.is_autocast_enabled(kind),
        cache_enabled=False,
    )
    with torch.no_grad(), autocast:
        yield


def _at_end(tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    return tokens[torch.arange(len(ids), device=ids.device), ids.argmax(dim=-1)]


def _attention_from(
    block: ResidualAttentionBlock, states: torch.Tensor, ends: torch.Tensor
) -> torch.Tensor:
    attention: nn.MultiheadAttention = block.attn
    heads = attention.num_heads
    normed = block.ln_1(states)
    rows = torch.arange(len(ends), device=ends.device)
    matrices = torch.as_tensor(attention.in_proj_weight).chunk(3)
    biases = torch.as_tensor(attention.in_proj_bias).chunk(3)
    queries = functional.linear(normed[rows, ends], matrices[0], biases[0])
    keys = functional.linear(normed, matrices[1], biases[1])
    queries = queries.reshape(len(ends), heads, -1).float()  # (n, heads, w)
    keys = keys.reshape(*normed.shape[:2], heads, -1).float()  # (n, t, heads, w)
    logits = torch.einsum("nhw,nthw->nht", queries, keys) * queries.shape[-1] ** -0.5
    later = torch.arange(normed.shape[1], device=ends.device) > ends[:, None]  # (n, t)
    weights = logits.masked_fill(later[:, None], -torch.inf).softmax(dim=-1)
    return torch.as_tensor(weights.mean(dim=1))  # (n, t)


def _causal_mask(ids: torch.Tensor) -> torch.Tensor:
    length = ids.shape[1]
    return torch.full((length, length), -torch.inf, device=ids.device).triu_(1)


def _up_to_last_end(ids: torch.Tensor) -> torch.Tensor:
    return ids[:, : int(ids.argmax(dim=-1).max()) + 1]
