"""Folders of drawn crops, and an index made of one."""

from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from indexer.build import BuildReport, build
from indexer.preparation import BuildOptions
from tests.fakes import ColourEncoder

RGB = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (16, 32)) -> Path:
    """Write a crop of one colour; the suffix names the format. A PNG has its name inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    note = PngInfo()
    note.add_itxt("name", path.name)
    Image.new("RGB", size, RGB[colour]).save(path, pnginfo=note)
    return path


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Five crops of five colours, in two folders and five formats."""
    folder = tmp_path / "crops"
    draw(folder / "cam1" / "red.png", "red")
    draw(folder / "cam1" / "green.JPG", "green")
    draw(folder / "cam2" / "blue.webp", "blue")
    draw(folder / "cam2" / "white.bmp", "white")
    draw(folder / "black.jpeg", "black")
    return folder


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A place for an index; nothing is there yet."""
    return tmp_path / "index"


@pytest.fixture
def built(crops: Path, index: Path, encoder: ColourEncoder) -> BuildReport:
    """The five crops, indexed at ``index``."""
    return build(crops, index, encoder, BuildOptions(batch_size=2, workers=2))
