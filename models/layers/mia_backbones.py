"""MIA's networks: a ResNet-50 with horizontal stripes, a recurrent text tower, and small MLPs.

Sources: Niu et al., Improving Description-Based Person Re-Identification by Multi-Granularity
Image-Text Alignments, 2020 (https://arxiv.org/abs/1906.09610); names, widths and the stripe rule
are those of https://github.com/cuiaiyu/Text-to-Image-ReIdentification at 84198d5. Departs from
that code in that the caller says whether a text is a caption or a phrase; there, the width of
the tensor decides.
"""

from collections.abc import Mapping
from typing import Literal, Self, cast

import torch
from pydantic import Field, model_validator
from torch import nn
from torchvision.models import resnet50

from models.schema import Schema

# The network reads the filling after the last word as it reads words, so these lengths are part
# of the trained model: a caption filled to another length has another vector.
CAPTION_LENGTH = 60
PHRASE_LENGTH = 6
MAX_PHRASES = 10
"""How many noun phrases of a caption count, from its beginning."""

REGIONAL_WIDTH = 256
"""The width of a stripe before its MLP, which the authors' code fixes."""

_MAP_WIDTH = 2048  # of ResNet-50's last stage
_MAP_STRIDE = 32


class MiaSizes(Schema):
    """The dimensions of MIA, beside the card's image size and embedding width.

    ``granularities``: 1 compares whole with whole; 2 also whole with part, by relation-guided
    attention; 3 also part with part. ``num_cut`` is the training argument of that name, from
    which the number of stripes follows (``stripe_count``); 1 where there are none. The
    vocabulary's checksum is part of what the model is.
    """

    granularities: Literal[1, 2, 3]
    num_cut: int = Field(ge=1, le=64)
    word_width: int = Field(ge=1, le=4096)
    vocabulary_size: int = Field(ge=2, le=1_000_000)
    vocabulary_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.granularities == 1) != (self.num_cut == 1):
            raise ValueError("num_cut must be 1 where granularities is 1, else at least 2")
        return self

    def stripe_count(self, image_height: int) -> int:
        """Return how many stripes a crop of that height in pixels is cut into."""
        rows = -(-image_height // _MAP_STRIDE)
        return len(range(0, rows, _stripe_height(rows, self.num_cut)))


class ImageTower(nn.Module):
    """Pixels to a global vector and to stripes."""

    def __init__(self, sizes: MiaSizes, embedding_width: int) -> None:
        super().__init__()
        self.num_cut = sizes.num_cut
        self.img_backbone = resnet50(weights=None, num_classes=embedding_width)
        if sizes.granularities > 1:
            self.conv_regional = nn.Conv2d(_MAP_WIDTH, REGIONAL_WIDTH, 1)

    def feature_maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to float32 ``(n, 2048, h / 32, w / 32)``."""
        net = self.img_backbone
        # Channels last is up to twice as fast for batches, and what tensor cores read.
        pixels = pixels.to(net.conv1.weight.dtype, memory_format=torch.channels_last)
        maps = net.maxpool(net.relu(net.bn1(net.conv1(pixels))))  # (n, 64, h / 4, w / 4)
        maps = net.layer4(net.layer3(net.layer2(net.layer1(maps))))
        return torch.as_tensor(maps).float()

    def global_features(self, maps: torch.Tensor) -> torch.Tensor:
        """Map feature maps to ``(n, d)``, not normalised."""
        return torch.as_tensor(self.img_backbone.fc(maps.mean((2, 3))))

    def stripes(self, maps: torch.Tensor) -> torch.Tensor:
        """Map feature maps to ``(n, p, 256)``, from top to bottom.

        The height of a stripe is rounded down, so there can be more of them than ``num_cut``,
        as in the authors' code.
        """
        height = _stripe_height(maps.shape[2], self.num_cut)
        means = [stripe.mean((2, 3)) for stripe in torch.split(maps, height, dim=2)]
        # The convolution is linear, so it may follow the mean, where it is cheaper.
        columns = torch.stack(means, dim=2).unsqueeze(-1)  # (n, 2048, p, 1)
        return torch.as_tensor(self.conv_regional(columns)).squeeze(-1).transpose(1, 2)


class TextTower(nn.Module):
    """Word numbers to one vector a text, by a bidirectional GRU that also reads the filling."""

    def __init__(self, sizes: MiaSizes, embedding_width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.vocabulary_size, sizes.word_width)
        self.rnn = nn.GRU(sizes.word_width, embedding_width, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * embedding_width, embedding_width)
        self.np_fc = nn.Linear(2 * embedding_width, embedding_width)

    def caption_features(self, ids: torch.Tensor) -> torch.Tensor:
        """Map captions ``(n, CAPTION_LENGTH)`` to ``(n, d)``, not normalised."""
        return torch.as_tensor(self.fc(self._last_states(ids)))

    def phrase_features(self, ids: torch.Tensor) -> torch.Tensor:
        """Map noun phrases ``(n, PHRASE_LENGTH)`` to ``(n, d)``, not normalised."""
        return torch.as_tensor(self.np_fc(self._last_states(ids)))

    def _last_states(self, ids: torch.Tensor) -> torch.Tensor:
        _, (forward, backward) = self.rnn(self.embedding(ids))
        return torch.cat([forward, backward], dim=1)  # (n, 2 * d)


class PartMlp(nn.Module):
    """Two layers that bring parts into the space they are compared in."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width_in, width_in), nn.ReLU(), nn.Linear(width_in, width)
        )

    def forward(self, parts: torch.Tensor) -> torch.Tensor:
        """Map ``(..., width_in)`` to ``(..., width)``."""
        return torch.as_tensor(self.mlp(parts))


class MiaNetwork(nn.Module):
    """Both towers and, where the model compares parts, the MLPs of their parts."""

    def __init__(self, sizes: MiaSizes, embedding_width: int) -> None:
        super().__init__()
        self.img_backbone = ImageTower(sizes, embedding_width)
        self.cap_backbone = TextTower(sizes, embedding_width)
        if sizes.granularities > 1:
            self.rga_img_mlp = PartMlp(REGIONAL_WIDTH, embedding_width)
            self.rga_cap_mlp = PartMlp(embedding_width, embedding_width)
        if sizes.granularities > 2:
            self.bfm_img_mlp = PartMlp(REGIONAL_WIDTH, embedding_width)
            self.bfm_cap_mlp = PartMlp(embedding_width, embedding_width)


def network_shapes(sizes: MiaSizes, embedding_width: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor of such a network, without building it."""
    with torch.device("meta"):
        network = MiaNetwork(sizes, embedding_width)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def build_network(
    sizes: MiaSizes, embedding_width: int, tensors: Mapping[str, torch.Tensor]
) -> MiaNetwork:
    """Build a network around tensors that fit it, in float32, for inference."""
    with torch.device("meta"):  # no time and memory for random weights that are replaced at once
        network = MiaNetwork(sizes, embedding_width)
    # Copied, because tensors read from a file may be mapped: they would follow its changes.
    weights = {
        name: tensor.to(
            torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True
        ).contiguous()
        for name, tensor in tensors.items()
    }
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(requires_grad=False).eval()


def place(network: MiaNetwork, device: torch.device, dtype: torch.dtype) -> MiaNetwork:
    """Move a network to a device, with the ResNet's convolutions in ``dtype``.

    They are nearly all of the work. The rest stays float32: norms, heads, and the text tower,
    whose rounding would add up over its 60 steps. Weights are cast instead of using autocast,
    which casts all of them again for every batch. Measured with bf16 on two cores of a CPU with
    AVX-512 BF16: a batch of 64 in 30 ms a crop instead of 70, a single crop in 37 ms instead of
    130 (autocast 86), cosine of rows to float32 at least 0.9998.
    """
    # Typed as if the layout needed a dtype and a device beside it; only 4-axis weights change.
    placed = cast(MiaNetwork, network.to(device).to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    for module in placed.img_backbone.img_backbone.modules():
        if isinstance(module, nn.Conv2d):
            module.to(dtype)
    return placed


def _stripe_height(rows: int, num_cut: int) -> int:
    return max(rows // num_cut, 1)
