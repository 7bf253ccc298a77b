"""Everything an operator may set: options of the command line, or the environment."""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

from models.errors import ConfigurationInvalid
from service.access.gate import AccessRules
from service.audit.auditor import AuditRules
from service.audit.search_store import QueryForm
from service.database import sqlite_url

LogFormat = Literal["auto", "console", "json"]
DATABASE_FILE = "descry.db"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str) -> str:
    for each in _listed(text):
        ipaddress.ip_network(each)
    return text


def _origins(text: str) -> str:
    """Refuse what is no origin, and ``*``: any page could then search a service that is open.

    Raises:
        ValueError: If one is none.
    """
    for each in _listed(text):
        if not _ORIGIN.fullmatch(each):
            raise ValueError(f"{each!r} is no origin: write https://HOST or https://HOST:PORT")
    return text


def database_url(index: Path | None, data: Path | None, database: str | None) -> str:
    """Return where keys and searches are: a server, a data folder, or one beside the index.

    Raises:
        ConfigurationInvalid: If none of them is named.
    """
    if database is not None:
        return database
    if data is None and index is None:
        raise ConfigurationInvalid(
            "which database? Name the index with --index, the data folder with --data, or a "
            "PostgreSQL server with --database"
        )
    folder = data or Path(f"{index.absolute()}.data" if index else "")
    return sqlite_url(folder / DATABASE_FILE)


class Settings(BaseSettings):
    """Serve an index of person crops: descriptions in, ranked crops out.

    Each option can also be given by the environment: --index as DESCRY_INDEX, and so on.
    An option wins over the environment. Other commands: python -m service keys --help,
    python -m service audit --help, python -m service erase --help.
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
        cli_implicit_flags=True,
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
    data: Path | None = Field(
        default=None,
        description="folder of the database of keys and searches; INDEX.data if left out",
    )
    database: str | None = Field(
        default=None,
        repr=False,
        description="PostgreSQL instead: postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    allow_open: bool = Field(
        default=False, description="answer everybody as long as there is no API key"
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        default="", description="addresses and networks whose X-Forwarded-For counts: A,B/16"
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="sites whose pages may call the service: https://A,https://B"
    )
    metrics: Literal["open", "admin"] = Field(
        default="admin", description="who may read /metrics: everybody, or keys of scope admin"
    )
    require_purpose: bool = Field(
        default=False, description="refuse searches that do not say what they are for"
    )
    audit_text: QueryForm = Field(
        default="hash", description="how queries are written down: as keyed hash, or as text"
    )
    audit_required: bool = Field(
        default=False, description="refuse searches that cannot be written down"
    )
    retention_days: int | None = Field(
        default=None, ge=1, description="days that searches are kept; for good if left out"
    )

    @property
    def database_url(self) -> str:
        """Where keys and searches are."""
        return database_url(self.index, self.data, self.database)

    @property
    def access_rules(self) -> AccessRules:
        """What is set about access."""
        return AccessRules(
            allow_open=self.allow_open,
            trusted_proxies=_listed(self.trusted_proxies),
            cors_origins=_listed(self.cors_origins),
            metrics=self.metrics,
        )

    @property
    def audit_rules(self) -> AuditRules:
        """What is set about the rows of searches."""
        return AuditRules(required=self.audit_required, purpose_required=self.require_purpose)


def read_settings(arguments: Sequence[str]) -> Settings:
    """Read options from ``arguments``, what they leave out from the environment.

    Raises:
        ValidationError: If a value is missing or out of range.
        SystemExit: If an option is unknown (2), or help was asked for (0).
    """
    return CliApp.run(Settings, cli_args=list(arguments))
