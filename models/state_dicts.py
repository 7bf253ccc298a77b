"""Named tensors on disk: read without trusting the file, compared with a model, written whole."""

import json
import pickle
import re
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.card import CARD_FILE, WEIGHTS_FILE, ModelCard, file_sha256
from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid
from models.torchscript_archives import is_torchscript, read_torchscript

Shapes = Mapping[str, tuple[int, ...]]

# What the readers raise on damaged bytes: they parse before they know that a file is sound.
_DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, SafetensorError, struct.error, json.JSONDecodeError,
    OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError,
    AssertionError, OverflowError, MemoryError,
)  # fmt: skip
_WRAPPERS = ("model", "state_dict")  # IRRA's and most trainers' key for the weights
_NAMED_AT_MOST = 4


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one file, by name, and the file's SHA-256."""

    path: Path
    sha256: str
    tensors: Mapping[str, torch.Tensor]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a PyTorch checkpoint, a TorchScript archive or a safetensors file.

    Weights under the key ``model`` or ``state_dict`` are found there, and a prefix ``module.``
    that all names carry (the mark of a distributed run) is removed.

    Raises:
        CheckpointUnreadable: If the file cannot be read, refers to code, or holds no tensors.
    """
    try:
        content = _read(path)
        digest = file_sha256(path)
    except _DAMAGE as error:
        raise CheckpointUnreadable(_why_unreadable(path, error)) from error
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise CheckpointUnreadable(f"{path} holds no tensors by name. {_REMEDY}")
    strangers = [repr(name) for name, value in content.items() if not _is_named(name, value)]
    if strangers:
        raise CheckpointUnreadable(
            f"{path} holds {len(strangers)} entries that are no tensors, among them "
            f"{', '.join(strangers[:_NAMED_AT_MOST])}. {_REMEDY}"
        )
    return Checkpoint(path, digest, _without_prefix(content))


_REMEDY = "Give a checkpoint whose weights are one dictionary of names and tensors."


def read_weights(directory: Path) -> dict[str, torch.Tensor]:
    """Read the safetensors file of a Descry model directory.

    Raises:
        CheckpointUnreadable: If it is missing or damaged.
    """
    path = directory / WEIGHTS_FILE
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointUnreadable(_why_unreadable(path, error)) from error


def require_fit(found: Shapes, expected: Shapes, source: Path) -> None:
    """Compare the names and shapes of stored tensors with those a model has.

    Raises:
        CheckpointMismatch: If a tensor is missing, unexpected, or of another shape.
    """
    faults = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "of another shape": [
            f"{name} {found[name]} instead of {expected[name]}"
            for name in sorted(found.keys() & expected.keys())
            if found[name] != expected[name]
        ],
    }
    said = [
        f"{len(names)} {fault} ({', '.join(names[:_NAMED_AT_MOST])}"
        f"{', ...' if len(names) > _NAMED_AT_MOST else ''})"
        for fault, names in faults.items()
        if names
    ]
    if said:
        raise CheckpointMismatch(
            f"the tensors of {source} do not fit the model: {'; '.join(said)}. "
            "Name a checkpoint of this architecture and size, complete and without additions."
        )


def require_unrounded(card: ModelCard, dtype: torch.dtype) -> None:
    """Check that a model's weights are as they were read, so that saving them loses nothing.

    Raises:
        ConfigurationInvalid: If they were rounded to ``dtype`` on loading.
    """
    if dtype is not torch.float32:
        raise ConfigurationInvalid(
            f"model {card.name!r} was loaded with weights rounded to {dtype}: "
            "load it with precision 'fp32' to save it"
        )


def write_model_directory(
    directory: Path, card: ModelCard, tensors: Mapping[str, torch.Tensor]
) -> ModelCard:
    """Write ``card.json`` and ``model.safetensors``; the directory appears complete or not at all.

    Returns:
        The card as written, with the checksum of the new weights file.

    Raises:
        ConfigurationInvalid: If the directory is there already, or cannot be made.
    """
    if directory.exists():
        raise ConfigurationInvalid(
            f"{directory} is there already: name a new directory, or remove that one"
        )
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise ConfigurationInvalid(
            f"{directory} cannot be made: {error}. Name a directory you may write to"
        ) from error
    try:
        weights = unfinished / WEIGHTS_FILE
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, weights)
        written = card.model_copy(update={"weights_sha256": file_sha256(weights)})
        (unfinished / CARD_FILE).write_text(written.model_dump_json(indent=2) + "\n")
        unfinished.chmod(0o755)  # a temporary folder is private; a model is read by services
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return written


def _read(path: Path) -> object:
    if zipfile.is_zipfile(path):
        if is_torchscript(path):
            return read_torchscript(path)
        # Mapped, so that an optimiser's state beside the weights is never read.
        content: object = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return content
    if _is_safetensors(path):
        return load_file(path)
    older: object = torch.load(path, map_location="cpu", weights_only=True)
    return older


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"  # eight bytes of length, then a JSON header


def _is_named(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def _without_prefix(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    prefix = "module." if all(name.startswith("module.") for name in tensors) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _why_unreadable(path: Path, error: BaseException) -> str:
    # PyTorch's own message advises to read the file unsafely, so only the name is taken from it.
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    if named:
        return (
            f"{path} was not opened: it refers to {named[1]}, and a checkpoint may hold only "
            "tensors and plain values, because anything else can run code while it is read. "
            "If you trust its author, ask for the weights alone, best as safetensors."
        )
    return (
        f"{path} cannot be read as a checkpoint ({type(error).__name__}): it is damaged, "
        "truncated, or of another format. Copy or download it again and compare its checksum."
    )
