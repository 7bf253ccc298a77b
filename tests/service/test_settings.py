"""What an operator may set about access and audit, and what is refused."""

from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from service.access.gate import AccessRules
from service.audit.auditor import AuditRules
from service.cli import main
from service.settings import database_url, read_settings


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "DATABASE", "TRUSTED_PROXIES", "CORS_ORIGINS", "METRICS"):
        monkeypatch.delenv(f"DESCRY_{name}", raising=False)


def test_it_is_closed_unless_it_is_opened() -> None:
    settings = read_settings(["--index", "x"])
    assert settings.access_rules == AccessRules(
        allow_open=False, trusted_proxies=(), cors_origins=(), metrics="admin"
    )
    assert settings.audit_rules == AuditRules(required=False, purpose_required=False)
    assert (settings.audit_text, settings.retention_days) == ("hash", None)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCRY_CORS_ORIGINS", "https://a.example, http://b.example:8080")
    options = ["--trusted-proxies", "10.0.0.0/8,192.0.2.1, 2001:db8::/32", "--allow-open"]
    rules = read_settings(["--index", "x", *options]).access_rules
    assert rules.trusted_proxies == ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")
    assert rules.cors_origins == ("https://a.example", "http://b.example:8080")
    assert rules.allow_open


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("trusted-proxies", "10.0.0.1/8"),
        ("trusted-proxies", "*"),
        ("trusted-proxies", "proxy.example"),
        ("cors-origins", "*"),
        ("cors-origins", "https://a.example/path"),
        ("cors-origins", "a.example"),
        ("metrics", "closed"),
        ("audit-text", "plain"),
        ("retention-days", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main(["--index", "x", f"--{option}", value]) == 2
    said = capsys.readouterr().err
    assert f"--{option} (or DESCRY_{option.replace('-', '_').upper()}) is {value!r}" in said


def test_the_database_is_a_server_a_data_folder_or_beside_the_index(tmp_path: Path) -> None:
    index, data = tmp_path / "index", tmp_path / "data"
    server = "postgresql+psycopg://user:secret@host/name"
    assert database_url(index, data, server) == server
    assert database_url(index, data, None) == f"sqlite:///{data}/descry.db"
    assert database_url(index, None, None) == f"sqlite:///{index}.data/descry.db"
    with pytest.raises(ConfigurationInvalid, match="--index"):
        database_url(None, None, None)


def test_a_password_is_not_shown_with_the_settings() -> None:
    settings = read_settings(["--index", "x", "--database", "postgresql://user:hidden@host/name"])
    assert "hidden" not in repr(settings)
