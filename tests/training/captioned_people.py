"""A tiny made-up data set of captioned crops, and runs of the published methods on it."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.training.datasets.made_up import csv_table
from tests.training.methods.recorded_clip import RANDOM
from tests.training.recorded_mia_training import SMALL as SMALL_MIA
from tests.training.small_nafs import SMALL as SMALL_NAFS
from training.config import CaptionedRunConfig

CROPS, CAPTIONS = 2, 2  # of each person, of each crop
COATS = ("red", "green", "blue", "white", "black", "grey")
METHODS: dict[str, dict[str, Any]] = {
    "irra": {"name": "irra", **RANDOM},
    "mia": {"name": "mia", **SMALL_MIA, "stage": "matching", "word_threshold": 0},
    "nafs": {"name": "nafs", **SMALL_NAFS},
}


def write_captioned_people(
    root: Path, *, train: int = 6, val: int = 2, test: int = 2, seed: int = 0
) -> Path:
    """Write images of noise and ``captions.csv``; the numbers are those of people."""
    chance = np.random.default_rng(seed)
    rows = []
    for person, split in enumerate(["train"] * train + ["val"] * val + ["test"] * test):
        for crop in range(CROPS):
            path = f"crops/{person}_{crop}.png"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            noise = chance.integers(0, 256, (48, 16, 3), np.uint8)
            Image.fromarray(noise).save(root / path)
            coat = COATS[person % len(COATS)]
            captions = [
                f"A man wears a {coat} coat and {CAPTIONS * crop + n} black shoes."
                for n in range(CAPTIONS)
            ]
            rows += [
                {"path": path, "caption": caption, "person_id": person, "split": split}
                for caption in captions
            ]
    (root / "captions.csv").write_text(csv_table(rows), encoding="utf-8")
    return root


def run_content(root: Path, method: str = "irra", **changes: object) -> dict[str, Any]:
    """Return the content of a configuration file: four epochs of three batches of eight."""
    content: dict[str, Any] = {
        "seed": 5,
        "report_steps": 1,
        "data": {"name": "captioned-folder", "root": str(root)},
        "method": METHODS[method],
        "batches": {"size": 8, "epochs": 4},
        "optimiser": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 4e-5},
        "schedule": {"decay": "cosine", "epochs": 4, "warmup_epochs": 1},
    }
    return content | changes


def run_config(root: Path, method: str = "irra", **changes: object) -> CaptionedRunConfig:
    """Return a validated configuration; changes are whole tables."""
    return CaptionedRunConfig.model_validate(run_content(root, method, **changes))
