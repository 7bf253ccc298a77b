"""Measure Descry against the plain loop: `make bench`, or python -m tests.performance.

Both sides take turns on the same crops and the same weights in one process, so that a busy
machine slows both alike; what counts is the median of the ratios of the turns.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import faiss
import numpy as np
import torch
from PIL import Image

from indexer.build import build
from indexer.decoding import decode_image
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions
from models.contracts import PersonEncoder
from models.loading import load_encoder
from service.encoding import EncodingLimits, EncodingQueue
from service.searcher import Searcher
from tests.performance import second_stage
from tests.performance.plain_loop import PlainLoop

NAMED = BuildOptions(name="bench")
QUERIES = ("woman in red coat", "man with a black backpack, blue jeans and white sneakers")


@dataclass(frozen=True)
class Turns:
    """Seconds of each side, turn by turn."""

    name: str
    plain_s: list[float]
    descry_s: list[float]

    def line(self, unit: str, per_s: Callable[[float], float]) -> str:
        ratio = median(p / d for p, d in zip(self.plain_s, self.descry_s, strict=True))
        plain, descry = per_s(median(self.plain_s)), per_s(median(self.descry_s))
        return f"{self.name:<46}{plain:>10.2f}{descry:>10.2f} {unit:<9}{ratio:>7.2f}x"


def seconds(action: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def take_turns(
    name: str, turns: int, plain: Callable[[], object], descry: Callable[[], object]
) -> Turns:
    """Call both sides once to warm up, then in turns."""
    plain()
    descry()
    pairs = [(seconds(plain), seconds(descry)) for _ in range(turns)]
    return Turns(name, [p for p, _ in pairs], [d for _, d in pairs])


def each_query(search: Callable[[str, int], object]) -> None:
    """Search for each of the queries."""
    for text in QUERIES:
        search(text, 20)


def decoded(crops: Path) -> list[Image.Image]:
    """Return all crops as the indexer hands them to an encoder."""
    return [decode_image(path.read_bytes())[0] for path in sorted(crops.iterdir())]


def encode_alone(encoder: PersonEncoder, images: list[Image.Image]) -> None:
    """Encode decoded images in batches of a build's size."""
    for start in range(0, len(images), NAMED.batch_size):
        encoder.encode_images(images[start : start + NAMED.batch_size])


def draw_crops(folder: Path, number: int) -> None:
    """Write JPEG crops of noise at the sizes of real ones; content does not change the time."""
    numbers = np.random.default_rng(0)
    for position in range(number):
        width, height = int(numbers.integers(60, 200)), int(numbers.integers(160, 500))
        coarse = numbers.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height)).save(folder / f"{position:05}.jpg")


def compare(loop: PlainLoop, encoders: dict[str, PersonEncoder], crops: Path, turns: int) -> None:
    """Print lines for the build and one for a search with each encoder."""
    plain_index = loop.build(crops)
    print(f"{'':<46}{'plain':>10}{'Descry':>10} {'':<9}{'ratio':>8}")
    for name, encoder in encoders.items():
        with tempfile.TemporaryDirectory() as folder:
            compare_one(loop, plain_index, name, encoder, crops, Path(folder), turns)


def compare_one(
    loop: PlainLoop,
    plain_index: faiss.IndexFlatIP,
    name: str,
    encoder: PersonEncoder,
    crops: Path,
    folder: Path,
    turns: int,
) -> None:
    """Print the lines of one encoder: beside the plain loop, and beside its own rate."""
    number = len(list(crops.iterdir()))
    # A second build into the same index would find everything known.
    indexes = (folder / str(number) for number in itertools.count())

    def build_anew() -> Path:
        index = next(indexes)
        build(crops, index, encoder, NAMED)
        return index

    def a_second(s: float) -> float:
        return number / s

    built = take_turns(f"build, {name}", turns, partial(loop.build, crops), build_anew)
    print(built.line("images/s", a_second))
    own = partial(encode_alone, encoder, decoded(crops))
    print(
        take_turns("  beside its encoder alone", turns, own, build_anew).line("images/s", a_second)
    )
    gallery = open_gallery(build_anew(), encoder.card)
    queue = EncodingQueue(encoder, limits=EncodingLimits(cached_texts=0))
    queue.start()
    searcher = Searcher(queue, gallery)
    with asyncio.Runner() as runner:
        searched = take_turns(
            f"search, {name}",
            turns * 5,
            partial(each_query, partial(loop.search, plain_index)),
            partial(each_query, lambda text, limit: runner.run(searcher.search(text, limit))),
        )
    queue.close()
    print(searched.line("ms", lambda s: 1000 * s / len(QUERIES)))
    gallery.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=int, default=64, help="number of crops to index")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()
    loop = PlainLoop()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "random_clip.pt"
        torch.save(loop.model.state_dict(), checkpoint)
        encoders = {
            "CLIP ViT-B/16 384x128, same weights, fp32": load_encoder(checkpoint, precision="fp32"),
            "CLIP ViT-B/16 384x128, same weights, bf16": load_encoder(checkpoint, precision="bf16"),
            "default model": load_encoder("default"),
        }
        crops = Path(folder) / "crops"
        crops.mkdir()
        draw_crops(crops, arguments.crops)
        print(
            f"{arguments.crops} crops, {arguments.turns} turns, torch {torch.__version__}, "
            f"{torch.get_num_threads()} threads, {torch.cpu.get_capabilities()['cpu_name']}"
        )
        print("plain = open_clip ViT-B/16 384x128 fp32 + exact FAISS; medians; ratio > 1: faster")
        compare(loop, encoders, crops, arguments.turns)
    print("\n".join(second_stage.report()))


if __name__ == "__main__":
    main()
