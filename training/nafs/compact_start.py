"""The towers of a trained compact dual encoder, as a ResNet and a BERT that NAFS can start from.

Its residual stages are those of a ResNet of basic blocks. Its stem is a convolution of 3 x 3, which
is one of 7 x 7 with zeros around it, and of pixels that are normalised otherwise, which the stem
and its batch norm make up for. The shortcuts into its later stages join four cells where those of
a ResNet read one, which is given the sum of their weights: the same for cells that are alike.
What follows the stages there (attention over the cells, stripes,
projections) is left.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from models.card import CARD_FILE, ImagePreprocessing
from models.encoders.compact_dual import ResidualBlock
from training.compact.trained import TrainedCompact

_BLOCK = (
    ("conv1", "convolution1"),
    ("bn1", "norm1"),
    ("conv2", "convolution2"),
    ("bn2", "norm2"),
    ("downsample", "shortcut"),
)
_SHORTCUT = "downsample.0.weight"


def resnet_of(compact: TrainedCompact, image: ImagePreprocessing) -> dict[str, torch.Tensor]:
    """Return the image tower in torchvision's names, for pixels that are normalised otherwise.

    The stem's outputs are the same but in the outermost pixels, where what is padded with is
    zero after either normalisation. Its stages see maps of half the size: a max pooling comes
    between that this encoder has not.
    """
    tower = compact.network.image_tower
    tensors = _renormalised(tower.stem.state_dict(), compact.image, image)
    blocks = iter(tower.body)
    for stage, depth in enumerate(compact.sizes.stage_depths, start=1):
        for position in range(depth):
            for name, tensor in _block(next(blocks)).items():
                tensors[f"layer{stage}.{position}.{name}"] = tensor
    return tensors


def is_model_directory(path: Path) -> bool:
    """Say whether a folder holds a model of Descry, and no BERT of transformers."""
    return (path / CARD_FILE).is_file()


def _renormalised(
    stem: Mapping[str, torch.Tensor], own: ImagePreprocessing, other: ImagePreprocessing
) -> dict[str, torch.Tensor]:
    own_mean, own_std = torch.tensor(own.mean), torch.tensor(own.std)
    mean, std = torch.tensor(other.mean), torch.tensor(other.std)
    # A pixel of the other normalisation, x, is (x * std + mean - own_mean) / own_std of the own.
    weight = stem["0.weight"]  # (c, 3, 3, 3)
    scaled = weight * (std / own_std).view(1, -1, 1, 1)
    constant = (weight.sum((2, 3)) * ((mean - own_mean) / own_std)).sum(1)  # (c,)
    tensors = {f"bn1.{name[2:]}": t for name, t in stem.items() if name.startswith("1.")}
    tensors["bn1.running_mean"] = tensors["bn1.running_mean"] - constant
    return tensors | {"conv1.weight": functional.pad(scaled, (2, 2, 2, 2))}


def _block(block: nn.Module) -> Mapping[str, torch.Tensor]:
    if not isinstance(block, ResidualBlock):
        raise TypeError(f"{type(block).__name__} is no residual block")
    tensors = {
        f"{name}.{inner}": tensor
        for name, own in _BLOCK
        for inner, tensor in block.get_submodule(own).state_dict().items()
    }
    joining = tensors.get(_SHORTCUT)
    if joining is not None:
        tensors[_SHORTCUT] = joining.sum((2, 3), keepdim=True)
    return tensors
