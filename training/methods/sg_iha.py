"""SG-IHA: IRRA, and questions about a masked attribute answered through a bridge of the towers.

Sources: the code of SG-IHA, https://github.com/Zjamie813/SG-IHA at b7b07e0, whose recipe is IRRA's
with batches of 64 and an end after 30 of 60 epochs; Ge et al., Bridging Video-text Retrieval with
Multiple Choice Questions, CVPR 2022 (https://arxiv.org/abs/2201.04850). Its two configurations are
the losses ``sdm``, ``id``, ``mcq`` and those with ``mlm``. The bridge is left behind by the export:
searching costs what it costs with IRRA. Departs from that code in one place: a caption without a
word that could be hidden takes no part in ``mcq``, where the authors' training ends in an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import nn

from models.errors import ConfigurationInvalid
from models.layers.clip_towers import ClipGlobalSizes
from models.tokenizers.clip_bpe import ClipBpe
from training.clip.attribute_questions import (
    ANSWER_START,
    AttributeQuestion,
    QuestionTokens,
    ask_about,
    tokenize_questions,
)
from training.clip.batches import (
    IrraBatch,
    caption_chance,
    caption_ids,
    crop_transform,
    labels_of,
    mask_caption,
    varied_crops,
)
from training.clip.family import ClipFamilyConfig, ClipFamilyNetwork
from training.clip.method import ClipFamilyMethod, family_card, first_network
from training.clip.start import ClipStart, read_start
from training.clip.trained_towers import without_gradient
from training.contracts import Sample
from training.crop_transforms import CropTransform
from training.gathering import gather_rows
from training.heads.attribute_question import BridgeEncoder, Gate
from training.heads.masked_language import HEAD_WIDTH
from training.losses.attribute_question import attribute_question
from training.optimisers import OptimiserConfig
from training.terms import LossTerms

SgIhaLoss = Literal["sdm", "itc", "cmpm", "id", "mlm", "mcq"]

_START = 0  # the position of a question whose state answers it


class SgIhaConfig(ClipFamilyConfig):
    """The choices of the bridge, and those of IRRA; always float32, or a run's autocast."""

    name: Literal["sg_iha"]
    losses: dict[SgIhaLoss, Annotated[float, Field(gt=0)]] = Field(
        default={"sdm": 1.0, "id": 1.0, "mlm": 1.0, "mcq": 1.0}, min_length=1
    )
    """Names and weights: IRRA's, with or without ``mlm``, and ``mcq``, the question's answer told
    from the others of the batch. Without ``mlm``, captions are masked all the same unless
    ``mask_global_caption`` is false."""
    mcq_temperature: float = Field(default=0.04, gt=0)
    """What ``mcq`` divides cosines by."""
    bridge_layers: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(6, 7, 8, 9, 10, 11), min_length=1
    )
    """After which blocks of both towers, counted from 1, the bridge has a block."""
    bridge_heads: int | None = Field(default=None, ge=1)
    """How many heads the bridge's attention has. None: one for each 64 of the width."""
    gate: Gate = "after_proj_dot_filter"
    """``after_proj_dot_filter``: patches times the gate. ``res_filter``: plus what the gate was
    before its sigmoid."""
    detach_hidden: bool = True
    """True: as in the authors' code, ``mcq`` moves the towers through the crop's feature and the
    answer alone, not through patches and the question's words. False: through all of them, as the
    paper means; costs the way back through the question."""

    @model_validator(mode="after")
    def _there_are_questions(self) -> Self:
        if "mcq" not in self.losses:
            raise ValueError("without the loss mcq this is IRRA: add it, or train irra")
        return self


@dataclass(frozen=True)
class SgIhaBatch:
    """Tensors of n captioned crops and a question about each.

    ``captions`` is what IRRA trains on, ``questions`` are int64 ``(n, t)``. Where ``asked``
    ``(n)`` is false the caption has no word that could be hidden, and the question is none.
    """

    captions: IrraBatch
    questions: QuestionTokens
    asked: torch.Tensor


@dataclass(frozen=True)
class SgIhaBatchMaker:
    """Varies crops, asks about captions, and masks them at random.

    The noun phrases are those of the annotations; where there are none, a word is asked for.
    """

    transform: CropTransform
    tokenizer: ClipBpe
    mask: bool

    def __call__(
        self, samples: Sequence[Sample], images: Sequence[Image.Image], seed: int
    ) -> SgIhaBatch:
        """Return the batch; what is drawn for a sample depends on the seed and its position."""
        ids = caption_ids(samples, self.tokenizer)
        asked, masked = [], []
        for position, sample in enumerate(samples):
            chance = caption_chance(seed, position)  # first the question, as in the authors' code
            asked.append(ask_about(sample.caption, sample.phrases, self.tokenizer, chance))
            masked.append(mask_caption(ids[position], chance, mask=self.mask))
        questions = [
            question or AttributeQuestion(sample.caption, ANSWER_START)
            for question, sample in zip(asked, samples, strict=True)
        ]
        captions = IrraBatch(
            pixels=varied_crops(images, self.transform, seed),
            caption_ids=ids,
            masked_ids=torch.stack([caption.ids for caption in masked]),
            targets=torch.stack([caption.labels for caption in masked]),
            labels=labels_of(samples),
        )
        return SgIhaBatch(
            captions,
            tokenize_questions(questions, self.tokenizer),
            torch.tensor([question is not None for question in asked]),
        )


class SgIhaNetwork(ClipFamilyNetwork):
    """Towers and heads of IRRA, and the bridge."""

    def __init__(self, start: ClipStart, config: SgIhaConfig, classes: int) -> None:
        super().__init__(start, config, config.losses.items(), classes)
        width, sizes = start.embedding_width, start.sizes
        _require_layers(config.bridge_layers, sizes)
        heads = config.bridge_heads or width // HEAD_WIDTH
        if width % heads:
            raise ConfigurationInvalid(
                f"a bridge of width {width} cannot have {heads} heads: choose a divisor"
            )
        self.bridge_encoder = BridgeEncoder(
            width=width,
            vision_width=sizes.vision_width,
            text_width=sizes.text_width,
            blocks=len(config.bridge_layers),
            heads=heads,
            gate=config.gate,
        )
        self.bridge_proj = nn.Linear(width, width)
        self._bridge = config

    def forward(self, batch: SgIhaBatch) -> LossTerms:
        """Map a batch to the terms of the chosen losses."""
        layers = self._bridge.bridge_layers
        tokens, states = self.base_model.image_states(batch.captions.pixels, layers)
        answers = self.base_model.encode_text(batch.questions.answer_ids)
        bridged = self.bridged(tokens[:, 0], states, batch.questions)
        terms = self.caption_terms(tokens, batch.captions)
        terms["mcq"] = (self._losses["mcq"], self._question_term(answers, bridged, batch.asked))
        return LossTerms(terms)

    def bridged(
        self,
        crops: torch.Tensor,
        image_states: Sequence[torch.Tensor],
        questions: QuestionTokens,
    ) -> torch.Tensor:
        """Return what the bridge makes of crops and questions: ``(n, d)``.

        Args:
            crops: The crops' features ``(n, d)``.
            image_states: Of the configured layers ``(n, p, vision width)``.
            questions: One about each crop.
        """
        layers, ids = self._bridge.bridge_layers, questions.question_ids
        if self._bridge.detach_hidden:
            image_states = [states.detach() for states in image_states]
            with without_gradient(ids.device):
                question_states = self.base_model.text_states(ids, layers)
        else:
            question_states = self.base_model.text_states(ids, layers)
        states = self.bridge_encoder(crops, image_states, question_states, questions.attention_mask)
        return torch.as_tensor(self.bridge_proj(states[:, _START]))

    def _question_term(
        self, answers: torch.Tensor, bridged: torch.Tensor, asked: torch.Tensor
    ) -> torch.Tensor:
        with torch.autocast(answers.device.type, enabled=False):
            answers, bridged = gather_rows(answers.float()), gather_rows(bridged.float())
            chosen = gather_rows(asked)
            if not bool(chosen.any()):
                return 0 * (answers.sum() + bridged.sum())  # every weight still has a gradient
            return attribute_question(
                answers[chosen], bridged[chosen], temperature=self._bridge.mcq_temperature
            )


class SgIhaMethod(ClipFamilyMethod[SgIhaNetwork, SgIhaBatch]):
    """SG-IHA's training."""


def build(
    config: SgIhaConfig, optimiser: OptimiserConfig, *, classes: int, seed: int
) -> SgIhaMethod:
    """Build SG-IHA with the weights it starts from; the errors are those of ``read_start``.

    Args:
        config: Its choices.
        optimiser: Learning rate and weight decay of the towers; see ``clip.rates``.
        classes: How many people the training split shows.
        seed: Of the weights that no start has.
    """
    start = read_start(config)
    network = first_network(
        lambda: SgIhaNetwork(start, config, classes), start, seed=seed, precision="fp32"
    )
    maker = SgIhaBatchMaker(
        transform=crop_transform(start.image, config.crops),
        tokenizer=ClipBpe(start.sizes.context_length),
        mask="mlm" in config.losses or config.mask_global_caption,
    )
    return SgIhaMethod(network, family_card("SG-IHA", config, start), maker, optimiser)


def _require_layers(layers: tuple[int, ...], sizes: ClipGlobalSizes) -> None:
    there_are = min(sizes.vision_layers, sizes.text_layers)
    if max(layers) > there_are:
        raise ConfigurationInvalid(
            f"the bridge cannot stand on layer {max(layers)}: the towers have {there_are} in "
            f"common. Name bridge_layers from 1 to {there_are}."
        )
