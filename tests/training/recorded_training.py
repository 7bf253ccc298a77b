"""What the codes of published systems computed while training, and comparisons with it."""

import functools
import random
from typing import Any

import torch

from tests.models.filled_weights import REFERENCE


@functools.cache
def irra() -> dict[str, Any]:
    return _load("irra/training.pt")


@functools.cache
def sgiha() -> dict[str, Any]:
    return _load("sgiha/small.pt")


@functools.cache
def agm() -> dict[str, Any]:
    return _load("agm/agm.pt")


@functools.cache
def nafs() -> dict[str, Any]:
    return _load("nafs/nafs.pt")


@functools.cache
def mia() -> dict[str, Any]:
    return _load("mia/mia.pt")


def python_random(seed: int) -> random.Random:
    """The generator that the recorded codes draw from."""
    return random.Random(seed)  # noqa: S311 - draws samples, keeps no secret


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(REFERENCE / name, weights_only=True)
    return content
