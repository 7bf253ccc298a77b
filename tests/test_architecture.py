"""Rules of the house that no linter knows: names, sizes, sources, and the fixed top level."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("models", "indexer", "service", "training")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TOP_LEVEL = {
    "service", "indexer", "training", "models", "docker", "tests", "docker-compose.yml",
    "pyproject.toml", "README.md", "Makefile", "LICENSE", "constraints.txt",
}  # fmt: skip
VAGUE = {"util", "utils", "helper", "helpers", "base", "core", "manager", "common", "misc"}
LONGEST_MODULE = 400


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            yield node


def test_modules_were_found() -> None:
    assert len(MODULES) > 20
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


def test_source_files_at_the_top_level_are_the_fixed_ones() -> None:
    made_here = {"demo", "runs", "bench", "build"}
    found = {
        path.name
        for path in ROOT.iterdir()
        if not path.name.startswith((".", "__")) and not path.name.endswith(".egg-info")
    }
    assert found - made_here <= TOP_LEVEL


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_named_for_what_it_holds(path: Path) -> None:
    assert not VAGUE & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_short_and_says_what_it_holds(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_public_functions_name_their_arguments(path: Path) -> None:
    catch_alls = [
        function.name
        for function in public_functions(ast.parse(path.read_text()))
        if function.args.kwarg is not None
    ]
    assert catch_alls == []


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in MODULES
        if relative(path).startswith(("training/losses/", "models/encoders/"))
        and path.name != "__init__.py"
    ],
    ids=relative,
)
def test_a_loss_or_an_encoder_names_its_source(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert "Source" in docstring


def test_no_file_names_a_path_of_somebody_s_machine() -> None:
    texts = [*MODULES, *(ROOT / "tests").rglob("*.py"), ROOT / "Makefile", ROOT / "README.md"]
    needles = ("/".join(("", "root", "")), "/".join(("", "work", "")), "/".join(("..", "shared")))
    named = [relative(path) for path in texts if any(n in path.read_text() for n in needles)]
    assert named == []
