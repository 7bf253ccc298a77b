"""A short run of the kill script; the long one: ``python -m tests.indexer.kill_script``."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whenever_a_command_is_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.indexer.kill_script", "--moments", "24", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("moments: 24 (")
    assert lines[-1] == "problems: 0"
