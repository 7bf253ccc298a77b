"""Folders as the authors of each system leave them, with stand-ins for trained weights.

The weights follow from names and shapes, so that two of the systems can be compared with the
numbers recorded from their authors' code through the whole product.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.models.det_weights import det, smooth_image
from tests.models.filled_weights import fill

REFERENCE = Path(__file__).parent.parent / "reference"
CLIP_VOCABULARY = 49408
MIA_ROWS = 1287
SIZES = ((160, 60), (128, 64), (200, 77), (384, 128))  # of NAFS's recorded crops: height, width


def irra(folder: Path) -> Path:
    """A run of IRRA: best.pth and configs.yaml."""
    (folder / "configs.yaml").write_text((REFERENCE / "irra/configs.yaml").read_text())
    torch.save({**_whole_vocabulary("irra"), "epoch": 3}, folder / "best.pth")
    return folder


def agm_irra(folder: Path) -> Path:
    """A run of AGM-IRRA, which differs by the losses in its configs.yaml."""
    irra(folder)
    path = folder / "configs.yaml"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("loss_names")]
    path.write_text("\n".join([*kept, "loss_names: sdm+mlm+id+cmt"]) + "\n")
    return folder


def sg_iha(folder: Path) -> Path:
    """A run of SG-IHA: float32 throughout, the bridge beside the towers."""
    content = _whole_vocabulary("sgiha")
    weights = {name: tensor.float() for name, tensor in content["model"].items()}
    torch.save({"model": weights}, folder / "best.pth")
    return folder


def nafs(folder: Path) -> Path:
    """The recorded NAFS network in the layout of its checkpoint, vocabulary and sizes beside."""
    recorded = read_recorded("nafs")
    network = {
        name: _recorded_tensor(name.removeprefix("module."), tuple(shape), recorded["bn_buffers"])
        for name, shape in recorded["state_dict_layout"].items()
    }
    classes = torch.nn.Parameter(torch.from_numpy(det("W", (768, 12))))
    torch.save({"network": network, "W": classes, "epoch": 7}, folder / "best_model.pth.tar")
    (folder / "vocab.txt").write_text("\n".join(recorded["vocab"]) + "\n", encoding="utf-8")
    (folder / "bert_config.json").write_text(json.dumps(recorded["bert_config"]))
    return folder


def mia(folder: Path) -> Path:
    """The recorded MIA networks in the layout of their checkpoint, the vocabulary beside."""
    recorded = read_recorded("mia")
    content: dict[str, Any] = {"epoch": 1, "acc_history": [], "best_acc": ({"top-1": 0.5}, 0)}
    for module, layout in recorded["checkpoint_layout"].items():
        content[module] = {
            name: _recorded_tensor(f"{module}.{name}", tuple(shape), recorded["bn_buffers"])
            for name, shape in layout.items()
        }
    torch.save(content, folder / "stage_2_id_match_last.pt")
    words = dict(recorded["cases"]["data"]["vocab"])
    # The recorded table has the published number of rows; words nobody writes fill it.
    words |= {f"unused{row}": row for row in range(max(words.values()) + 1, MIA_ROWS)}
    vocabulary = {"vocab": words, "coverage": 0.99}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return folder


def nafs_crops(folder: Path) -> list[str]:
    """Write the 12 test crops of NAFS's recording; return their paths in recorded order."""
    rows = read_recorded("nafs")["cases"]["data"]
    paths = [
        row[0] for row, first in zip(rows["test_rows"], rows["test_unique"], strict=True) if first
    ]
    for path in paths:
        person, number = map(int, Path(path).stem.split("_"))
        seed = 2 * (person - 1) + number
        _save(smooth_image(seed, *SIZES[seed % 4]), folder / path)
    return paths


def mia_crops(folder: Path) -> list[str]:
    """Write the 12 gallery crops of MIA's recording; return their paths in recorded order."""
    data = read_recorded("mia")["cases"]["data"]
    for path in data["gallery_order"]:
        number = int(Path(path).stem.removeprefix("img_"))
        height, width = 160 + 8 * (number % 3), 60 + 4 * (number % 5)
        _save(smooth_image(150 + number, height, width), folder / path)
    return list(data["gallery_order"])


def read_recorded(system: str) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(REFERENCE / system / f"{system}.pt", weights_only=True)
    return content


def _whole_vocabulary(system: str) -> dict[str, Any]:
    """A scaled-down checkpoint with CLIP's whole vocabulary, so that it reads text."""
    content: dict[str, Any] = torch.load(REFERENCE / system / "best.pth", weights_only=True)
    weights = content["model"]
    for name in ("base_model.token_embedding.weight", "mlm_head.fc.weight", "mlm_head.fc.bias"):
        old = weights[name]
        weights[name] = fill(name, (CLIP_VOCABULARY, *old.shape[1:])).to(old.dtype)
    return content


def _recorded_tensor(
    name: str, shape: tuple[int, ...], statistics: dict[str, torch.Tensor]
) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    if name in statistics:
        return statistics[name]
    return torch.from_numpy(det(name, shape))


def _save(pixels: np.ndarray[Any, np.dtype[np.uint8]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
