"""Reads the tensors of a TorchScript archive without running anything in it.

OpenAI published CLIP's weights as such archives: a zip file with a pickle of the module tree
(``data.pkl``), one record a storage (``data/N``), and code. PyTorch's own reader runs the code of
``__setstate__`` and is deprecated; a strict unpickler needs only the tree.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import torch

_STORAGES = {
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "BoolStorage": torch.bool,
}


class _Storage:
    """The record a persistent id names; only its subclasses' ``dtype`` differs."""

    dtype: torch.dtype


_STORAGE_TYPES = {
    name: type(name, (_Storage,), {"dtype": dtype}) for name, dtype in _STORAGES.items()
}


class _ScriptObject:
    """A module of the archive, reduced to its attributes."""

    def __init__(self) -> None:
        self.attributes: dict[str, object] = {}

    def __setstate__(self, state: object) -> None:
        # An object with a state of its own type has no attributes to read tensors from.
        self.attributes = state if isinstance(state, dict) else {}


def is_torchscript(path: Path) -> bool:
    """Say whether a zip file is a TorchScript archive."""
    with zipfile.ZipFile(path) as archive:
        return any(PurePosixPath(name).match("*/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, torch.Tensor]:
    """Return all tensors by their dotted names.

    Raises:
        UnpicklingError: If the archive has no module tree, or refers to anything but modules
            and tensors.
    """
    with zipfile.ZipFile(path) as archive:
        trees = [name for name in archive.namelist() if PurePosixPath(name).match("*/data.pkl")]
        if len(trees) != 1:
            raise pickle.UnpicklingError("no module tree (data.pkl)")
        with archive.open(trees[0]) as file:
            tree = _TensorsOnly(file, archive, PurePosixPath(trees[0]).parent).load()
    return dict(_named_tensors(tree, ""))


class _TensorsOnly(pickle.Unpickler):  # noqa: S301 - made for untrusted files: see find_class
    """Builds modules as bare attributes and tensors as tensors; refuses every other name."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, folder: PurePosixPath) -> None:
        super().__init__(file)
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> object:
        """Return the stand-in for a name.

        Raises:
            UnpicklingError: If the name is none that a tree of modules and tensors needs.
        """
        if module == "__torch__" or module.startswith("__torch__."):
            return _ScriptObject
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        if module == "torch.jit._pickle":  # wrappers that give a list its element type
            return _first
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL {module}.{name}")

    def persistent_load(self, pid: object) -> torch.Tensor:
        """Return the flat tensor of a storage record.

        Raises:
            UnpicklingError: If the reference is not one to a storage.
        """
        match pid:
            case ("storage", type() as storage, str() as key, _, int()) if issubclass(
                storage, _Storage
            ):
                record = bytearray(self._archive.read(str(self._folder / "data" / key)))
                if not record:
                    return torch.empty(0, dtype=storage.dtype)
                return torch.frombuffer(record, dtype=storage.dtype)
            case _:
                raise pickle.UnpicklingError("a reference to something that is no tensor")


def _first(value: object, *_: object) -> object:
    return value


def _rebuild_tensor(
    storage: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> torch.Tensor:
    return torch.as_strided(storage, size, stride, offset)


def _named_tensors(value: object, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, _ScriptObject):
        for name, attribute in value.attributes.items():
            yield from _named_tensors(attribute, f"{prefix}.{name}" if prefix else name)
