"""What stands beside CLIP's towers in a checkpoint because training needed it, by name and shape.

Sources: the classifier and the masked-language head with its cross-modal transformer are those of
Jiang and Ye, IRRA, 2023 (https://arxiv.org/abs/2303.12501); the bridge between both towers is
that of SG-IHA (https://github.com/Zjamie813/SG-IHA). Ranking uses none of them. They are checked
all the same: a checkpoint with half a head was cut or mixed, and its towers cannot be trusted.
"""

from pathlib import Path

from models.layers.clip_towers import ClipGlobalSizes
from models.state_dicts import Shapes, require_fit

_BRIDGE = ("bridge_encoder", "bridge_proj")
_HEADS = (
    "classifier", "cross_attn", "cross_modal_transformer", "mlm_head", "ln_pre_t", "ln_pre_i",
    "ln_post", *_BRIDGE,
)  # fmt: skip
_BLOCKS = "cross_modal_transformer.resblocks."
_BRIDGE_BLOCKS = "bridge_encoder.blocks."
_MLP_RATIO = 4

_Shapes = dict[str, tuple[int, ...]]


def training_heads(found: Shapes) -> _Shapes:
    """Return those of a checkpoint's tensors that belong to a head."""
    return {name: shape for name, shape in found.items() if _head(name) in _HEADS}


def has_bridge(heads: Shapes) -> bool:
    """Say whether the bridge of SG-IHA is among the heads, or a part of it."""
    return any(_head(name) in _BRIDGE for name in heads)


def require_whole_heads(
    heads: Shapes, sizes: ClipGlobalSizes, embedding_width: int, source: Path
) -> int | None:
    """Check that each head is absent, or complete and of the size that fits the towers.

    Returns:
        How many identities the classifier knew, None without a classifier.

    Raises:
        CheckpointMismatch: If tensors of a head are missing, unexpected, or of another shape.
    """
    present = {_head(name) for name in heads}
    classes = _rows(heads, "classifier.weight", "classifier.bias")
    whole = {
        **_linear("classifier", classes, embedding_width),
        **_language_head(sizes.vocabulary_size, embedding_width, _count(heads, _BLOCKS)),
        **_bridge(sizes, embedding_width, _count(heads, _BRIDGE_BLOCKS)),
    }
    expected = {name: shape for name, shape in whole.items() if _head(name) in present}
    require_fit(heads, expected, source)
    return classes if "classifier" in present else None


def _language_head(vocabulary_size: int, width: int, depth: int) -> _Shapes:
    shapes = {
        **_attention("cross_attn", width),
        **_linear("mlm_head.dense", width, width),
        **_norm("mlm_head.ln", width),
        **_linear("mlm_head.fc", vocabulary_size, width),
    }
    for norm in ("ln_pre_t", "ln_pre_i", "ln_post"):
        shapes |= _norm(norm, width)
    for block in (f"{_BLOCKS}{n}." for n in range(depth)):
        shapes |= _attention(f"{block}attn", width)
        shapes |= _norm(f"{block}ln_1", width) | _norm(f"{block}ln_2", width)
        shapes |= _mlp(f"{block}mlp", width, ("c_fc", "c_proj"))
    return shapes


def _bridge(sizes: ClipGlobalSizes, width: int, depth: int) -> _Shapes:
    """Its query are the words, its keys the patches, gated by the image's feature."""
    shapes = _linear("bridge_proj", width, width)
    shapes |= _norm("bridge_encoder.norm1", width) | _norm("bridge_encoder.norm2", width)
    for block in (f"{_BRIDGE_BLOCKS}{n}." for n in range(depth)):
        for attention in ("attn", "bridgeattn"):
            shapes |= _linear(f"{block}{attention}.qkv", 3 * width, width)
            shapes |= _linear(f"{block}{attention}.proj", width, width)
        shapes |= _linear(f"{block}crossattn.q_question", width, sizes.text_width)
        shapes |= _linear(f"{block}crossattn.kv_video", 2 * width, sizes.vision_width)
        shapes |= _linear(f"{block}crossattn.proj", width, width)
        for norm in ("norm1", "norm2", "norm6", "norm7"):
            shapes |= _norm(block + norm, width)
        shapes |= _norm(f"{block}norm4", sizes.vision_width)
        shapes |= _norm(f"{block}norm5", sizes.text_width)
        for mlp in ("mlp", "bridge_mlp"):
            shapes |= _mlp(block + mlp, width, ("fc1", "fc2"))
        shapes |= _linear(f"{block}gate_filter.gate_linear_proj", sizes.vision_width, width)
        shapes |= _norm(f"{block}gate_filter.ln", width)
    return shapes


def _attention(name: str, width: int) -> _Shapes:
    """Return the tensors of ``nn.MultiheadAttention``, which has its own way to name them."""
    inward = {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)}
    return inward | _linear(f"{name}.out_proj", width, width)


def _mlp(name: str, width: int, layers: tuple[str, str]) -> _Shapes:
    widen, narrow = layers
    inner = _MLP_RATIO * width
    return _linear(f"{name}.{widen}", inner, width) | _linear(f"{name}.{narrow}", width, inner)


def _linear(name: str, width_out: int, width_in: int) -> _Shapes:
    return {f"{name}.weight": (width_out, width_in), f"{name}.bias": (width_out,)}


def _norm(name: str, width: int) -> _Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _head(name: str) -> str:
    return name.partition(".")[0]


def _rows(heads: Shapes, *names: str) -> int:
    """Return the first axis of the first of some tensors that has one."""
    return next((heads[name][0] for name in names if heads.get(name)), 0)


def _count(heads: Shapes, blocks: str) -> int:
    """Return how many numbered blocks there are, so that a hole in the numbers is a fault.

    At least one: what is left of a head without its blocks is no whole head.
    """
    inside = (name.removeprefix(blocks) for name in heads if name.startswith(blocks))
    return max(1, len({name.partition(".")[0] for name in inside}))
