"""A ResNet-50 that also looks at thirds and halves of a person: the staircase of NAFS.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for Text-Based
Person Search, 2021 (https://arxiv.org/abs/2101.03036, section 3.1),
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477; the blocks are torchvision's.
Names of modules are those of published checkpoints. Departs from the authors' code in that the
order of shuffled stripes is an argument, so that a recorded one can be repeated, and that widths,
depths and the kind of block may be smaller than a ResNet-50's.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck

Block = Literal["bottleneck", "basic"]
"""Three convolutions, the last of four times the width, or two."""
PerStage = tuple[int, int, int, int]

_BLOCKS = {"bottleneck": Bottleneck, "basic": BasicBlock}


class ResNetSizes(NamedTuple):
    """The dimensions of a ResNet; those of ResNet-50 where nothing else is said."""

    widths: PerStage = (64, 128, 256, 512)
    depths: PerStage = (3, 4, 6, 3)
    block: Block = "bottleneck"

    @property
    def feature_width(self) -> int:
        """How many channels the last stage has: 2048 in ResNet-50."""
        return self.widths[3] * self.expansion

    @property
    def expansion(self) -> int:
        """How many times wider than its name a stage's output is."""
        return int(_BLOCKS[self.block].expansion)


RESNET_50 = ResNetSizes()


class StripeOrders(NamedTuple):
    """Which stripe of a branch's input comes first, second and so on; None is top to bottom."""

    patches: Sequence[int] | None = None
    regions: Sequence[int] | None = None


UPRIGHT = StripeOrders()


class StaircaseFeatures(NamedTuple):
    """Mean features of crops at three scales, float32."""

    whole: torch.Tensor
    """``(n, c)``; c is 2048 in ResNet-50."""
    patches: torch.Tensor
    """``(n, p, c)``, top to bottom."""
    regions: torch.Tensor
    """``(n, p, c)``, top to bottom."""


class StaircaseResNet(nn.Module):
    """A ResNet whose last stage keeps its resolution, and two branches over stripes."""

    def __init__(
        self, patch_stripes: int, region_stripes: int, sizes: ResNetSizes = RESNET_50
    ) -> None:
        super().__init__()
        self.patch_stripes = patch_stripes
        self.region_stripes = region_stripes
        self.conv1 = nn.Conv2d(3, sizes.widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(sizes.widths[0])
        self.layer1 = _stage(sizes, 0, stride=1)
        self.layer2 = _stage(sizes, 1, stride=2)
        self.layer3 = _stage(sizes, 2, stride=2)
        self.layer4 = _stage(sizes, 3, stride=1)
        self.branch2_layer3 = _stage(sizes, 2, stride=2)
        self.branch2_layer4 = _stage(sizes, 3, stride=1)
        self.branch3_layer4 = _stage(sizes, 3, stride=1)

    def forward(self, pixels: torch.Tensor, orders: StripeOrders = UPRIGHT) -> StaircaseFeatures:
        """Map normalised pixels ``(n, 3, h, w)`` to features of the crop and of its stripes.

        Training shuffles the stripes in front of a branch, with one order for the whole batch,
        and puts them back behind it: only what convolutions see across their borders differs.
        """
        finer, coarser = self._trunk(pixels)
        patches = self.branch2_layer3(_shuffled(finer, self.patch_stripes, orders.patches))
        patches = self.branch2_layer4(patches)
        regions = self.branch3_layer4(_shuffled(coarser, self.region_stripes, orders.regions))
        return StaircaseFeatures(
            _mean(self.layer4(coarser)),
            _stripe_means(patches, self.patch_stripes, orders.patches),
            _stripe_means(regions, self.region_stripes, orders.regions),
        )

    def later_stages(self) -> list[nn.Module]:
        """Return the stages behind the first, which autocast applies to."""
        first = (self.conv1, self.bn1, self.layer1)
        return [module for module in self.children() if module not in first]

    def whole(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to the first of the features, ``(n, c)``."""
        _, coarser = self._trunk(pixels)
        return _mean(self.layer4(coarser))

    def _trunk(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # The first stage loses more to bfloat16 than all later ones: with it, the features of 12
        # crops kept a cosine of 0.9988 to float32, without it 0.9996, for a tenth of the speed.
        with torch.autocast(pixels.device.type, enabled=False):
            maps = functional.relu(self.bn1(self.conv1(pixels)), inplace=True)
            maps = self.layer1(functional.max_pool2d(maps, 3, 2, 1))  # (n, c, h / 4, w / 4)
        finer = self.layer2(maps)  # (n, c, h / 8, w / 8)
        return finer, self.layer3(finer)  # (n, c, h / 16, w / 16)


def _stage(sizes: ResNetSizes, stage: int, *, stride: int) -> nn.Sequential:
    block, width = _BLOCKS[sizes.block], sizes.widths[stage]
    width_in = sizes.widths[stage - 1] * sizes.expansion if stage else width
    width_out = width * sizes.expansion
    shortcut = None
    if stride != 1 or width_in != width_out:
        shortcut = nn.Sequential(
            nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)
        )
    first = block(width_in, width, stride, shortcut)
    further = (block(width_out, width) for _ in range(sizes.depths[stage] - 1))
    return nn.Sequential(first, *further)


def _stripes(maps: torch.Tensor, count: int) -> list[torch.Tensor]:
    height = maps.shape[2]
    step = height // count
    starts = [step * stripe for stripe in range(count)]
    # Each has as many rows; the last takes what remains.
    return [maps[:, :, a:b] for a, b in zip(starts, [*starts[1:], height], strict=True)]


def _shuffled(maps: torch.Tensor, count: int, order: Sequence[int] | None) -> torch.Tensor:
    if order is None:
        return maps
    stripes = _stripes(maps, count)
    return torch.cat([stripes[source] for source in order], dim=2)  # (n, c, h, w)


def _stripe_means(maps: torch.Tensor, count: int, order: Sequence[int] | None) -> torch.Tensor:
    means = [_mean(stripe) for stripe in _stripes(maps, count)]
    places = range(count) if order is None else [order.index(source) for source in range(count)]
    return torch.stack([means[place] for place in places], dim=1)  # (n, count, c)


def _mean(maps: torch.Tensor) -> torch.Tensor:
    return maps.float().mean((2, 3))  # (n, c)
