"""NAFS with what its training adds: class weights, dropout, and the terms of the loss.

Source: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036),
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477. Departs from the authors' code
in that all terms see the crops and captions of all processes.
"""

from typing import NamedTuple

import torch
from pydantic import Field
from torch import nn
from torch.utils.checkpoint import checkpoint

from models.layers.nafs_network import ImageOutputs, NafsNetwork, NafsSizes, TextOutputs
from models.schema import Schema
from training.gathering import gather_rows
from training.losses.cmpc import cmpc
from training.losses.cmpm import MaskNorm, cmpm
from training.losses.part_alignment import Focal, pairwise_alignment, part_alignment
from training.nafs.batches import NafsBatch
from training.terms import LossTerms

CLASSES = "W"
"""The one tensor that training alone needs; in YouReID's checkpoints too it has this name."""
LENGTH_BEYOND = 3
"""By how many rows more than a caption has pieces its words are attended, as in the encoder."""

_PAIRS_AT_ONCE = 64 * 64  # of published sizes: about 0.8 GB


class NafsObjective(Schema):
    """The choices that the loss leaves."""

    lambda_cont: float = Field(default=0.1, ge=0)
    """What multiplies the comparison of regions with words. 0.1: as in the authors' train.sh and
    in YouReID. 0.2: the default of their command line."""
    mask_norm: MaskNorm = "l2"
    """What a row of equal identities is divided by. ``l2``: its Euclidean length, as in the
    authors' code, so that two matches have 0.71 each. ``l1``: its sum, as the paper writes."""
    focal: Focal = "none"
    """Which words a region may attend to while training. ``none``: all, as published, and as the
    encoder does. ``equal``: those with more than an equal share. ``prob``: those with more than
    the others, each weighed by the root of its share."""
    text_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Of BERT, both of states and of attention. 0.1: bert-base's, as published. 0: none."""


class _Wholes(NamedTuple):
    """Features of all processes' crops and captions, ``(n, d)`` each, and whom they show."""

    crops: torch.Tensor
    captions: torch.Tensor
    labels: torch.Tensor


class NafsTrainingNetwork(NafsNetwork):
    """NAFS, a column of class weights a person, and the terms of its loss.

    The biases of the norms of global features stay as they are, as in the authors' code.
    """

    def __init__(
        self, sizes: NafsSizes, width: int, classes: int, objective: NafsObjective
    ) -> None:
        super().__init__(sizes, width)
        self._objective = objective
        self.W = nn.Parameter(torch.empty(width, classes))
        for norm in (self.bottleneck_image, self.bottleneck_text):
            norm.bias.requires_grad = False
        for module in self.language_model.modules():
            if isinstance(module, nn.Dropout):
                module.p = objective.text_dropout
        self.image_model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: NafsBatch) -> LossTerms:
        """Map a batch to the terms of the loss."""
        pixels = batch.pixels.contiguous(memory_format=torch.channels_last)
        features = self.image_model(pixels, batch.orders)
        words = self.word_states(batch.captions)  # (n, t, d)
        phrases = self.word_states(batch.phrases)[:, 0]  # (2 * n, d)
        with torch.autocast(pixels.device.type, enabled=False):
            crops = self.image_outputs(features)
            texts = self.text_outputs(words, phrases.view(len(words), -1, words.shape[-1]))
            lengths = batch.captions.counts + LENGTH_BEYOND
            return self._terms(crops, texts, lengths, batch.labels)

    def _terms(
        self,
        crops: ImageOutputs,
        texts: TextOutputs,
        lengths: torch.Tensor,
        labels: torch.Tensor,
    ) -> LossTerms:
        objective = self._objective
        norm = objective.mask_norm
        wholes = _Wholes(gather_rows(crops.whole), gather_rows(texts.whole), gather_rows(labels))
        texts = TextOutputs(wholes.captions, gather_rows(texts.keys), gather_rows(texts.values))
        own = bounded_alignment(crops, texts, gather_rows(lengths), objective.focal)  # (n, m)
        return LossTerms(
            {
                "cmpm": (1.0, cmpm(*wholes, mask_norm=norm)),
                "cmpc": (1.0, cmpc(wholes.crops, wholes.captions, self.W, wholes.labels)),
                "part_alignment": (
                    objective.lambda_cont,
                    part_alignment(gather_rows(own), wholes.labels, mask_norm=norm),
                ),
            }
        )


def draw_weights(network: NafsTrainingNetwork) -> None:
    """Draw the first weights of the image tower and of the classes.

    The convolutions are drawn as torchvision's ResNets are, the class weights as in the authors'
    code. All other first weights are torch's and transformers' own.
    """
    for module in network.image_model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    nn.init.xavier_uniform_(network.W)


def bounded_alignment(
    crops: ImageOutputs, texts: TextOutputs, lengths: torch.Tensor, focal: Focal
) -> torch.Tensor:
    """Compare n crops with m captions in bounded memory: mean cosines ``(n, m)``.

    Beyond 64 x 64 pairs some crops come after others, and what they need is computed again for
    the gradient, so that a large batch takes longer, not more.
    """
    compared = (texts.keys, texts.values, lengths, focal)
    at_once = max(1, _PAIRS_AT_ONCE // len(texts.keys))
    if len(crops.queries) <= at_once:
        return pairwise_alignment(crops.queries, crops.values, *compared)
    blocks = zip(
        torch.split(crops.queries, at_once), torch.split(crops.values, at_once), strict=True
    )
    rows = [
        checkpoint(pairwise_alignment, *block, *compared, use_reentrant=False) for block in blocks
    ]
    return torch.cat(rows)
