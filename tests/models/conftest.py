import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import models.encoders  # noqa: F401 - makes open_clip importable where torchvision lacks operators
from tests.models.filled_weights import IRRA, SGIHA, openai_clip


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    """Inputs and outputs of IRRA's own code for the scaled-down checkpoint."""
    content: dict[str, Any] = torch.load(IRRA / "small.pt", weights_only=True)
    return content


@pytest.fixture(scope="session")
def recorded_sgiha() -> dict[str, Any]:
    """Inputs and outputs of SG-IHA's own code for its scaled-down checkpoint."""
    content: dict[str, Any] = torch.load(SGIHA / "small.pt", weights_only=True)
    return content


@pytest.fixture
def irra_folder(tmp_path: Path) -> Path:
    """A run's folder as IRRA leaves it: best.pth and configs.yaml."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("best.pth", "configs.yaml"):
        shutil.copy(IRRA / name, folder / name)
    return folder


@pytest.fixture
def sgiha_folder(tmp_path: Path) -> Path:
    """A run's folder as SG-IHA leaves it: best.pth, all of it in float32."""
    folder = tmp_path / "sgiha"
    folder.mkdir()
    stored = torch.load(SGIHA / "best.pth", weights_only=True)["model"]
    weights = {name: tensor.float() for name, tensor in stored.items()}
    torch.save({"model": weights}, folder / "best.pth")
    return folder


@pytest.fixture
def openai_file(tmp_path: Path) -> Path:
    """A plain state dict with OpenAI's names."""
    path = tmp_path / "clip.pt"
    torch.save(openai_clip(), path)
    return path
