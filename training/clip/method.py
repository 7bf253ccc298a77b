"""How a network of IRRA's family gets its first weights, is trained, validated and exported."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import torch

from models.card import WEIGHTS_FILE, ModelCard
from models.encoders.clip_global import ClipGlobalEncoder
from models.errors import CheckpointMismatch
from models.layers.clip_towers import ClipGlobalSizes, build_towers
from models.state_dicts import require_fit
from models.stored_model import StoredModel
from models.tokenizers.clip_bpe import VOCABULARY_SIZE
from training.clip.family import ClipFamilyConfig, ClipFamilyNetwork, Precision
from training.clip.rates import clip_parameter_groups
from training.clip.start import ClipStart
from training.clip.trained_towers import stored_names
from training.contracts import BatchMaker, ParameterGroup
from training.optimisers import OptimiserConfig

BatchT = TypeVar("BatchT")
NetworkT = TypeVar("NetworkT", bound=ClipFamilyNetwork)

_TOWERS = "base_model."
_UNWRITTEN = "0" * 64


class ClipFamilyMethod(Generic[NetworkT, BatchT]):
    """A network of the family, and how it is trained and exported."""

    def __init__(
        self,
        network: NetworkT,
        card: ModelCard,
        maker: BatchMaker[BatchT],
        optimiser: OptimiserConfig,
    ) -> None:
        self._network = network
        self._card = card
        self._maker = maker
        self._optimiser = optimiser

    @property
    def network(self) -> NetworkT:
        """All weights; its forward maps a batch to ``LossTerms``."""
        return self._network

    @property
    def batch_maker(self) -> BatchMaker[BatchT]:
        """Makes the batches that the network's forward takes.

        Raises:
            CheckpointMismatch: If the towers know another vocabulary than CLIP's.
        """
        known = self._card.sizes["vocabulary_size"]
        if known != VOCABULARY_SIZE:
            raise CheckpointMismatch(
                f"the towers know {known} word pieces, CLIP's vocabulary has {VOCABULARY_SIZE}: "
                "captions cannot be read with them. Start from a model with CLIP's vocabulary."
            )
        return self._maker

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the authors' groups, by parts of the network."""
        return clip_parameter_groups(self._network, self._optimiser)

    def stored_model(self, weights: Mapping[str, torch.Tensor]) -> StoredModel:
        """Return the towers alone, as ``clip_global``, in the types they are trained in."""
        return StoredModel(self._card, _towers(weights), {}, source=Path(WEIGHTS_FILE))

    def encoder(self) -> ClipGlobalEncoder:
        """Return an encoder over a float32 copy of the network's present towers."""
        card, tensors = self._card, _towers(self._network.state_dict())
        sizes = ClipGlobalSizes.model_validate(card.sizes)
        towers = build_towers(sizes, card.image, card.embedding_width, tensors)
        device = self._network.base_model.text_projection.device
        return ClipGlobalEncoder(card, towers, device=device, dtype=torch.float32)


def first_network(
    make: Callable[[], NetworkT], start: ClipStart, *, seed: int, precision: Precision
) -> NetworkT:
    """Make a network: random where the start has nothing, the same for the same seed.

    Raises:
        CheckpointMismatch: If heads are kept that do not fit, or none of them is needed.
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the accelerators.
        torch.default_generator.manual_seed(seed)
        network = make()
    network.load_state_dict({**start.towers, **_fitting_heads(network, start)}, strict=False)
    if precision == "fp16_pure":
        network.halve()
    return network


def family_card(method: str, config: ClipFamilyConfig, start: ClipStart) -> ModelCard:
    """Return the card of what a run exports; its provenance holds the method's choices."""
    return ModelCard(
        name=method,
        architecture="clip_global",
        method=method,
        embedding_width=start.embedding_width,
        image=start.image,
        sizes=start.sizes.model_dump(),
        weights_sha256=_UNWRITTEN,
        provenance={
            # Without the path of the start, which is of no use elsewhere.
            "objective": config.model_dump_json(exclude={"start"}),
            "start": start.called,
        },
    )


def _towers(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return stored_names(
        {
            name.removeprefix(_TOWERS): tensor
            for name, tensor in weights.items()
            if name.startswith(_TOWERS)
        }
    )


def _fitting_heads(network: ClipFamilyNetwork, start: ClipStart) -> dict[str, torch.Tensor]:
    """Return the start's heads that the network has too, each of them whole.

    Raises:
        CheckpointMismatch: If there are none, or one does not fit.
    """
    if not start.heads:
        return {}
    wanted = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.startswith(_TOWERS)
    }
    held = {name.partition(".")[0] for name in start.heads}
    shared = held & {name.partition(".")[0] for name in wanted}
    if not shared:
        raise CheckpointMismatch(
            f"{start.called} holds {', '.join(sorted(held))}, of which this method has none: set "
            "keep_heads to false"
        )
    expected = {name: shape for name, shape in wanted.items() if name.partition(".")[0] in shared}
    heads = {name: t for name, t in start.heads.items() if name.partition(".")[0] in shared}
    try:
        require_fit({name: tuple(t.shape) for name, t in heads.items()}, expected, Path("start"))
    except CheckpointMismatch as error:
        raise CheckpointMismatch(
            f"the heads of {start.called} cannot be kept: {error} Or set keep_heads to false."
        ) from error
    return heads
