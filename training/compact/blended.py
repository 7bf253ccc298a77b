"""Two trained compact dual encoders as one: their weights averaged.

Source: WiSE-FT (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022,
https://arxiv.org/abs/2109.01903): between the weights training went on from and those it arrived
at lie weights that do better on pictures unlike those of either, as long as one was trained on
from the other.
"""

from dataclasses import replace
from pathlib import Path

import torch

from models.encoders.compact_dual import VOCABULARY_FILE, CompactDual
from models.errors import ConfigurationInvalid
from models.loading import read_model
from models.stored_model import StoredModel
from training.compact.trained import read_trained


def blend(start: Path, end: Path, share: float) -> StoredModel:
    """Return ``share`` of the weights at the end of training and the rest of those at its start.

    Image size, vocabulary and words are those of ``end``.

    Raises:
        ConfigurationInvalid: If the share is not between 0 and 1, a directory is of another
            architecture, or the two have other vocabularies.
        CheckpointUnreadable: If a file is missing or damaged.
        CheckpointMismatch: If the two are of other sizes.
    """
    if not 0 < share < 1:
        raise ConfigurationInvalid(f"share is {share}: take a number between 0 and 1")
    model: StoredModel = read_model(str(end))  # type: ignore[assignment]  # typed there without torch
    before, after = read_trained(start), read_trained(end)
    if before.sizes.vocabulary_sha256 != after.sizes.vocabulary_sha256:
        raise ConfigurationInvalid(
            f"{start} and {end} have other vocabularies: only one that was trained on from the "
            "other can be blended with it"
        )
    resized = CompactDual(after.sizes, model.card.embedding_width)
    before.fill(resized, after.sizes)
    old = resized.state_dict()
    tensors = {
        name: torch.lerp(old[name].float(), tensor.float(), share).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in model.tensors.items()
    }
    earlier = read_model(str(start)).card
    provenance = model.card.provenance | {
        "blend": f"{share:g} of these weights, {1 - share:g} of those training went on from",
        "blended_with": earlier.fingerprint(),
        **{f"start: {key}": value for key, value in earlier.provenance.items()},
    }
    provenance.pop("figures", None)  # of the weights before
    provenance.pop("start: figures", None)
    card = model.card.model_copy(update={"provenance": provenance})
    return replace(model, card=card, tensors=tensors, source=end / VOCABULARY_FILE)
