"""The sizes of NAFS's towers where no start brings them."""

from typing import Self

from pydantic import Field, JsonValue, model_validator

from models.layers.staircase_resnet import RESNET_50, Block, PerStage
from models.nafs_checkpoints import IMAGE
from models.schema import Schema

_SEGMENTS, _NORM_EPSILON = 1, 1e-12  # no caption has a second segment


class ImageTower(Schema):
    """A staircase, and the crops it sees; as published by default."""

    widths: PerStage = RESNET_50.widths
    depths: PerStage = RESNET_50.depths
    block: Block = RESNET_50.block
    """``bottleneck``: blocks of three convolutions, at their end four times as wide as stated, as
    in ResNet-50. ``basic``: of two, as in ResNet-18."""
    patch_stripes: int = Field(default=3, ge=1)
    region_stripes: int = Field(default=2, ge=1)
    height: int = Field(default=IMAGE.height, ge=32)
    width: int = Field(default=IMAGE.width, ge=32)

    @property
    def sizes(self) -> dict[str, JsonValue]:
        """What the tower decides of ``NafsSizes``."""
        return {
            "image_widths": list(self.widths),
            "image_depths": list(self.depths),
            "image_block": self.block,
            "patch_stripes": self.patch_stripes,
            "region_stripes": self.region_stripes,
        }


class TextTower(Schema):
    """A BERT; of bert-base's sizes by default. Its width is the embedding width too."""

    width: int = Field(default=768, ge=1)
    layers: int = Field(default=12, ge=1)
    heads: int = Field(default=12, ge=1)
    inner_width: int = Field(default=3072, ge=1)
    positions: int = Field(default=512, ge=3)
    vocabulary_limit: int = Field(default=30522, ge=300)
    """The vocabulary is made of the training captions and has at most this size."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads cannot share a width of {self.width}")
        return self

    @property
    def sizes(self) -> dict[str, JsonValue]:
        """What the tower decides of ``NafsSizes``."""
        return {
            "text_layers": self.layers,
            "text_heads": self.heads,
            "text_inner_width": self.inner_width,
            "text_positions": self.positions,
            "text_segments": _SEGMENTS,
            "text_norm_epsilon": _NORM_EPSILON,
        }
