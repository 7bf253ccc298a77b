import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.card import ImagePreprocessing
from models.images import preprocess
from tests.models.det_weights import smooth_image
from tests.models.filled_weights import worst
from tests.training.recorded_training import irra, mia, nafs
from training.crop_transforms import (
    IRRA_AUGMENTED,
    MIRRORED,
    UNVARIED,
    CropTransform,
    CropVariation,
    sample_seed,
)

CLIP = ImagePreprocessing(
    height=64,
    width=32,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
IMAGENET = ImagePreprocessing(
    height=384, width=128, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


@pytest.fixture(scope="module")
def crop() -> Image.Image:
    return Image.fromarray(irra()["transforms"]["image"].numpy())


def fingerprint_differs(tensor: torch.Tensor, recorded: dict[str, Any]) -> float:
    flat = tensor.double().flatten()
    assert tuple(tensor.shape) == tuple(recorded["shape"])
    assert flat.mean().item() == pytest.approx(recorded["mean"], rel=1e-5)
    assert flat.norm().item() == pytest.approx(recorded["l2"], rel=1e-5)
    return worst(flat[recorded["idx"]], recorded["val"])


def test_training_crops_of_irra_are_the_recorded_ones(crop: Image.Image) -> None:
    transform = CropTransform(CLIP, IRRA_AUGMENTED)
    recorded = irra()["transforms"]["train"]
    assert len(recorded) == 4
    with torch.random.fork_rng(devices=[]):
        for seed, expected in recorded:
            torch.manual_seed(seed)
            assert torch.equal(transform(crop), expected)


def test_training_crops_of_irra_without_augmentation_are_the_recorded_ones(
    crop: Image.Image,
) -> None:
    expected = irra()["transforms"]["train_noaug_seed1"]
    assert torch.equal(CropTransform(CLIP, MIRRORED).seeded(crop, 1), expected)


def test_a_seed_gives_what_the_global_generator_gives_and_leaves_it_alone(
    crop: Image.Image,
) -> None:
    transform = CropTransform(CLIP, IRRA_AUGMENTED)
    state = torch.get_rng_state()
    for seed, expected in irra()["transforms"]["train"]:
        assert torch.equal(transform.seeded(crop, seed), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_equals_how_crops_are_prepared_for_the_encoders(crop: Image.Image) -> None:
    for recipe in (CLIP, IMAGENET, CLIP.model_copy(update={"interpolation": "bicubic"})):
        found = CropTransform(recipe, UNVARIED)(crop)
        assert worst(found, preprocess([crop], recipe)[0]) < 1e-6


def test_crops_of_nafs_are_the_recorded_ones() -> None:
    case = nafs()["cases"]["data"]
    transform = CropTransform(IMAGENET, UNVARIED)
    for pixels, recorded in zip(case["raw_pixels"].values(), case["tensor_of_first4"], strict=True):
        tensor = transform(Image.fromarray(pixels.numpy()))  # the last one is grey
        assert fingerprint_differs(tensor, recorded) < 1e-5


def test_crops_of_mia_are_the_recorded_ones() -> None:
    recorded = mia()["cases"]["train_step_regional"]["x_train_sample"]
    transform = CropTransform(IMAGENET, UNVARIED)
    crops = [
        Image.fromarray(smooth_image(100 + i, 160 + 8 * (i % 3), 60 + 4 * (i % 5)))
        for i in range(6)
    ]
    tensors = torch.stack([transform(crop) for crop in crops])
    assert fingerprint_differs(tensors, recorded) < 1e-5


def test_mirroring_reverses_the_columns_about_half_of_the_time(crop: Image.Image) -> None:
    plain = CropTransform(CLIP, UNVARIED)(crop)
    mirrored = CropTransform(CLIP, MIRRORED)
    found = [mirrored.seeded(crop, seed) for seed in range(60)]
    turned = [torch.equal(tensor, plain.flip(2)) for tensor in found]
    assert all(
        turn or torch.equal(tensor, plain) for turn, tensor in zip(turned, found, strict=True)
    )
    assert 15 <= sum(turned) <= 45


def test_erasing_paints_the_numbers_of_the_mean(crop: Image.Image) -> None:
    plain = CropTransform(CLIP, UNVARIED)(crop)
    erased = CropTransform(CLIP, CropVariation(erasing=1.0)).seeded(crop, 2)
    changed = (erased != plain).any(0)
    share = changed.float().mean().item()
    assert 0.015 < share < 0.45
    assert worst(erased[:, changed], torch.tensor(CLIP.mean)[:, None]) < 1e-6


def test_turned_and_grey_crops_become_upright_rgb(crop: Image.Image) -> None:
    exif = Image.Exif()
    exif[274] = 3  # upside down
    turned = crop.rotate(180)
    turned.info["exif"] = exif.tobytes()
    transform = CropTransform(CLIP, UNVARIED)
    assert torch.equal(transform(turned), transform(crop))
    grey = transform(crop.convert("L"))
    colours = grey * torch.tensor(CLIP.std).view(3, 1, 1) + torch.tensor(CLIP.mean).view(3, 1, 1)
    assert worst(colours[0], colours[1]) < 1e-6


def test_seeds_of_samples_differ_and_do_not_change() -> None:
    seeds = {sample_seed(7, epoch, sample) for epoch in range(20) for sample in range(50)}
    assert len(seeds) == 1000
    assert sample_seed(7, 3, 9) == sample_seed(7, 3, 9)
    assert sample_seed(7, 3, 9) != sample_seed(8, 3, 9)
    assert max(seeds) > 2**63  # all 64 bits are in use, and torch takes them
    torch.Generator().manual_seed(max(seeds))


@pytest.mark.slow
def test_another_process_prepares_the_same_crop(crop: Image.Image) -> None:
    transform = CropTransform(CLIP, IRRA_AUGMENTED)
    seed = sample_seed(1, 2, 3)
    task = pickle.dumps((transform, np.asarray(crop), seed))
    code = (
        "import pickle, sys\n"
        "from PIL import Image\n"
        "transform, pixels, seed = pickle.loads(sys.stdin.buffer.read())\n"
        "tensor = transform.seeded(Image.fromarray(pixels), seed)\n"
        "sys.stdout.buffer.write(tensor.numpy().tobytes())\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], input=task, capture_output=True, check=True
    )
    assert finished.stdout == transform.seeded(crop, seed).numpy().tobytes()
