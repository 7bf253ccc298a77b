import subprocess
import sys

import pytest

from models import torchvision_operators


@pytest.mark.parametrize("package", ["models.encoders", "models.tokenizers", "models.layers"])
@pytest.mark.timeout(120)
def test_torchvision_and_what_needs_it_import_after_our_packages(package: str) -> None:
    """In a fresh interpreter, because this one has imported them long ago."""
    code = f"import {package}, torchvision, open_clip, timm; print(open_clip.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "open_clip\n"), done.stderr


def test_operators_are_declared_once() -> None:
    first = torchvision_operators.declare_missing_operators()
    assert torchvision_operators.declare_missing_operators() is first


def test_a_missing_extension_is_no_loadable_one() -> None:
    assert not torchvision_operators._extension_loads([])


def test_without_torchvision_nothing_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_operators, "find_spec", lambda _: None)
    assert torchvision_operators.declare_missing_operators.__wrapped__() is None
