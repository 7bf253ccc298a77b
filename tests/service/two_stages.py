"""A gallery of random colours with parts and neighbours, and an encoder whose stages differ."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.build import build
from indexer.preparation import BuildOptions
from models.card import ModelCard
from models.contracts import Float32Array, PartScorer
from models.parts import Parts
from tests.fakes import COLOURS, ColourEncoder

SIZE = 60
CAMERAS = ("north", "south", "west")


class TopHalfScorer:
    """Scores a crop by the product of its upper half's mean colour with a colour word's."""

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        pixels = [np.asarray(image, np.float32) / 127.5 - 1 for image in images]
        halves = [each[: len(each) // 2].mean((0, 1)) for each in pixels]
        return np.stack(halves)[:, None].astype(np.float32)

    def prepare(self, text: str) -> Float32Array:
        word = next((each for each in text.lower().split() if each in COLOURS), "white")
        return np.asarray(COLOURS[word], np.float32)

    def score(self, prepared: Float32Array, parts: Parts) -> Float32Array:
        scores: Float32Array = parts.values[:, 0].astype(np.float32) @ prepared
        return scores


class TwoStageEncoder(ColourEncoder):
    """ColourEncoder with the name of a model that has parts."""

    def __init__(self) -> None:
        super().__init__(name="two stages")
        self._two_stage_card = super().card.model_copy(update={"architecture": "nafs"})
        self._scorer = TopHalfScorer()

    @property
    def card(self) -> ModelCard:
        return self._two_stage_card

    @property
    def part_scorer(self) -> PartScorer | None:
        return self._scorer


def build_two_stage_gallery(root: Path) -> Path:
    """Draw 60 crops of two random colours each and index them; return the index."""
    crops = root / "crops"
    crops.mkdir()
    numbers = np.random.default_rng(5)
    described = []
    for number in range(SIZE):
        upper, lower = numbers.integers(0, 256, (2, 3)).tolist()
        image = Image.new("RGB", (8, 16), tuple(lower))
        image.paste(tuple(upper), (0, 0, 8, 8))
        path = f"{number:02}.png"
        image.save(crops / path)
        row = {"path": path, "camera": CAMERAS[number % 3], "floor": number % 4}
        row["track_id"] = f"t{number // 2}"
        # Every seventh crop has no time, every fifth no zone.
        if number % 7:
            row["captured_at"] = f"2026-03-14T08:{(number * 37) % 60:02}:00+00:00"
        if number % 5:
            row["zone"] = "ab"[number % 2]
        described.append(json.dumps(row))
    metadata = root / "metadata.jsonl"
    metadata.write_text("\n".join(described))
    options = BuildOptions(
        metadata=metadata, name="two stages", workers=1, parts="fp32", neighbours=10
    )
    build(crops, root / "index", TwoStageEncoder(), options)
    return root / "index"
