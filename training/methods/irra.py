"""IRRA: similarity distributions, identities, and masked words guessed from the crop.

Sources: Jiang and Ye, Cross-Modal Implicit Relation Reasoning and Aligning for Text-to-Image
Person Retrieval, CVPR 2023 (https://arxiv.org/abs/2303.12501), and its recipe at
https://github.com/anosorae/IRRA, cfc2378: OpenAI's ViT-B/16 at 384 x 128, batches of 64, 60
epochs, ``IRRA_OPTIMISER``, a cosine after five epochs of warm-up. Departs from that code in that
the text tower does not run twice on one masked caption, and that only masked positions are
scored: neither changes a loss or, up to rounding, a gradient.
"""

from typing import Annotated, Literal

from pydantic import Field

from models.tokenizers.clip_bpe import ClipBpe
from training.clip.batches import IrraBatch, IrraBatchMaker, crop_transform
from training.clip.family import ClipFamilyConfig, ClipFamilyNetwork, Precision
from training.clip.method import ClipFamilyMethod, family_card, first_network
from training.clip.rates import IRRA_OPTIMISER
from training.clip.start import read_start
from training.optimisers import OptimiserConfig
from training.terms import LossTerms

__all__ = ["IRRA_OPTIMISER", "IrraBatch", "IrraConfig", "IrraMethod", "IrraNetwork", "build"]

IrraLoss = Literal["sdm", "itc", "cmpm", "id", "mlm"]


class IrraConfig(ClipFamilyConfig):
    """Which losses, on which captions, in which precision."""

    name: Literal["irra"]
    losses: dict[IrraLoss, Annotated[float, Field(gt=0)]] = Field(
        default={"sdm": 1.0, "id": 1.0, "mlm": 1.0}, min_length=1
    )
    """Names and weights. ``sdm``: similarity distribution matching. ``itc``: the contrastive loss.
    ``cmpm``: projection matching. ``id``: who is shown. ``mlm``: masked words. Published: the
    default."""
    precision: Precision = "fp32"
    """``fp32``: weights and their moments are float32; a run may still use autocast.
    ``fp16_pure``: as in the authors' code, matrices and their moments are float16 without any
    scaling, so that small gradients vanish and ``epsilon`` has to be large; for comparison."""


class IrraNetwork(ClipFamilyNetwork):
    """Towers and heads of IRRA."""

    def forward(self, batch: IrraBatch) -> LossTerms:
        """Map a batch to the terms of the chosen losses."""
        return LossTerms(self.caption_terms(self.base_model.image_tokens(batch.pixels), batch))


class IrraMethod(ClipFamilyMethod[IrraNetwork, IrraBatch]):
    """IRRA's training."""


def build(config: IrraConfig, optimiser: OptimiserConfig, *, classes: int, seed: int) -> IrraMethod:
    """Build IRRA with the weights it starts from; the errors are those of ``read_start``.

    Args:
        config: Its choices.
        optimiser: Learning rate and weight decay of the towers; see ``clip.rates``.
        classes: How many people the training split shows.
        seed: Of the weights that no start has.
    """
    start = read_start(config)
    network = first_network(
        lambda: IrraNetwork(start, config, config.losses.items(), classes),
        start,
        seed=seed,
        precision=config.precision,
    )
    maker = IrraBatchMaker(
        transform=crop_transform(start.image, config.crops),
        tokenizer=ClipBpe(start.sizes.context_length),
        mask="mlm" in config.losses or config.mask_global_caption,
    )
    return IrraMethod(network, family_card("IRRA", config, start), maker, optimiser)
