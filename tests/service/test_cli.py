"""``python -m service`` as a process: it starts, refuses, and stops as an operator expects."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.cli import main
from tests.service.colour_service import load_colours

READY = re.compile(r"Descry is ready at (http://\S+)")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must be refused without a key
COMMAND = (sys.executable, "-W", "error", "-m", "tests.service.colour_service")


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DESCRY_")}
    return kept | variables


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; meant for what must refuse to start."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(**variables),
    )


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the service on a free port and yield it with its URL."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )
    assert process.stdout is not None
    try:
        found = READY.search(process.stdout.readline())
        if found is None:
            pytest.fail(f"the service did not start: {process.communicate(timeout=10)}")
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_it_prints_its_address_serves_and_stops_cleanly(index: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with started("--index", str(index)) as (process, url):
            assert httpx.get(f"{url}/readyz").json()["ready"] is True
            answer = httpx.post(f"{url}/search", json={"text": "woman in red coat"}).json()
            assert answer["results"][0]["path"] == "red 0.png"
            assert httpx.get(url, params={"q": "secret person"}).status_code == 200
            process.send_signal(number)
            out, err = process.communicate(timeout=15)
            assert process.returncode == 0
            assert out.strip() == "stopped"
            assert "Traceback" not in err
            assert answer["query_id"] in err
            for word in ("secret", "woman", "red"):
                assert word not in err


def test_settings_come_from_the_environment_and_options_win(index: Path) -> None:
    variables = {"DESCRY_INDEX": str(index), "DESCRY_LOG_FORMAT": "json", "DESCRY_HOST": "nowhere"}
    with started("--host", "127.0.0.1", **variables) as (_, url):
        assert httpx.get(f"{url}/v1/info").json()["index"]["name"] == "drawn"


def test_an_index_of_another_model_is_refused(index: Path) -> None:
    result = run("--index", str(index), "--model", "other")
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "'colour'" in line
    assert "--model colour" in line


def test_a_missing_index_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    result = run("--index", str(tmp_path / "none"))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert f"python -m indexer build --crops FOLDER --index {tmp_path / 'none'}" in line


def test_a_damaged_index_is_refused(index: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "index"
    shutil.copytree(index, damaged)
    (file,) = damaged.rglob("index.faiss")
    file.write_bytes(file.read_bytes()[:-1])
    result = run("--index", str(damaged))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "index.faiss" in line


def test_a_port_in_use_is_named(index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--index", str(index), "--port", str(port))
    assert result.returncode == 1
    assert result.stderr == (
        f"error: port {port} of 127.0.0.1 is in use: stop the other program, or choose another "
        "port with --port\n"
    )


def test_a_host_that_is_not_here_is_named(index: Path) -> None:
    result = run("--index", str(index), "--host", "192.0.2.1")
    assert result.returncode == 1
    assert "192.0.2.1" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "named"),
    [
        ([], {}, "--index (or DESCRY_INDEX) is missing"),
        (["--index", "x", "--port", "70000"], {}, "--port (or DESCRY_PORT) is '70000'"),
        (["--index", "x", "--port", "eighty"], {}, "--port (or DESCRY_PORT) is 'eighty'"),
        (["--index", "x"], {"DESCRY_PORT": "-1"}, "--port (or DESCRY_PORT) is '-1'"),
        (["--index", "x", "--log-format", "xml"], {}, "--log-format"),
        (["--index", "x", "--prot", "80"], {}, "--prot"),
        (["serve"], {}, "serve"),
    ],
)
def test_wrong_use_is_refused_by_name(
    arguments: list[str], variables: dict[str, str], named: str
) -> None:
    result = run(*arguments, **variables)
    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_key_it_refuses_to_listen_where_others_reach_it(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--index", str(index), "--data", str(tmp_path / "data"), "--host", EVERYWHERE)
    assert main([*arguments, "--port", "0"], load_colours) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no API key" in line
    assert "python -m service keys create" in line
    assert "--allow-open" in line
    with started(*arguments, "--allow-open") as (process, url):
        assert httpx.get(f"{url}/info").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
        assert "no_api_key" in err
        assert "everybody" in err


def test_a_key_opens_it_until_it_is_revoked_and_searches_are_written_down(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", str(tmp_path / "data"))
    body = {"text": "woman in red coat"}
    arguments = ("--index", str(index), *data, "--audit-text", "text", "--host", EVERYWHERE)
    assert main(["keys", "create", "--name", "gatehouse", *data]) == 0
    key = capsys.readouterr().out.strip()
    with started(*arguments, "--require-purpose") as (process, url):
        assert httpx.post(f"{url}/search", json=body).status_code == 401
        headers = {"authorization": f"Bearer {key}"}
        assert httpx.post(f"{url}/search", json=body, headers=headers).status_code == 422
        headers["x-descry-purpose"] = "lost child 4"
        answer = httpx.post(f"{url}/search", json=body, headers=headers).json()
        assert main(["keys", "revoke", key.split("_")[1], *data]) == 0
        deadline = time.monotonic() + 10
        while httpx.get(f"{url}/info", headers=headers).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
        assert process.returncode == 0
        assert "woman" not in err
    capsys.readouterr()
    assert main(["audit", "list", *data]) == 0
    listed = capsys.readouterr().out
    assert answer["query_id"] in listed
    assert "purpose 'lost child 4'  text:woman in red coat" in listed


def test_help_names_every_option_and_its_variable() -> None:
    result = run("--help")
    assert result.returncode == 0
    options = (
        "index", "model", "host", "port", "device", "precision", "log-format", "data", "database",
        "allow-open", "trusted-proxies", "cors-origins", "metrics", "require-purpose",
        "audit-text", "audit-required", "retention-days",
    )  # fmt: skip
    for option in options:
        assert f"--{option}" in result.stdout
    assert "DESCRY_INDEX" in result.stdout
    for command in ("keys", "audit", "erase"):
        assert f"python -m service {command} --help" in " ".join(result.stdout.split())
