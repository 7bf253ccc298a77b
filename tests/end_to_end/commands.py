"""The commands a newcomer types, as real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

ROOT = Path(__file__).parent.parent.parent
START_S = 90


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m ...`` from the repository root."""
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@contextmanager
def serving(index: Path, *options: str) -> Iterator[httpx.Client]:
    """Serve an index as ``python -m service`` does; stop it and see that it ends well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--index", str(index), "--port", str(port), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        _wait_until_ready(process.stdout)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest
        assert "Traceback" not in rest
    finally:
        process.kill()


def _wait_until_ready(output: IO[str]) -> None:
    lines = []
    for line in output:
        lines.append(line)
        if "is ready at" in line:
            return
    pytest.fail(f"the service ended: {''.join(lines)}")
