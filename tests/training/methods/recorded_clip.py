"""The scaled-down models of the authors of IRRA, AGM-IRRA and SG-IHA, and what they computed."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.tokenizers.clip_bpe import VOCABULARY_SIZE
from tests.models.filled_weights import IRRA, SGIHA
from tests.training.recorded_training import sgiha
from training.clip.attribute_questions import QuestionTokens
from training.clip.batches import IrraBatch
from training.contracts import CaptionedMethod, ParameterGroup, Sample
from training.methods.sg_iha import SgIhaBatch

CLASSES = 20

# A run whose start is the scaled-down checkpoint, heads included, on whole captions: the
# recordings have masked captions beside whole ones.
RECORDED = {
    "start": str(IRRA / "best.pth"),
    "keep_heads": True,
    "mask_global_caption": False,
    "cross_modal_layers": 2,
}
RECORDED_SGIHA = {
    "name": "sg_iha",
    "start": str(SGIHA / "best.pth"),
    "keep_heads": True,
    "mask_global_caption": False,
    "cross_modal_layers": 1,
    "bridge_layers": (1, 2),
    "bridge_heads": 2,
}
RANDOM: dict[str, Any] = {
    "start": "random",
    "height": 32,
    "width": 16,
    "embedding_width": 64,
    "cross_modal_layers": 1,
    "sizes": {
        "patch_size": 8, "stride": 8, "vision_width": 64, "vision_layers": 2, "text_width": 64,
        "text_layers": 2, "context_length": 24, "vocabulary_size": VOCABULARY_SIZE,
    },
}  # fmt: skip

SAMPLES = [
    Sample(Path("a.png"), "A man in a green coat with white jeans.", ("green coat",), 0, 0),
    Sample(Path("b.png"), "Young woman wearing black shoes, carrying a red bag.", (), 1, 1),
    Sample(Path("c.png"), "It is so.", (), 1, 2),
    Sample(Path("d.png"), "long " * 60, ("long",), 2, 3),
]


@functools.cache
def methods() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(IRRA / "methods.pt", weights_only=True)
    return content


@functools.cache
def recorded_batch() -> IrraBatch:
    small = torch.load(IRRA / "small.pt", weights_only=True)
    inputs = methods()["inputs"]
    return IrraBatch(
        pixels=small["images"],
        caption_ids=small["caption_ids"],
        masked_ids=inputs["mlm_ids"],
        targets=inputs["mlm_labels"],
        labels=inputs["pids"],
    )


def recorded_sgiha_batch() -> SgIhaBatch:
    inputs = sgiha()["inputs"]
    captions = IrraBatch(
        pixels=inputs["images"],
        caption_ids=inputs["caption_ids"],
        masked_ids=inputs["mlm_ids"],
        targets=inputs["mlm_labels"],
        labels=inputs["pids"],
    )
    questions = QuestionTokens(
        inputs["question_ids"], inputs["question_att_mask"], inputs["answer_ids"]
    )
    return SgIhaBatch(captions, questions, torch.ones(4, dtype=torch.bool))


def aliased(batch: IrraBatch) -> IrraBatch:
    """The batch as it was in the authors' memory: the masked caption in place of the whole one."""
    return replace(batch, caption_ids=batch.masked_ids)


def pictures() -> list[Image.Image]:
    chance = np.random.default_rng(4)
    return [
        Image.fromarray(chance.integers(0, 256, (40, 20, 3), np.uint8)) for _ in range(len(SAMPLES))
    ]


def gradient_norms(network: nn.Module) -> dict[str, float | None]:
    return {
        name: None if parameter.grad is None else float(parameter.grad.norm())
        for name, parameter in network.named_parameters()
    }


def worst_norm(found: dict[str, float | None], recorded: dict[str, float | None]) -> float:
    """The largest difference, relative to one plus the recorded norm; where there is none, none."""
    assert found.keys() == recorded.keys()
    assert {n for n, norm in found.items() if norm is None} == {
        n for n, norm in recorded.items() if norm is None
    }
    return max(
        abs(norm - expected) / (1 + expected)
        for name, norm in found.items()
        if norm is not None and (expected := recorded[name]) is not None
    )


def group_values(method: CaptionedMethod[Any]) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay by the names of parameters."""
    names = {id(parameter): name for name, parameter in method.network.named_parameters()}
    groups: list[ParameterGroup] = list(method.parameter_groups())
    assert sum(len(group.parameters) for group in groups) == len(names)
    return {
        names[id(parameter)]: (group.learning_rate, group.weight_decay)
        for group in groups
        for parameter in group.parameters
    }
