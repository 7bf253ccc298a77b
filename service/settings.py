"""Everything an operator may set: options of the command line, or the environment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

LogFormat = Literal["auto", "console", "json"]


class Settings(BaseSettings):
    """Serve an index of person crops: descriptions in, ranked crops out.

    Each option can also be given by the environment: --index as DESCRY_INDEX, and so on.
    An option wins over the environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="DESCRY_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        cli_prog_name="python -m service",
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    index: Path = Field(description="folder that `python -m indexer build` wrote")
    model: str | None = Field(
        default=None,
        min_length=1,
        description="model to encode descriptions with; the index names its own if left out",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 = any free")
    device: str = Field(
        default="auto", min_length=1, description="where the model runs: auto, cpu, cuda, cuda:N"
    )
    precision: str = Field(
        default="auto", min_length=1, description="numbers the model computes in: auto, fp32, bf16"
    )
    log_format: LogFormat = Field(
        default="auto", description="auto is console on a terminal, json elsewhere"
    )


def read_settings(arguments: Sequence[str]) -> Settings:
    """Read options from ``arguments``, what they leave out from the environment.

    Raises:
        ValidationError: If a value is missing or out of range.
        SystemExit: If an option is unknown (2), or help was asked for (0).
    """
    return CliApp.run(Settings, cli_args=list(arguments))
