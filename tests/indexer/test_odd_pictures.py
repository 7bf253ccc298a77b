"""Pictures that are no crop of a person: indexed like any other, or refused with the reason."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.crop_table import CropTable
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions
from indexer.vectors import open_vectors
from models.contracts import Float32Array, PersonEncoder
from models.loading import load_encoder

HEIGHT, WIDTH = 120, 40


def gradient(width: int, height: int) -> Image.Image:
    """Draw a sky above a meadow."""
    down = np.linspace(0, 1, height)[:, None, None]
    across = np.linspace(-10, 10, width)[None, :, None]
    sky, grass = np.array([150, 190, 235]), np.array([60, 110, 40])
    return Image.fromarray((sky + (grass - sky) * down + across).clip(0, 255).astype(np.uint8))


def person(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Draw head, red coat and blue trousers before a grey wall."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 124))
    image.paste((205, 160, 130), (15, 6, 25, 22))
    image.paste((170, 25, 30), (8, 22, 32, 66))
    image.paste((30, 40, 110), (11, 66, 29, 116))
    return image.resize((width, height))


def infrared() -> Image.Image:
    """Take colour from a person, make skin bright, and leave a camera's tint and noise."""
    grey = np.asarray(person().convert("L")).astype(float)
    grey[6:22, 15:25] = 245
    grey += np.random.default_rng(4).normal(0, 6, grey.shape)
    tint = np.stack([grey, grey + 2, grey + 1], axis=-1)
    return Image.fromarray(tint.clip(0, 255).astype(np.uint8))


def odd_pictures() -> dict[str, Image.Image]:
    rng = np.random.default_rng(7)
    grey = person().convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    seen_through = person()
    seen_through.putalpha(grey)
    return {
        "alpha.png": seen_through,
        "black.png": Image.new("RGB", (WIDTH, HEIGHT)),
        "black-and-white.png": grey.convert("1"),
        "clear.png": Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0)),
        "deep.png": Image.fromarray(deep),
        "grey.png": grey,
        "infrared.jpg": infrared(),
        "landscape.jpg": gradient(300, 100),
        "line.png": gradient(2000, 8),
        "noise.png": Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)),
        "palette.png": person().convert("P"),
        "palette as rgb.png": person().convert("P").convert("RGB"),
        "person.png": person(),
        "small.png": person(12, 30),
        "white.png": Image.new("RGB", (WIDTH, HEIGHT), "white"),
    }


@pytest.fixture(scope="module")
def encoder() -> PersonEncoder:
    return load_encoder("default", device="cpu")


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "crops"
    folder.mkdir()
    for name, image in odd_pictures().items():
        image.save(folder / name)
    gradient(7, 200).save(folder / "thread.png")
    (folder / "text.jpg").write_text("no picture at all")
    whole = (folder / "landscape.jpg").read_bytes()
    (folder / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "void.png").touch()
    return folder


@pytest.fixture(scope="module")
def report(crops: Path, encoder: PersonEncoder) -> BuildReport:
    return build(crops, crops.parent / "index", encoder, BuildOptions(workers=2))


@pytest.fixture(scope="module")
def rows(report: BuildReport) -> dict[str, Float32Array]:
    """The stored row of each indexed picture, by its name."""
    vectors = np.asarray(open_vectors(report.folder / "000001" / bundle.VECTORS), np.float32)
    table = CropTable(report.folder / "000001" / bundle.CROPS)
    return {table.crop(row).path: vector for row, vector in enumerate(vectors)}


def test_pictures_are_indexed_and_what_is_none_is_refused_with_the_reason(
    report: BuildReport, rows: dict[str, Float32Array]
) -> None:
    assert set(rows) == set(odd_pictures())
    reasons = {item.path: item.reason for item in report.quarantined}
    assert set(reasons) == {"text.jpg", "thread.png", "torn.jpg", "void.png"}
    assert reasons["text.jpg"] == "not a JPEG, PNG, WebP or BMP image"
    assert reasons["thread.png"] == "too small: 7x200, at least 8x8"
    assert reasons["torn.jpg"].startswith("the image is broken: ")
    assert reasons["void.png"] == "the file is empty"
    counts = report.manifest.counts
    assert (counts.found, counts.indexed, counts.quarantined) == (19, 15, 4)


@pytest.mark.parametrize("name", sorted(odd_pictures()))
def test_row_of_an_odd_picture_is_finite_and_of_unit_length(
    rows: dict[str, Float32Array], name: str
) -> None:
    assert np.isfinite(rows[name]).all()
    assert np.linalg.norm(rows[name]) == pytest.approx(1, abs=2e-3)  # stored in fp16


def test_one_picture_in_other_modes_has_nearly_one_row(rows: dict[str, Float32Array]) -> None:
    assert rows["grey.png"] @ rows["deep.png"] > 0.999  # 16 bits of the same grey
    assert rows["palette as rgb.png"] @ rows["palette.png"] > 0.999  # 256 colours, dithered
    assert rows["white.png"] @ rows["clear.png"] > 0.999  # what is transparent is white


def test_odd_pictures_are_told_apart(rows: dict[str, Float32Array]) -> None:
    assert rows["person.png"] @ rows["infrared.jpg"] < 0.99
    assert rows["black.png"] @ rows["noise.png"] < 0.99
    assert rows["landscape.jpg"] @ rows["person.png"] < 0.99


def test_person_is_found_among_odd_pictures(
    crops: Path, encoder: PersonEncoder, report: BuildReport
) -> None:
    with closing(open_gallery(crops.parent / "index", encoder.card)) as gallery:
        query = encoder.encode_texts(["person in a red coat and blue trousers"])[0]
        hits = gallery.search(query, report.manifest.counts.indexed).hits
    assert np.isfinite([hit.score for hit in hits]).all()
    scores = {hit.crop.path: hit.score for hit in hits}
    assert scores["person.png"] > max(scores[name] for name in ("grey.png", "infrared.jpg"))
