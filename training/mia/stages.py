"""The three stages of MIA's training: which weights each moves, and what it optimises.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610); what is frozen, and the sum of the
losses, are those of https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5. That
code has no working third stage: ours is a reconstruction from the paper's plan, and the figures
of the paper must not be claimed for it.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import nn

from models.layers.mia_backbones import MAX_PHRASES, MiaNetwork, MiaSizes
from models.layers.relation_guided_attention import relation_guided_attention
from models.schema import Schema
from training.gathering import gather_rows
from training.losses.bidirectional_matching import bidirectional_matching
from training.losses.identity import identity
from training.losses.triplet_matching import triplet_matching
from training.mia.batches import MiaBatch
from training.mia.part_matching import attend_present, gathered_cosines, part_part_matrix
from training.terms import LossTerms

Stage = Literal["identity", "matching", "part_part"]
GRANULARITIES: dict[Stage, Literal[1, 2, 3]] = {"identity": 1, "matching": 2, "part_part": 3}

Terms = dict[str, tuple[float, torch.Tensor]]

_RESNET_LAYERS = ("layer1", "layer2", "layer3", "layer4")
TRAINED_IMAGE_CHILDREN: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("fc",),
    2: (),
    3: _RESNET_LAYERS[3:],
    4: _RESNET_LAYERS[2:],
    5: _RESNET_LAYERS[1:],
    6: _RESNET_LAYERS,
    7: _RESNET_LAYERS,
    8: _RESNET_LAYERS,
    9: ("bn1", *_RESNET_LAYERS),
    10: ("conv1", "bn1", *_RESNET_LAYERS),
    11: ("conv1", "bn1", *_RESNET_LAYERS),
}
"""By ``image_melt_layer``: the parts of the ResNet-50 that train, as the authors' code has it."""

_IDENTITY_MELTS = 1  # the setting of the first stage: the image side trains its last layer alone
_LAST_WITH_CAPTION_LAYER = 1
_BOTH_CROSS_ENTROPIES = 2.0  # the loss is half their sum, the authors' is the sum


class MiaObjective(Schema):
    """A stage, and the choices it leaves."""

    stage: Stage
    """``identity``: the first stage. Who is shown, from the whole crop and the whole caption;
    trains the last layer of the image tower, the text tower's embedding, GRU and last layer, and
    the classifier. ``matching``: the second. Own pairs closer than others, as wholes and as whole
    with part on both sides, and who is shown. ``part_part``: the third, A RECONSTRUCTION. Stripes
    with noun phrases; trains the two MLPs of this comparison alone, and runs the towers as in
    inference, so that what the first two granularities say stays as it was."""
    image_melt_layer: int = Field(default=6, ge=0, le=11)
    """Of ``matching``: how much of the image tower trains, by ``TRAINED_IMAGE_CHILDREN``. At 0
    and 1 the last layer of the text tower trains, else it stays frozen too. Batch norms of frozen
    layers go on updating their statistics."""
    caption_negatives: bool = True
    """Of ``matching``. True: as the paper means, a crop is also kept from the captions of
    others. False: as the authors' code was released, both kinds of negatives are crops (in the
    terms with parts: what was gathered on the side of the parts)."""
    own_caption_attention: bool = True
    """Of ``matching``. True: as in the authors' training, stripes are gathered by the crop's own
    caption and phrases by the caption's own crop, and what was gathered serves for comparison
    with all others. False: gathered for each pair of the batch, as in a search."""
    margin: float = Field(default=0.2, ge=0, le=2)
    """Of ``matching`` and ``part_part``: by how much others must be farther away, in cosines."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not (self.caption_negatives or self.own_caption_attention):
            raise ValueError(
                "caption_negatives must be true where own_caption_attention is false: gathered "
                "for each pair, parts can be compared with the pair's caption and crop alone"
            )
        return self


class _Wholes(NamedTuple):
    """Features of all processes' crops and captions, ``(n, d)`` each, and whom they show."""

    crops: torch.Tensor
    captions: torch.Tensor
    labels: torch.Tensor


class MiaTrainingNetwork(MiaNetwork):
    """The towers, the MLPs of a stage's granularity, and a classifier of people.

    Weights that the stage leaves alone need no gradient.
    """

    def __init__(
        self, sizes: MiaSizes, embedding_width: int, classes: int, objective: MiaObjective
    ) -> None:
        super().__init__(sizes, embedding_width)
        self._objective = objective
        if objective.stage != "part_part":
            self.id_cls = nn.Linear(embedding_width, classes)
        self.requires_grad_(requires_grad=False)
        for module in self.trained_modules():
            module.requires_grad_(requires_grad=True)

    def trained_modules(self) -> Iterator[nn.Module]:
        """Yield the parts that the stage moves, each once."""
        stage, text = self._objective.stage, self.cap_backbone
        if stage == "part_part":
            yield from (self.bfm_img_mlp, self.bfm_cap_mlp)
            return
        melted = _IDENTITY_MELTS if stage == "identity" else self._objective.image_melt_layer
        for child in TRAINED_IMAGE_CHILDREN[melted]:
            yield self.img_backbone.img_backbone.get_submodule(child)
        yield from (text.embedding, text.rnn, self.id_cls)
        if melted <= _LAST_WITH_CAPTION_LAYER:
            yield text.fc
        if stage == "matching":
            yield from (self.img_backbone.conv_regional, text.np_fc)
            yield from (self.rga_img_mlp, self.rga_cap_mlp)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as in nn.Module
        """Switch between training and inference; the third stage leaves the towers in inference."""
        super().train(mode)
        if self._objective.stage == "part_part":
            self.img_backbone.eval()
        return self

    def forward(self, batch: MiaBatch) -> LossTerms:
        """Map a batch to the terms of the stage.

        Under autocast the convolutions run in its type, everything else in float32: rounding
        would add up over the 60 steps of the text tower.
        """
        maps = self.img_backbone.feature_maps(batch.pixels)
        with torch.autocast(maps.device.type, enabled=False):
            if self._objective.stage == "part_part":
                return LossTerms(self._part_part_terms(maps, batch))
            crops = self.img_backbone.global_features(maps)
            captions = self.cap_backbone.caption_features(batch.captions)
            wholes = _Wholes(gather_rows(crops), gather_rows(captions), gather_rows(batch.labels))
            named = identity(self.id_cls(wholes.crops), self.id_cls(wholes.captions), wholes.labels)
            terms = {"identity": (_BOTH_CROSS_ENTROPIES, named)}
            if self._objective.stage == "matching":
                terms["wholes"] = (1.0, self._triplets(wholes.crops, wholes.captions, wholes))
                stripes = self.rga_img_mlp(self.img_backbone.stripes(maps))
                phrases = self._phrases(batch)
                if self._objective.own_caption_attention:
                    by_caption = relation_guided_attention(captions, stripes)
                    by_crop = attend_present(crops, phrases, _present(batch.phrase_counts))
                    terms |= self._own_terms(gather_rows(by_caption), gather_rows(by_crop), wholes)
                else:
                    counts = gather_rows(batch.phrase_counts)
                    terms |= self._pair_terms(
                        gather_rows(stripes), gather_rows(phrases), _present(counts), wholes
                    )
        return LossTerms(terms)

    def _own_terms(self, by_caption: torch.Tensor, by_crop: torch.Tensor, wholes: _Wholes) -> Terms:
        return {
            "stripes": (1.0, self._triplets(by_caption, wholes.captions, wholes)),
            "phrases": (1.0, self._triplets(by_crop, wholes.crops, wholes)),
        }

    def _pair_terms(
        self, stripes: torch.Tensor, phrases: torch.Tensor, present: torch.Tensor, wholes: _Wholes
    ) -> Terms:
        to_stripes = gathered_cosines(wholes.captions[:, None], stripes).squeeze(-1).T  # (n, n)
        to_phrases = gathered_cosines(wholes.crops[:, None], phrases, present).squeeze(-1)
        return {
            "stripes": (1.0, self._pairs(to_stripes, wholes.labels)),
            "phrases": (1.0, self._pairs(to_phrases, wholes.labels)),
        }

    def _part_part_terms(self, maps: torch.Tensor, batch: MiaBatch) -> Terms:
        stripes = gather_rows(self.bfm_img_mlp(self.img_backbone.stripes(maps)))
        phrases = gather_rows(self.bfm_cap_mlp(self._phrases(batch)))
        present = _present(gather_rows(batch.phrase_counts))
        scores = part_part_matrix(stripes, phrases, present)
        return {"part_part": (1.0, self._pairs(scores, gather_rows(batch.labels)))}

    def _phrases(self, batch: MiaBatch) -> torch.Tensor:
        """Return the phrases' features ``(n, m, d)``, after their first MLP."""
        features = self.cap_backbone.phrase_features(batch.phrases.flatten(0, 1))
        parts = features.reshape(len(batch.phrases), MAX_PHRASES, -1)  # (n, m, d)
        return torch.as_tensor(self.rga_cap_mlp(parts))

    def _triplets(
        self, gathered: torch.Tensor, others: torch.Tensor, wholes: _Wholes
    ) -> torch.Tensor:
        return triplet_matching(
            gathered,
            others,
            wholes.labels,
            caption_negatives=self._objective.caption_negatives,
            margin=self._objective.margin,
        )

    def _pairs(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return bidirectional_matching(scores, labels, margin=self._objective.margin)


def _present(counts: torch.Tensor) -> torch.Tensor:
    """Return which of the phrases there are: bool ``(n, m)``."""
    return torch.arange(MAX_PHRASES, device=counts.device) < counts[:, None]
