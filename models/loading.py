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

SHIPPED = {
    DEFAULT: Path(__file__).parent / "default",
    "compact-nafs": Path(__file__).parent / "compact_nafs",
}
"""Models that come with the package, by name: the default, and a second stage for it."""

_ENCODERS = Path(__file__).parent / "encoders"
_PUBLISHED_NAMES = ("best.pth", "best_model.pth.tar")  # of IRRA's family, of NAFS
_CHECKPOINT_ENDINGS = (".pth", ".pt", ".pth.tar", ".safetensors")
_SOURCES = (
    "Give 'default', 'compact-nafs', a Descry model directory (card.json and model.safetensors), "
    "a published checkpoint or the folder it is in, or open_clip:ARCH/TAG."
)


class StoredModel(Protocol):
    """``models.stored_model.StoredModel``, which needs torch, as far as it is seen here."""

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        ...

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each tensor that inference needs, by our names."""
        ...

    @property
    def files(self) -> Mapping[str, Path]:
        """Further files of the model directory, and where they are."""
        ...


class _EncoderModule(Protocol):
    """A file of ``models/encoders``; only the first function is always there."""

    SCHEME: str

    def assemble(self, model: StoredModel, *, device: str, precision: str) -> PersonEncoder: ...

    def recognises(self, shapes: Mapping[str, tuple[int, ...]]) -> bool: ...

    def understand(self, checkpoint: object) -> StoredModel: ...

    def understand_name(self, name: str) -> StoredModel: ...


def load_encoder(
    source: str | Path, *, device: str = "auto", precision: str = "auto"
) -> PersonEncoder:
    """Load a model.

    Args:
        source: A name of ``SHIPPED``, as ``default``; a Descry model directory; a checkpoint in
            the layout of its authors (IRRA, AGM-IRRA, SG-IHA, NAFS, MIA, OpenAI's CLIP) or a
            folder that holds one; or ``open_clip:ARCH/TAG``. What the authors keep in other files
            is read beside the checkpoint: ``configs.yaml`` of IRRA, ``vocab.txt`` and
            ``bert_config.json`` of NAFS, the vocabulary's JSON of MIA.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        ModelNotFound: If there is no model of that name or at that path.
        CheckpointUnreadable: If a file is damaged, unsafe to open, or of another format.
        CheckpointMismatch: If the tensors fit no architecture, or not the card's.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    return assemble_encoder(read_model(source), device=device, precision=precision)


def assemble_encoder(model: StoredModel, *, device: str, precision: str) -> PersonEncoder:
    """Make the encoder of a model that was read; the arguments and errors of ``load_encoder``."""
    module = _encoder_module(model.card.architecture)
    return module.assemble(model, device=device, precision=precision)


def read_model(source: str | Path) -> StoredModel:
    """Read what ``load_encoder`` assembles: the card, the tensors and the files beside them.

    Returns:
        A ``models.stored_model.PublishedModel`` where the layout is not Descry's own.

    Raises:
        ModelNotFound: If there is no model of that name or at that path.
        CheckpointUnreadable: If a file is damaged, unsafe to open, or of another format.
        CheckpointMismatch: If the tensors fit no architecture, or not the card's.
    """
    if source in SHIPPED:
        return _read_shipped(str(source))
    path = Path(source)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise ModelNotFound(
            f"model {str(source)!r} cannot be looked for: {error.strerror}. {_SOURCES}"
        ) from error
    if is_folder and (path / CARD_FILE).is_file():
        return _read_directory(path)
    if is_folder or is_file:
        return _read_checkpoint(path if is_file else _checkpoint_in(path))
    scheme, colon, name = str(source).partition(":")
    for module in _encoder_modules() if colon else ():
        if getattr(module, "SCHEME", None) == scheme:
            return module.understand_name(name)
    raise ModelNotFound(f"there is no model {str(source)!r}: no such file or folder. {_SOURCES}")


def _read_shipped(name: str) -> StoredModel:
    directory = SHIPPED[name]
    if not (directory / CARD_FILE).is_file():
        raise ModelNotFound(
            f"model {name!r} is not there: this copy of Descry was installed without its "
            f"checkpoint ({directory / CARD_FILE}). Install it again, train one with "
            "`python -m training`, or name another model. " + _SOURCES
        )
    return _read_directory(directory)


def _read_directory(directory: Path) -> StoredModel:
    card = read_card(directory)
    known = _architectures()
    # A card is data from elsewhere: only a file of ours may be imported by the name it holds.
    if card.architecture not in known:
        raise CheckpointMismatch(
            f"{directory / CARD_FILE} is of architecture {card.architecture!r}; this version of "
            f"Descry has {', '.join(known)}. Update Descry, or name another model."
        )
    _require_checksum(directory / WEIGHTS_FILE, card.weights_sha256)
    reading: Any = importlib.import_module("models.state_dicts")
    return cast(StoredModel, reading.read_model_directory(directory, card))


def _read_checkpoint(path: Path) -> StoredModel:
    reading: Any = importlib.import_module("models.state_dicts")
    stored: Any = importlib.import_module("models.stored_model")
    checkpoint = reading.read_checkpoint(path)
    shapes: Mapping[str, tuple[int, ...]] = checkpoint.shapes
    for module in _encoder_modules():
        if hasattr(module, "recognises") and module.recognises(shapes):
            published = module.understand(checkpoint)
            stored.require_finite(published)
            return published
    raise CheckpointMismatch(
        f"{path} holds {len(shapes)} tensors, such as {', '.join(sorted(shapes)[:3])}, which "
        f"are of no architecture of this version of Descry ({', '.join(_architectures())}). "
        f"{_SOURCES}"
    )


def _checkpoint_in(directory: Path) -> Path:
    for name in _PUBLISHED_NAMES:
        if (directory / name).is_file():
            return directory / name
    found = sorted(path for path in directory.iterdir() if path.name.endswith(_CHECKPOINT_ENDINGS))
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
