"""What IRRA, AGM-IRRA and SG-IHA train in common: towers, classifier, language head, losses.

Sources: Jiang and Ye, Cross-Modal Implicit Relation Reasoning and Aligning for Text-to-Image
Person Retrieval, CVPR 2023 (https://arxiv.org/abs/2303.12501),
https://github.com/anosorae/IRRA at cfc2378, of which the others are variants.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from open_clip.model import convert_weights_to_lp
from pydantic import Field
from torch import nn

from models.layers.clip_towers import ClipTowers
from training.clip.batches import CropsVary, IrraBatch
from training.clip.start import ClipStart, ClipStartConfig
from training.clip.trained_towers import TrainedTowers, at_end
from training.gathering import gather_rows, processes
from training.heads.masked_language import MaskedLanguageHead
from training.losses.cmpm import cmpm
from training.losses.cmt import cmt
from training.losses.identity import identity
from training.losses.itc import itc
from training.losses.masked_language import NOT_MASKED, masked_language
from training.losses.sdm import sdm

Precision = Literal["fp32", "fp16_pure"]
Terms = dict[str, tuple[float, torch.Tensor]]

_CLASSIFIER_STD = 0.001


class ClipFamilyConfig(ClipStartConfig):
    """What the three methods have in common."""

    mask_global_caption: bool = True
    """True: as the authors' code does, ``sdm``, ``itc``, ``cmpm``, ``cmt`` and ``id`` see the
    masked caption, also without ``mlm``. That began as a mistake, and is most of what masking
    gains. False: as the paper says, they see the whole caption; the text tower runs twice."""
    temperature: float = Field(default=0.02, gt=0)
    """What ``sdm`` and ``itc`` divide cosines by; a constant, as in the authors' code."""
    cross_modal_layers: int = Field(default=4, ge=1, le=64)
    """How deep the transformer is that ``mlm`` needs."""
    crops: CropsVary = "augmented"
    """``augmented``: mirrored, shifted by up to 10 pixels and partly painted over, as in the
    published recipes. ``mirrored``: mirrored alone. ``unvaried``: as they are."""
    checkpoint_activations: bool = False
    """True: blocks are computed a second time on the way back, for less memory and the same
    numbers. False: what they computed is kept."""


class ClipFamilyNetwork(nn.Module):
    """Towers, classifier and language head, named as in the authors' checkpoints.

    What no loss needs is not there.
    """

    def __init__(
        self,
        start: ClipStart,
        config: ClipFamilyConfig,
        losses: Iterable[tuple[str, float]],
        classes: int,
    ) -> None:
        super().__init__()
        width, vocabulary = start.embedding_width, start.sizes.vocabulary_size
        self._config = config
        self._losses = dict(losses)
        self.base_model = TrainedTowers(ClipTowers(start.sizes, start.image, width))
        self.base_model.keep_activations(keep=not config.checkpoint_activations)
        # In a tuple, because its parts stand beside the towers in the authors' checkpoints.
        self._language: tuple[MaskedLanguageHead, ...] = ()
        if "mlm" in self._losses:
            head = MaskedLanguageHead(width, vocabulary, config.cross_modal_layers)
            head.cross_modal_transformer.grad_checkpointing = config.checkpoint_activations
            self._language = (head,)
            for name, part in head.named_children():
                self.add_module(name, part)
        if "id" in self._losses:
            self.classifier = nn.Linear(width, classes)
            nn.init.normal_(self.classifier.weight, std=_CLASSIFIER_STD)
            nn.init.zeros_(self.classifier.bias)

    def caption_terms(self, image_tokens: torch.Tensor, batch: IrraBatch) -> Terms:
        """Return the terms of crops and captions; tokens ``(n, p, d)`` are the batch's crops."""
        towers = self.base_model
        masks_all = self._config.mask_global_caption
        if "mlm" not in self._losses:
            seen = batch.masked_ids if masks_all else batch.caption_ids
            return self._matching_terms(image_tokens, towers.encode_text(seen), batch.labels)
        words = towers.text_tokens(batch.masked_ids)
        captions = (
            at_end(words, batch.masked_ids) if masks_all else towers.encode_text(batch.caption_ids)
        )
        asked = batch.targets != NOT_MASKED
        scores = self._language[0](words, image_tokens, asked)  # (m, vocabulary)
        terms = self._matching_terms(image_tokens, captions, batch.labels)
        return terms | {"mlm": (self._losses["mlm"], _language_term(scores, batch.targets[asked]))}

    def halve(self) -> None:
        """Turn matrices into float16, as IRRA does; norms and embeddings stay float32."""
        convert_weights_to_lp(self, torch.float16)
        projection = self.base_model.text_projection  # known to open_clip in its own tower alone
        projection.data = projection.data.half()

    def _matching_terms(
        self, image_tokens: torch.Tensor, captions: torch.Tensor, labels: torch.Tensor
    ) -> Terms:
        with torch.autocast(image_tokens.device.type, enabled=False):
            crops = gather_rows(image_tokens[:, 0].float())
            captions, labels = gather_rows(captions.float()), gather_rows(labels)
            scale = 1 / self._config.temperature
            computed: dict[str, Callable[[], torch.Tensor]] = {
                "sdm": lambda: sdm(crops, captions, labels, scale=scale),
                "itc": lambda: itc(crops, captions, scale=scale),
                "cmpm": lambda: cmpm(crops, captions, labels),
                "cmt": lambda: cmt(crops, captions),
                "id": lambda: identity(self._classify(crops), self._classify(captions), labels),
            }
            return {
                name: (self._losses[name], compute())
                for name, compute in computed.items()
                if name in self._losses
            }

    def _classify(self, features: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.classifier(features.to(self.classifier.weight.dtype))).float()


def _language_term(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return this process's share of the mean over all processes' masked positions."""
    with torch.autocast(scores.device.type, enabled=False):
        loss = masked_language(scores, targets)
    own = torch.tensor([len(targets)], device=scores.device)
    # Gradients are averaged over processes: one with more masked positions has to count more.
    return loss * (processes() * own / gather_rows(own).sum().clamp(min=1)).squeeze()
