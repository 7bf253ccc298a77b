"""What the README tells a newcomer to type exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MODULES = ("indexer", "models", "service", "training")
MODULE_COMMAND = re.compile(rf"python -m ({'|'.join(MODULES)}) ?(\w*)([^\n`#]*)")
COMMANDS = sorted({(m[1], m[2], m[3].strip()) for m in MODULE_COMMAND.finditer(README)})


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150
    assert "@@" not in README


def test_commands_were_found() -> None:
    assert {module for module, _, _ in COMMANDS} == set(MODULES)


@pytest.mark.parametrize(("module", "verb", "rest"), COMMANDS)
def test_a_command_of_the_readme_exists_with_its_options(module: str, verb: str, rest: str) -> None:
    inner = re.match(r"[a-z]+", rest) if verb in ("keys", "audit") else None
    words = [module, *([verb] if verb else []), *([inner[0]] if inner else []), "--help"]
    told = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "200"},
    ).stdout
    options = re.findall(r"--[a-z-]+", rest)
    assert [option for option in options if option not in told] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake (?:\w+=\S+ )?(\w+)", README))))
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_a_file_that_the_readme_shows_exists(path: str) -> None:
    assert (ROOT / path).is_file()
