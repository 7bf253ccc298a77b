"""The training split of MIA's recorded run, and its networks as a start."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from models.card import ImagePreprocessing
from tests.models.det_weights import smooth_image
from tests.models.mia.recorded_mia import networks, recording, words, write_run
from training.contracts import Sample
from training.mia.batches import MiaBatch

CASES: dict[str, Any] = recording()["cases"]
IMAGE = ImagePreprocessing(
    height=384, width=128, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
SMALL = {"height": 64, "width": 32, "embedding_width": 16, "word_width": 8, "num_cut": 2}
"""Settings of a network that is quickly run; its maps have 2 rows, hence 2 stripes."""
CAPTIONS = (
    "The man is wearing a red shirt and black pants.",
    "A tall woman with a long blue dress and white shoes.",
    "He carries a gray backpack over a red shirt.",
    "walking",
)


def samples() -> list[Sample]:
    """The twelve rows of the recorded training split, in its order."""
    data = CASES["data"]
    return [
        Sample(Path(name), caption, (), data["person2label"][int(name.partition("/")[0])], n // 2)
        for n, (name, caption) in enumerate(
            zip(data["train_row_files"], data["train_row_captions"], strict=True)
        )
    ]


def crop(sample: Sample) -> Image.Image:
    number = int(sample.image.stem.removeprefix("img_"))
    return Image.fromarray(
        smooth_image(100 + number, 160 + 8 * (number % 3), 60 + 4 * (number % 5))
    )


def write_matching(folder: Path) -> Path:
    """The recorded checkpoint of the second stage, with its vocabulary beside."""
    return write_run(folder, networks(), words())


def write_identity(folder: Path) -> Path:
    """A checkpoint of the first stage: without the MLPs, which stripes there may be already."""
    found = networks()
    return write_run(folder, {"model": found["model"], "id_cls": found["id_cls"]}, words())


def some(batch: MiaBatch, rows: list[int] | slice) -> MiaBatch:
    return MiaBatch(
        batch.pixels[rows],
        batch.captions[rows],
        batch.phrases[rows],
        batch.phrase_counts[rows],
        batch.labels[rows],
    )


def small_batch() -> MiaBatch:
    """Six random crops with random captions; the people are 0, 1, 2, 0, 3, 1."""
    draw = torch.Generator().manual_seed(5)
    return MiaBatch(
        pixels=torch.randn(6, 3, 64, 32, generator=draw),
        captions=torch.randint(0, 20, (6, 60), generator=draw),
        phrases=torch.randint(0, 20, (6, 10, 6), generator=draw),
        phrase_counts=torch.tensor([1, 10, 3, 2, 5, 4]),
        labels=torch.tensor([0, 1, 2, 0, 3, 1]),
    )
