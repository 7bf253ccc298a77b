"""A NAFS that is quickly run, what it trains on, and the recorded run as its start."""

from pathlib import Path

import torch
from PIL import Image

from models.layers.staircase_resnet import StripeOrders
from models.single_thread import single_thread
from tests.models.det_weights import smooth_image
from training.contracts import Sample
from training.methods.nafs import PUBLISHED, NafsConfig, NafsMethod, build
from training.nafs.batches import NafsBatch
from training.optimisers import OptimiserConfig, make_optimiser

IMAGE_TOWER = {
    "widths": (8, 8, 16, 16),
    "depths": (1, 1, 1, 1),
    "block": "basic",
    "height": 96,
    "width": 32,
}
TEXT_TOWER = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "inner_width": 32,
    "positions": 40,
    "vocabulary_limit": 300,
}
SMALL = {"image": IMAGE_TOWER, "text": TEXT_TOWER, "caption_tokens": 40, "tower_rate": 1}
CAPTIONS = (
    "The man is wearing a red shirt, and black pants.",
    "A tall woman with a long blue dress; white shoes.",
    "He carries a gray backpack over a red shirt",
    "walking",
    "",
    "A [SEP] man, in [PAD] red. He runs",
)
LABELS = (0, 1, 2, 0, 3, 1)


def samples() -> list[Sample]:
    return [
        Sample(Path(f"{n}.png"), caption, (), label, n)
        for n, (caption, label) in enumerate(zip(CAPTIONS, LABELS, strict=True))
    ]


def crops() -> list[Image.Image]:
    return [Image.fromarray(smooth_image(n, 60 + 7 * n, 30 + n)) for n in range(len(LABELS))]


def config(**settings: object) -> NafsConfig:
    return NafsConfig.model_validate({"name": "nafs", **SMALL, **settings})


def small(folder: Path, *, seed: int = 1, **settings: object) -> NafsMethod:
    folder.mkdir(exist_ok=True)
    return build(
        config(**settings), PUBLISHED, classes=4, seed=seed, captions=CAPTIONS * 3, folder=folder
    )


def batch(method: NafsMethod, seed: int = 0) -> NafsBatch:
    return method.batch_maker(samples(), crops(), seed)


def some(whole: NafsBatch, rows: slice) -> NafsBatch:
    """Some rows of a batch; the phrases keep their padding."""
    pairs = slice(2 * rows.start, 2 * rows.stop)
    return NafsBatch(
        whole.pixels[rows],
        type(whole.captions)(*(x[rows] for x in whole.captions)),
        type(whole.phrases)(*(x[pairs] for x in whole.phrases)),
        whole.labels[rows],
        StripeOrders(*whole.orders),
    )


def steps(method: NafsMethod, count: int, optimiser: OptimiserConfig = PUBLISHED) -> list[float]:
    """Move the weights on one batch and return the totals."""
    moving = make_optimiser(method.parameter_groups(), optimiser)
    drawn = batch(method)
    totals = []
    with single_thread():  # threads wait for each other longer than such a network computes
        for _ in range(count):
            moving.zero_grad()
            total = method.network.train()(drawn).total()
            total.backward()
            moving.step()
            totals.append(float(total.detach()))
    return totals


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)
