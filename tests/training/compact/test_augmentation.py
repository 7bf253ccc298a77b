import numpy as np
import torch

from training.compact.augmentation import augment, change_colours, crop_and_resize, flip
from training.compact.config import AugmentationConfig
from training.datasets.rendered_people.attributes import SLOT_INDEX, SLOTS

STILL = AugmentationConfig(
    flip=0, crop_height=0, crop_width=0, contrast=0, colour_cast=0, brightness=0
)


def views(*names: str) -> torch.Tensor:
    values = torch.zeros(len(names), len(SLOTS), dtype=torch.long)
    values[:, SLOT_INDEX["view"]] = torch.tensor([SLOTS["view"].index(name) for name in names])
    return values


def test_flip_mirrors_the_picture_and_swaps_left_and_right() -> None:
    images = torch.arange(4 * 3 * 1 * 2).view(4, 3, 1, 2)
    flipped, values = flip(images, views("left", "right", "front", "back"), torch.ones(4) == 1)
    assert torch.equal(values, views("right", "left", "front", "back"))
    assert torch.equal(flipped[..., 0], images[..., 1])
    assert torch.equal(flipped[..., 1], images[..., 0])


def test_pictures_that_are_not_chosen_stay() -> None:
    images = torch.arange(2 * 3 * 1 * 2).view(2, 3, 1, 2)
    flipped, values = flip(images, views("left", "left"), torch.tensor([False, True]))
    assert torch.equal(flipped[0], images[0])
    assert torch.equal(values, views("left", "right"))


def test_unseen_view_stays_unseen() -> None:
    values = views("left")
    values[0, SLOT_INDEX["view"]] = -1
    _, flipped = flip(torch.zeros(1, 3, 2, 2), values, torch.tensor([True]))
    assert flipped[0, SLOT_INDEX["view"]] == -1


def test_nothing_varies_where_the_configuration_says_so() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 8, 4, 3), dtype=np.uint8)
    values = views("left", "front").numpy().astype(np.int8)
    pixels, same = augment(images, values, (8, 4), STILL, rng)
    assert np.array_equal(pixels.permute(0, 2, 3, 1).numpy(), images)
    assert same.tolist() == values.tolist()


def test_cutting_margins_enlarges_what_is_left() -> None:
    config = STILL.model_copy(update={"crop_height": 0.49, "crop_width": 0.49})
    images = torch.zeros(1, 3, 100, 100, dtype=torch.uint8)
    images[:, :, 49:51, 49:51] = 255  # never cut off
    resized = crop_and_resize(images, (100, 100), config, np.random.default_rng(1))
    assert resized.dtype is torch.uint8
    assert resized.float().mean() > images.float().mean()


def test_colours_stay_in_range() -> None:
    config = STILL.model_copy(update={"contrast": 3.0, "brightness": 90.0})
    images = torch.randint(0, 256, (8, 3, 4, 4), dtype=torch.uint8)
    changed = change_colours(images, config, np.random.default_rng(2))
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert not torch.equal(changed, images.float())
