import numpy as np
import pytest
from PIL import Image

from models.card import WEIGHTS_FILE, file_sha256
from models.loading import SHIPPED, load_encoder
from models.parts import pack_parts

LARGEST_BYTES = {"default": 20_000_000, "compact-nafs": 25_000_000}
COLOURS = {"red": (200, 30, 35), "green": (40, 140, 65), "blue": (35, 80, 180)}


def test_all_shipped_checkpoints_are_looked_at_here() -> None:
    assert set(SHIPPED) == set(LARGEST_BYTES)


@pytest.mark.parametrize("name", LARGEST_BYTES)
def test_a_shipped_checkpoint_loads_is_small_and_is_the_one_its_card_describes(name: str) -> None:
    encoder = load_encoder(name, device="cpu")
    directory = SHIPPED[name]
    assert encoder.card.weights_sha256 == file_sha256(directory / WEIGHTS_FILE)
    assert sum(path.stat().st_size for path in directory.iterdir()) < LARGEST_BYTES[name]
    assert {"data", "command", "configuration", "device", "figures"} <= (
        encoder.card.provenance.keys()
    )


@pytest.mark.parametrize("name", LARGEST_BYTES)
def test_a_shipped_checkpoint_tells_colours_apart(name: str) -> None:
    encoder = load_encoder(name, device="cpu")
    images = [Image.fromarray(_draw_person(colour)) for colour in COLOURS.values()]
    scores = encoder.encode_texts([f"person in a {colour} coat" for colour in COLOURS]) @ (
        encoder.encode_images(images).T
    )
    assert scores.argmax(1).tolist() == [0, 1, 2]


def test_the_parts_of_the_shipped_second_stage_tell_colours_apart() -> None:
    scorer = load_encoder("compact-nafs", device="cpu").part_scorer
    assert scorer is not None
    images = [Image.fromarray(_draw_person(colour)) for colour in COLOURS.values()]
    parts = pack_parts(scorer.encode_parts(images), "int8")
    texts = [f"a person wearing a {colour} coat and black trousers" for colour in COLOURS]
    best = [scorer.score(scorer.prepare(text), parts).argmax() for text in texts]
    assert best == [0, 1, 2]


def _draw_person(colour: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.full((144, 48, 3), 150, np.uint8)
    image[10:28, 18:30] = (205, 160, 135)  # head
    image[28:85, 12:36] = colour  # coat
    image[85:136, 15:33] = (45, 45, 50)  # trousers
    return image
