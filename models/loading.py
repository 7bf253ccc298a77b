"""From the name of a model to an encoder that is ready to use.

Architectures live in ``models/encoders``, one file each; they are found there by what they
offer (see that package), so a new one needs no change here. They bring torch and the model
libraries with them and are imported only when a model is loaded.
"""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from models.card import CARD_FILE, WEIGHTS_FILE, ModelCard, file_sha256, read_card
from models.contracts import PersonEncoder
from models.errors import CheckpointMismatch, CheckpointUnreadable, ModelNotFound

DEFAULT = "default"

_DEFAULT_DIRECTORY = Path(__file__).parent / "default"
_ENCODERS = Path(__file__).parent / "encoders"
_PUBLISHED_NAME = "best.pth"  # what IRRA's family calls the checkpoint in a run's folder
_CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")
_SOURCES = (
    "Give 'default', a Descry model directory (card.json and model.safetensors), "
    "a published checkpoint or the folder it is in, or open_clip:ARCH/TAG."
)


class _Checkpoint(Protocol):
    """What loading needs of a checkpoint's tensors: their names and shapes."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...


class _EncoderModule(Protocol):
    """A file of ``models/encoders``; only the first function is always there."""

    SCHEME: str

    def load(
        self, card: ModelCard, directory: Path, *, device: str, precision: str
    ) -> PersonEncoder: ...

    def recognises(self, shapes: Mapping[str, tuple[int, ...]]) -> bool: ...

    def from_checkpoint(
        self, checkpoint: _Checkpoint, *, device: str, precision: str
    ) -> PersonEncoder: ...

    def from_name(self, name: str, *, device: str, precision: str) -> PersonEncoder: ...


def load_encoder(
    source: str | Path, *, device: str = "auto", precision: str = "auto"
) -> PersonEncoder:
    """Load a model.

    Args:
        source: ``default`` for the checkpoint shipped with the package; a Descry model
            directory; a checkpoint of IRRA (its ``configs.yaml`` beside it is read) or OpenAI's
            CLIP, or a folder that holds one; or ``open_clip:ARCH/TAG``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        ModelNotFound: If there is no model of that name or at that path.
        CheckpointUnreadable: If a file is damaged, unsafe to open, or of another format.
        CheckpointMismatch: If the tensors fit no architecture, or not the card's.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    if source == DEFAULT:
        return _load_default(device=device, precision=precision)
    path = Path(source)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise ModelNotFound(
            f"model {str(source)!r} cannot be looked for: {error.strerror}. {_SOURCES}"
        ) from error
    if is_folder and (path / CARD_FILE).is_file():
        return _load_directory(path, device=device, precision=precision)
    if is_folder or is_file:
        checkpoint = path if is_file else _checkpoint_in(path)
        return _load_checkpoint(checkpoint, device=device, precision=precision)
    scheme, colon, name = str(source).partition(":")
    for module in _encoder_modules() if colon else ():
        if getattr(module, "SCHEME", None) == scheme:
            return module.from_name(name, device=device, precision=precision)
    raise ModelNotFound(f"there is no model {str(source)!r}: no such file or folder. {_SOURCES}")


def _load_default(*, device: str, precision: str) -> PersonEncoder:
    if not (_DEFAULT_DIRECTORY / CARD_FILE).is_file():
        raise ModelNotFound(
            "model 'default' is not there: this copy of Descry was installed without its "
            f"checkpoint ({_DEFAULT_DIRECTORY / CARD_FILE}). Install it again, train one with "
            "`python -m training`, or name another model. " + _SOURCES
        )
    return _load_directory(_DEFAULT_DIRECTORY, device=device, precision=precision)


def _load_directory(directory: Path, *, device: str, precision: str) -> PersonEncoder:
    card = read_card(directory)
    known = _architectures()
    # A card is data from elsewhere: only a file of ours may be imported by the name it holds.
    if card.architecture not in known:
        raise CheckpointMismatch(
            f"{directory / CARD_FILE} is of architecture {card.architecture!r}; this version of "
            f"Descry has {', '.join(known)}. Update Descry, or name another model."
        )
    _require_checksum(directory / WEIGHTS_FILE, card.weights_sha256)
    module = _encoder_module(card.architecture)
    return module.load(card, directory, device=device, precision=precision)


def _load_checkpoint(path: Path, *, device: str, precision: str) -> PersonEncoder:
    reading: Any = importlib.import_module("models.state_dicts")
    checkpoint: _Checkpoint = reading.read_checkpoint(path)
    shapes = checkpoint.shapes
    for module in _encoder_modules():
        if hasattr(module, "recognises") and module.recognises(shapes):
            return module.from_checkpoint(checkpoint, device=device, precision=precision)
    raise CheckpointMismatch(
        f"{path} holds {len(shapes)} tensors, such as {', '.join(sorted(shapes)[:3])}, which "
        f"are of no architecture of this version of Descry ({', '.join(_architectures())}). "
        f"{_SOURCES}"
    )


def _checkpoint_in(directory: Path) -> Path:
    if (directory / _PUBLISHED_NAME).is_file():
        return directory / _PUBLISHED_NAME
    found = sorted(path for path in directory.iterdir() if path.suffix in _CHECKPOINT_SUFFIXES)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ModelNotFound(f"{directory} holds {len(found)} checkpoints ({names}): name one")
    raise ModelNotFound(f"{directory} holds no model. {_SOURCES}")


def _require_checksum(weights: Path, expected: str) -> None:
    try:
        found = file_sha256(weights)
    except OSError as error:
        raise CheckpointUnreadable(
            f"{weights} cannot be read: {error}. Copy the whole model directory."
        ) from error
    if found != expected:
        raise CheckpointUnreadable(
            f"{weights} is damaged or belongs to another card: its SHA-256 is {found}, "
            f"{CARD_FILE} says {expected}. Copy or export the model again."
        )


def _architectures() -> list[str]:
    return sorted(path.stem for path in _ENCODERS.glob("*.py") if path.stem != "__init__")


def _encoder_modules() -> Iterator[_EncoderModule]:
    return (_encoder_module(architecture) for architecture in _architectures())


def _encoder_module(architecture: str) -> _EncoderModule:
    return cast(_EncoderModule, importlib.import_module(f"models.encoders.{architecture}"))
