"""Configurations written as the files that the command line reads."""

import json
from collections.abc import Mapping
from pathlib import Path


def write_toml(content: Mapping[str, object], path: Path) -> Path:
    """Write one key a line, tables inline; what is None is left out."""
    path.write_text("".join(f"{k} = {_value(v)}\n" for k, v in _there(content)), encoding="utf-8")
    return path


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in _there(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)  # numbers, truths and text are written alike


def _there(table: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(key, value) for key, value in table.items() if value is not None]
