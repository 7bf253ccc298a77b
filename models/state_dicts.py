"""Named tensors on disk: read without trusting the file, compared with a model, written whole."""

import json
import pickle
import re
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.card import CARD_FILE, WEIGHTS_FILE, ModelCard, file_sha256
from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
    ConfigurationInvalid,
    first_few,
)
from models.stored_model import PublishedModel, StoredModel
from models.torchscript_archives import is_torchscript, read_torchscript

Shapes = Mapping[str, tuple[int, ...]]

# What the readers raise on damaged bytes: they parse before they know that a file is sound.
_DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, SafetensorError, struct.error, json.JSONDecodeError,
    OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError,
    AssertionError, OverflowError, MemoryError,
)  # fmt: skip
_WRAPPERS = ("network", "model", "state_dict")  # NAFS's, IRRA's, most trainers' key of weights
_DISTRIBUTED = "module."  # what DataParallel puts before every name


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one file, by name, and the file's SHA-256.

    ``beside`` holds what else stands at the top of the file and is made of tensors alone, as
    NAFS's class weights or the further networks of MIA: names and tensors under the entry's
    name, a single tensor under the empty name. Other entries (an epoch, an optimiser) are left.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, torch.Tensor]
    beside: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a PyTorch checkpoint, a TorchScript archive or a safetensors file.

    Weights under the key ``network``, ``model`` or ``state_dict`` are found there, and a prefix
    ``module.`` that all names carry (the mark of a distributed run) is removed.

    Raises:
        CheckpointUnreadable: If the file cannot be read, refers to code, or holds no tensors.
        CheckpointMismatch: If only some names carry the prefix ``module.``.
    """
    try:
        content = _read(path)
        digest = file_sha256(path)
    except _DAMAGE as error:
        raise CheckpointUnreadable(_why_unreadable(path, error)) from error
    beside: dict[str, Mapping[str, torch.Tensor]] = {}
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            beside = _beside(content, key)
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise CheckpointUnreadable(f"{path} holds no tensors by name. {_REMEDY}")
    strangers = [repr(name) for name, value in content.items() if not _is_named(name, value)]
    if strangers:
        raise CheckpointUnreadable(
            f"{path} holds {len(strangers)} entries that are no tensors, among them "
            f"{first_few(strangers)}. {_REMEDY}"
        )
    return Checkpoint(path, digest, _without_prefix(content, path), beside)


_REMEDY = "Give a checkpoint whose weights are one dictionary of names and tensors."


def read_model_directory(directory: Path, card: ModelCard) -> StoredModel:
    """Read the tensors of a Descry model directory whose card is known.

    Raises:
        CheckpointUnreadable: If the weights file is missing or damaged.
    """
    path = directory / WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointUnreadable(_why_unreadable(path, error)) from error
    beside = (file for file in directory.iterdir() if file.name not in (CARD_FILE, WEIGHTS_FILE))
    return StoredModel(card, tensors, {file.name: file for file in sorted(beside)}, path)


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
        f"{len(names)} {fault} ({first_few(names)})" for fault, names in faults.items() if names
    ]
    if said:
        raise CheckpointMismatch(
            f"the tensors of {source} do not fit the model: {'; '.join(said)}. "
            "Name a checkpoint of this architecture and size, complete and without additions."
        )


def write_converted(directory: Path, model: StoredModel) -> ModelCard:
    """Write a published model as a model directory; its card keeps the original's checksum.

    Raises:
        ConfigurationInvalid: If the model is in Descry's layout already, or as in
            ``write_model_directory``.
    """
    if not isinstance(model, PublishedModel):
        raise ConfigurationInvalid(
            f"{model.source.parent} is a Descry model directory already: copy it as it is"
        )
    origin = {"converted_from_sha256": model.card.weights_sha256}
    return write_model_directory(
        directory, replace(model, card=model.card.model_copy(update=origin))
    )


def write_model_directory(directory: Path, model: StoredModel) -> ModelCard:
    """Write card, weights and further files; the directory appears complete or not at all.

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
        save_file({name: _own(tensor) for name, tensor in model.tensors.items()}, weights)
        for name, path in model.files.items():
            shutil.copyfile(path, unfinished / name)
        written = model.card.model_copy(update={"weights_sha256": file_sha256(weights)})
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


def _are_named(content: Mapping[object, object]) -> bool:
    return bool(content) and all(_is_named(name, value) for name, value in content.items())


def _is_named(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def _own(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous()


def _beside(content: Mapping[str, object], wrapper: str) -> dict[str, Mapping[str, torch.Tensor]]:
    beside: dict[str, Mapping[str, torch.Tensor]] = {}
    for key, value in content.items():
        if key != wrapper and isinstance(value, torch.Tensor):
            beside[key] = {"": value}
        elif key != wrapper and isinstance(value, Mapping) and _are_named(value):
            beside[key] = value
    return beside


def _without_prefix(tensors: Mapping[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    bare = sorted(name for name in tensors if not name.startswith(_DISTRIBUTED))
    if bare and len(bare) < len(tensors):
        raise CheckpointMismatch(
            f"{path} has the prefix {_DISTRIBUTED!r} on {len(tensors) - len(bare)} of "
            f"{len(tensors)} names, but not on {first_few(bare)}: parts of two files were mixed. "
            "Name the checkpoint as its training run wrote it."
        )
    return {name.removeprefix(_DISTRIBUTED): tensor for name, tensor in tensors.items()}


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
