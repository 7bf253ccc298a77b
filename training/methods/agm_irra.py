"""AGM-IRRA: IRRA with masks where the text tower looks, or as its code was published.

Sources: the code of AGM-IRRA, https://github.com/ducnguyen2012/AGMfIRRA at e780e0c, which masks
at random like IRRA (its masking module changes nothing) and adds a contrastive loss, ``cmt``; the
idea of masking what attention marks as important is that of Tan et al., 2024
(https://arxiv.org/abs/2412.15106), whose formulas could not be had. Mode ``agm`` is therefore our
own definition (``caption_masking.guided_probabilities``), and no published figure belongs to it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.tokenizers.clip_bpe import ClipBpe
from training.clip.batches import (
    GuidedBatch,
    GuidedBatchMaker,
    IrraBatch,
    IrraBatchMaker,
    crop_transform,
)
from training.clip.caption_masking import GuidedMasking, guided_probabilities, mask_by_probability
from training.clip.family import ClipFamilyConfig, ClipFamilyNetwork, Precision
from training.clip.method import ClipFamilyMethod, family_card, first_network
from training.clip.start import ClipStart, read_start
from training.optimisers import OptimiserConfig
from training.terms import LossTerms

AgmIrraLoss = Literal["sdm", "itc", "cmpm", "id", "mlm", "cmt"]
AgmIrraBatch = IrraBatch | GuidedBatch

SPECIAL_PIECES = 3  # the last of the vocabulary: mask, start, end


class AgmIrraConfig(ClipFamilyConfig):
    """Which masking, and what IRRA has to choose."""

    name: Literal["agm_irra"]
    masking: Literal["random", "agm", "published"] = "published"
    """``random``: IRRA's, and its losses. ``agm``: in each step, the pieces that the end of the
    clean caption looks at are the likeliest to be hidden. ``published``: what the authors' code
    does, random masking and the loss ``cmt``."""
    losses: dict[AgmIrraLoss, Annotated[float, Field(gt=0)]] = Field(
        default={"sdm": 1.0, "id": 1.0, "mlm": 1.0, "cmt": 1.0}, min_length=1
    )
    """Names and weights, IRRA's and ``cmt``: the contrastive loss at a scale of 250, which
    ``published`` needs, ``random`` must not have, and ``agm`` may have."""
    guide: GuidedMasking = GuidedMasking()
    """Of ``agm``: how attention becomes a probability."""
    precision: Precision = "fp32"
    """As in IRRA."""

    @model_validator(mode="after")
    def _losses_fit_the_masking(self) -> Self:
        has_cmt = "cmt" in self.losses
        if self.masking == "published" and not has_cmt:
            raise ValueError("published masking comes with the loss cmt: add it, or say random")
        if self.masking == "random" and has_cmt:
            raise ValueError(
                "random masking is IRRA's, without cmt: leave it out, or say published"
            )
        if self.masking == "agm" and "mlm" not in self.losses and not self.mask_global_caption:
            raise ValueError(
                "nothing sees what agm masks: add the loss mlm, or set mask_global_caption"
            )
        return self


class AgmIrraNetwork(ClipFamilyNetwork):
    """Towers and heads of IRRA; masks the captions of a ``GuidedBatch`` itself."""

    def __init__(self, start: ClipStart, config: AgmIrraConfig, classes: int) -> None:
        super().__init__(start, config, config.losses.items(), classes)
        self._guide = config.guide
        self._mask_id = start.sizes.vocabulary_size - SPECIAL_PIECES

    def forward(self, batch: AgmIrraBatch) -> LossTerms:
        """Map a batch to the terms of the chosen losses."""
        masked = self._masked(batch) if isinstance(batch, GuidedBatch) else batch
        return LossTerms(self.caption_terms(self.base_model.image_tokens(batch.pixels), masked))

    def _masked(self, batch: GuidedBatch) -> IrraBatch:
        ids = batch.caption_ids
        attention = self.base_model.end_attention(ids)  # (l, n, t)
        probabilities = guided_probabilities(attention, ids, self._guide, mask_id=self._mask_id)
        draws = batch.draws.transpose(0, 1)  # (3, n, t)
        masked, targets = mask_by_probability(ids, probabilities, draws, mask_id=self._mask_id)
        return IrraBatch(
            pixels=batch.pixels,
            caption_ids=ids,
            masked_ids=masked,
            targets=targets,
            labels=batch.labels,
        )


class AgmIrraMethod(ClipFamilyMethod[AgmIrraNetwork, AgmIrraBatch]):
    """AGM-IRRA's training."""


def build(
    config: AgmIrraConfig, optimiser: OptimiserConfig, *, classes: int, seed: int
) -> AgmIrraMethod:
    """Build AGM-IRRA with the weights it starts from; the errors are those of ``read_start``.

    Args:
        config: Its choices.
        optimiser: Learning rate and weight decay of the towers; see ``clip.rates``.
        classes: How many people the training split shows.
        seed: Of the weights that no start has.
    """
    start = read_start(config)
    network = first_network(
        lambda: AgmIrraNetwork(start, config, classes),
        start,
        seed=seed,
        precision=config.precision,
    )
    card = family_card("AGM-IRRA", config, start)
    return AgmIrraMethod(network, card, _batch_maker(config, start), optimiser)


def _batch_maker(config: AgmIrraConfig, start: ClipStart) -> IrraBatchMaker | GuidedBatchMaker:
    transform = crop_transform(start.image, config.crops)
    tokenizer = ClipBpe(start.sizes.context_length)
    if config.masking == "agm":
        return GuidedBatchMaker(transform, tokenizer)
    mask = "mlm" in config.losses or config.mask_global_caption
    return IrraBatchMaker(transform, tokenizer, mask)
