"""How fast each part of IRRA and its successors learns.

Sources: the codes of IRRA (https://github.com/anosorae/IRRA) and SG-IHA
(https://github.com/Zjamie813/SG-IHA), which find the rates by parts of the names of tensors. The
same rates stand here as a table; what follows from the names alone, that biases of the cross
attention learn more slowly than its weights, is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from training.contracts import ParameterGroup
from training.optimisers import OptimiserConfig

IRRA_OPTIMISER = OptimiserConfig(
    kind="adam", learning_rate=1e-5, weight_decay=4e-5, betas=(0.9, 0.999), epsilon=1e-3
)
"""The authors' choice for all three. The large epsilon is what their float16 needs."""


@dataclass(frozen=True)
class Rates:
    """What the learning rate is multiplied by. Biases, those of norms too, do not decay."""

    weights: float
    biases: float


TOWERS = Rates(weights=1, biases=2)
CROSS_ATTENTION = Rates(weights=5, biases=2)
CROSS_NORMS = Rates(weights=1, biases=2)
LANGUAGE_HEAD = Rates(weights=5, biases=5)
CLASSIFIER = Rates(weights=5, biases=5)
BRIDGE = Rates(weights=5, biases=5)

RATES: dict[str, Rates] = {
    "base_model": TOWERS,
    "cross_attn": CROSS_ATTENTION,
    "cross_modal_transformer": CROSS_ATTENTION,
    "ln_pre_t": CROSS_NORMS,
    "ln_pre_i": CROSS_NORMS,
    "ln_post": CROSS_NORMS,
    "mlm_head": LANGUAGE_HEAD,
    "classifier": CLASSIFIER,
    "bridge_encoder": BRIDGE,
    "bridge_proj": BRIDGE,
}
"""By the parts of the network, which are its direct children."""


def clip_parameter_groups(network: nn.Module, optimiser: OptimiserConfig) -> list[ParameterGroup]:
    """Return the groups of a network whose direct children are all in ``RATES``."""
    groups = []
    for part, module in network.named_children():
        biases = set(_biases(module.modules()))
        weights = [parameter for parameter in module.parameters() if parameter not in biases]
        rates = RATES[part]
        groups.append(
            ParameterGroup(
                name=f"weights of {part}",
                parameters=tuple(weights),
                learning_rate=rates.weights * optimiser.learning_rate,
                weight_decay=optimiser.weight_decay,
            )
        )
        groups.append(
            ParameterGroup(
                name=f"biases of {part}",
                parameters=tuple(p for p in module.parameters() if p in biases),
                learning_rate=rates.biases * optimiser.learning_rate,
                weight_decay=0.0,
            )
        )
    return groups


def _biases(modules: Iterable[nn.Module]) -> Iterator[nn.Parameter]:
    for module in modules:
        inward = module.in_proj_bias if isinstance(module, nn.MultiheadAttention) else None
        for bias in (inward, getattr(module, "bias", None)):
            if isinstance(bias, nn.Parameter):
                yield bias
