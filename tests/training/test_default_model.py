from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from models.card import WEIGHTS_FILE, file_sha256
from models.loading import load_encoder

DIRECTORY = Path(str(files("models"))) / "default"
LARGEST_BYTES = 20_000_000


def test_shipped_checkpoint_loads_is_small_and_is_the_one_its_card_describes() -> None:
    encoder = load_encoder("default", device="cpu")
    assert encoder.card.weights_sha256 == file_sha256(DIRECTORY / WEIGHTS_FILE)
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) < LARGEST_BYTES
    assert {"data", "command", "configuration", "samples", "device", "figures"} <= (
        encoder.card.provenance.keys()
    )


def test_shipped_checkpoint_tells_colours_apart() -> None:
    encoder = load_encoder("default", device="cpu")
    colours = {"red": (200, 30, 35), "green": (40, 140, 65), "blue": (35, 80, 180)}
    images = [Image.fromarray(_draw_person(colour)) for colour in colours.values()]
    scores = encoder.encode_texts([f"person in a {name} coat" for name in colours]) @ (
        encoder.encode_images(images).T
    )
    assert scores.argmax(1).tolist() == [0, 1, 2]


def _draw_person(colour: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.full((144, 48, 3), 150, np.uint8)
    image[10:28, 18:30] = (205, 160, 135)  # head
    image[28:85, 12:36] = colour  # coat
    image[85:136, 15:33] = (45, 45, 50)  # trousers
    return image
