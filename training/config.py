"""What a training run is: one TOML file, validated; a misspelt key stops the run."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from models.errors import ConfigurationInvalid
from models.schema import Schema
from training.captioned_batches import BatchesConfig
from training.compact.config import CompactDualConfig, HeldOutConfig, RenderedPeopleConfig
from training.datasets.sources import CaptionedDataConfig
from training.epoch_schedules import EpochSchedule
from training.methods.agm_irra import AgmIrraConfig
from training.methods.irra import IrraConfig
from training.methods.mia import MiaConfig
from training.methods.nafs import NafsConfig
from training.methods.sg_iha import SgIhaConfig
from training.optimisers import OptimiserConfig

CaptionedMethodConfig = Annotated[
    IrraConfig | AgmIrraConfig | SgIhaConfig | NafsConfig | MiaConfig, Field(discriminator="name")
]


class SampleSchedule(Schema):
    """A linear warm-up and a cosine to zero, both counted in samples."""

    warmup_samples: int = Field(ge=0)


class LoopConfig(Schema):
    """What is the same for every method."""

    seed: int = Field(ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    """``fp32``: all of it. ``bf16``: matrix products of the forward in bfloat16, weights and their
    moments in float32. ``auto``: bf16 where the hardware multiplies it. A method may also keep
    its weights in half precision, as IRRA does: see its own ``precision``."""
    checkpoint_seconds: float = Field(default=600, gt=0)
    report_steps: int = Field(default=20, ge=1)
    workers: int = Field(default=0, ge=0, le=64)
    """Processes that prepare batches ahead; the run is the same for any number."""
    gradient_norm: float | None = Field(default=None, gt=0)
    """Longer gradients are shortened to this; None leaves them."""
    average_decay: float | None = Field(default=None, gt=0, lt=1)
    """Of the moving average of the weights, which is then what is measured and exported."""


class ValidationConfig(Schema):
    """How a run is measured while it goes on, and which weights are ``best``."""

    every_epochs: int = Field(default=1, ge=1)
    select_on_test: bool = False
    """Choose ``best`` by the test split, as the authors' codes do. Figures on the test split are
    then no longer those of unseen data, and every report says so."""


class RenderedRunConfig(LoopConfig):
    """A run on rendered people whose captions carry exact claims."""

    data: RenderedPeopleConfig
    method: CompactDualConfig
    optimiser: OptimiserConfig
    schedule: SampleSchedule
    held_out: HeldOutConfig


class CaptionedRunConfig(LoopConfig):
    """A run on captioned crops, of one of the published methods."""

    data: CaptionedDataConfig
    method: CaptionedMethodConfig
    batches: BatchesConfig
    optimiser: OptimiserConfig
    schedule: EpochSchedule
    validation: ValidationConfig = ValidationConfig()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        batches = self.batches
        if batches.epochs > self.schedule.epochs:
            raise ValueError(
                f"batches.epochs {batches.epochs} must be at most schedule.epochs "
                f"{self.schedule.epochs}, after which nothing is learned"
            )
        if batches.sampler == "identity" and batches.size % batches.images_per_person:
            raise ValueError(
                f"batches.size {batches.size} must be a multiple of batches.images_per_person "
                f"{batches.images_per_person}"
            )
        return self


TrainConfig = RenderedRunConfig | CaptionedRunConfig


def read_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read and validate a TOML file.

    Args:
        path: The file.
        overrides: ``key=value`` with a dotted key and a TOML value, as ``batches.size=32``.

    Raises:
        ConfigurationInvalid: If it is missing, no TOML, or has a key or value that cannot work.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ConfigurationInvalid(
            f"configuration {path} cannot be read: {error}. Name a TOML file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"configuration {path} is no TOML: {error}") from error
    for override in overrides:
        _override(content, override)
    return validate_config(content, str(path))


def validate_config(content: dict[str, Any], source: str) -> TrainConfig:
    """Validate the content of a configuration.

    Raises:
        ConfigurationInvalid: If it has a key or value that cannot work.
    """
    method = content.get("method")
    name = method.get("name") if isinstance(method, dict) else None
    kind = RenderedRunConfig if name == "compact_dual" else CaptionedRunConfig
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'keys together'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationInvalid(
            f"configuration {source} cannot work: {problems}. "
            "The keys and their meanings are in training/config.py and training/methods."
        ) from error


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    *tables, last = (part.strip() for part in key.split("."))
    if not equals or not all((*tables, last)):
        raise ConfigurationInvalid(
            f"override {override!r} sets nothing: write key=value, as in batches.size=32"
        )
    table = content
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigurationInvalid(
                f"override {override!r}: {name!r} is a value, not a table; override it as a whole"
            )
    table[last] = _toml_value(value)


def _toml_value(text: str) -> Any:  # noqa: ANN401 - whatever TOML can say
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text.strip()  # a bare word is a string
    return parsed["value"] if len(parsed) == 1 else text
