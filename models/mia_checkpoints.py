"""Published checkpoints of MIA, understood as a card and the tensors of ``MiaNetwork``.

The file holds several networks side by side: ``model`` with both towers, ``id_cls``, which only
training needs, and the MLPs of the parts, ``rga_img_mlp`` and ``rga_cap_mlp``; ours may add
``bfm_img_mlp`` and ``bfm_cap_mlp``. Without any of these MLPs it is one of the first training
stage, which compares whole with whole.

Two facts are not in it. The vocabulary is the ``*.json`` beside it that has the key "vocab";
without the one it was trained with, a checkpoint reads no text. And nothing says into how many
stripes crops are cut, because every stripe goes through the same weights: it is taken to be the
published recipe's 6, unless a file ``mia.json`` beside the checkpoint says otherwise, as in
``{"num_cut": 3}``.
"""

import json
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, ValidationError

from models.card import ImagePreprocessing, ModelCard, file_sha256
from models.errors import CheckpointMismatch, CheckpointUnreadable, first_few
from models.layers.mia_backbones import MiaSizes, network_shapes
from models.schema import Schema
from models.state_dicts import Checkpoint, Shapes, require_fit
from models.stored_model import PublishedModel
from models.tokenizers.word_vocabulary import WordVocabulary, read_word_vocabulary

VOCABULARY_FILE = "vocabulary.json"
RUN_FILE = "mia.json"
PUBLISHED_NUM_CUT = 6
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LAYOUT = "MIA's checkpoint"
_CLASSIFIER = "id_cls."
_REGIONAL = "img_backbone.conv_regional."
_GLOBAL_PART = ("rga_img_mlp", "rga_cap_mlp")
_PART_PART = ("bfm_img_mlp", "bfm_cap_mlp")
_RESNET = "img_backbone.img_backbone."
_FINAL = f"{_RESNET}fc.weight"
_EMBEDDING = "cap_backbone.embedding.weight"


class MiaRun(Schema):
    """What ``mia.json`` may say of a training run."""

    num_cut: int = Field(ge=2, le=64)


def is_mia(shapes: Shapes) -> bool:
    """Say whether tensors of these names are the towers of MIA."""
    return {f"{_RESNET}conv1.weight", _EMBEDDING} <= shapes.keys()


def understand(checkpoint: Checkpoint) -> PublishedModel:
    """Find the sizes of a checkpoint and put its networks together as one.

    Raises:
        CheckpointUnreadable: If the vocabulary beside it is missing, ambiguous or damaged, or
            ``mia.json`` is.
        CheckpointMismatch: If tensors are missing, unexpected, or of the wrong shape, or the
            vocabulary is of another size.
    """
    path = checkpoint.path
    tensors = _together(checkpoint)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    _require_resnet50(shapes, path)
    granularities = _granularities(shapes, path)
    num_cut, said_by = _num_cut(path.parent / RUN_FILE) if granularities > 1 else (1, "no stripes")
    vocabulary = _find_vocabulary(path)
    embedding_width, vocabulary_size, word_width = _widths(shapes, path)
    sizes = MiaSizes(
        granularities=granularities,
        num_cut=num_cut,
        word_width=word_width,
        vocabulary_size=vocabulary_size,
        vocabulary_sha256=file_sha256(vocabulary),
    )
    needed = network_shapes(sizes, embedding_width)
    unneeded = _training_only(shapes, sizes, embedding_width)
    require_fit(shapes, needed | unneeded, path)
    read_fitting_vocabulary(vocabulary, vocabulary_size)
    return PublishedModel(
        _card(checkpoint, sizes, embedding_width, said_by),
        {name: tensor for name, tensor in tensors.items() if name in needed},
        {VOCABULARY_FILE: vocabulary},
        path,
        layout=_LAYOUT,
        classes=shapes[f"{_CLASSIFIER}weight"][0] if f"{_CLASSIFIER}weight" in shapes else None,
        training_only=tuple(name for name in tensors if name in unneeded),
    )


def read_fitting_vocabulary(path: Path, rows: int) -> WordVocabulary:
    """Read a vocabulary for an embedding of so many rows.

    Raises:
        CheckpointUnreadable: If the file is no vocabulary.
        CheckpointMismatch: If it has another number of words.
    """
    vocabulary = read_word_vocabulary(path)
    if len(vocabulary) != rows:
        raise CheckpointMismatch(
            f"{path} numbers {len(vocabulary)} words (with those for unknown words and the end), "
            f"the model has {rows}. Put the vocabulary there that the model was trained with."
        )
    return vocabulary


def _together(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Name tensors as in our network; a stranger beside them keeps a name that will not fit."""
    beside = {
        f"{entry}.{name}".rstrip("."): tensor
        for entry, named in checkpoint.beside.items()
        for name, tensor in named.items()
    }
    return {**checkpoint.tensors, **beside}


def _training_only(shapes: Shapes, sizes: MiaSizes, width: int) -> dict[str, tuple[int, ...]]:
    """Return what may stand there beside the network: whole, with the shapes it must have."""
    expected: dict[str, tuple[int, ...]] = {}
    if any(name.startswith(_CLASSIFIER) for name in shapes):
        (classes, *_) = shapes.get(f"{_CLASSIFIER}weight") or (0,)
        expected |= {f"{_CLASSIFIER}weight": (classes, width), f"{_CLASSIFIER}bias": (classes,)}
    # The first training stage may have made stripes already, which nothing compares yet.
    if sizes.granularities == 1 and any(name.startswith(_REGIONAL) for name in shapes):
        compared = sizes.model_copy(update={"granularities": 2, "num_cut": PUBLISHED_NUM_CUT})
        for name, shape in network_shapes(compared, width).items():
            if name.startswith(_REGIONAL):
                expected[name] = shape
    return expected


def _granularities(shapes: Shapes, source: Path) -> Literal[1, 2, 3]:
    networks = {name.partition(".")[0] for name in shapes}
    part_part = any(name in networks for name in _PART_PART)
    if not part_part and not any(name in networks for name in _GLOBAL_PART):
        return 1
    needed = (*_GLOBAL_PART, *(_PART_PART if part_part else ()))
    missing = [name for name in needed if name not in networks]
    if f"{_REGIONAL}weight" not in shapes:
        missing.append(f"model.{_REGIONAL}weight")
    if missing:
        found = ", ".join(name for name in needed if name in networks)
        raise CheckpointMismatch(
            f"{source} holds {found}, but not what belongs to it: {', '.join(missing)}. "
            "Name a complete checkpoint of the second training stage, or one of the first, which "
            "has none of these networks."
        )
    return 3 if part_part else 2


def _require_resnet50(shapes: Shapes, source: Path) -> None:
    bottleneck = f"{_RESNET}layer1.0.conv3.weight" in shapes
    blocks = sum(
        name.startswith(f"{_RESNET}layer3.") and name.endswith(".conv1.weight") for name in shapes
    )
    if not bottleneck or blocks > 6:
        kind = f"one with {blocks} blocks in its third stage" if bottleneck else "one of few layers"
        raise CheckpointMismatch(
            f"the image tower of {source} is not ResNet-50, but {kind} (ResNet-101, ResNet-18), "
            "which is not supported. Name a checkpoint with ResNet-50."
        )


def _widths(shapes: Shapes, source: Path) -> tuple[int, int, int]:
    wrong = [name for name in (_FINAL, _EMBEDDING) if len(shapes.get(name, ())) != 2]
    if wrong or 0 in (*shapes[_FINAL], *shapes[_EMBEDDING]):
        raise CheckpointMismatch(
            f"{source} has MIA's names, but {first_few(wrong or [_FINAL, _EMBEDDING])} missing, "
            "empty or of another number of axes. Name a complete checkpoint."
        )
    vocabulary_size, word_width = shapes[_EMBEDDING]
    return shapes[_FINAL][0], vocabulary_size, word_width


def _num_cut(path: Path) -> tuple[int, str]:
    if not path.is_file():
        return PUBLISHED_NUM_CUT, "the published recipe, as the checkpoint does not say"
    try:
        return MiaRun.model_validate_json(path.read_bytes()).num_cut, path.name
    except (OSError, ValidationError) as error:
        raise CheckpointUnreadable(
            f'{path} is not like {{"num_cut": {PUBLISHED_NUM_CUT}}}: {error}. Say there with which '
            "num_cut the checkpoint beside it was trained, or remove it."
        ) from error


def _find_vocabulary(checkpoint: Path) -> Path:
    folder = checkpoint.parent
    unreadable: list[str] = []
    found: list[Path] = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            unreadable.append(path.name)
            continue
        if isinstance(content, dict) and "vocab" in content:
            found.append(path)
    if len(found) == 1:
        return found[0]
    if found:
        raise CheckpointUnreadable(
            f"{folder} holds {len(found)} vocabularies ({first_few([p.name for p in found])}), and "
            f"{checkpoint.name} does not say which is its own. Leave only that one there."
        )
    but = f" ({first_few(unreadable)} cannot be read as JSON)" if unreadable else ""
    raise CheckpointUnreadable(
        f"the vocabulary of {checkpoint} is missing: {folder} holds no *.json with the key "
        f'"vocab"{but}. Put the vocabulary there that the checkpoint was trained with, as '
        '{"vocab": {word: number}}; its words cannot be known otherwise.'
    )


def _card(checkpoint: Checkpoint, sizes: MiaSizes, width: int, said_by: str) -> ModelCard:
    compared = {
        1: "global-global",
        2: "global-global, global-part",
        3: "global-global, global-part, part-part (reconstructed, not the authors' code)",
    }
    return ModelCard(
        name=f"MIA {checkpoint.path.stem}",
        architecture="mia",
        method="MIA",
        embedding_width=width,
        image=ImagePreprocessing(height=384, width=128, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        sizes=sizes.model_dump(),
        weights_sha256=checkpoint.sha256,
        provenance={
            "file": checkpoint.path.name,
            "layout": _LAYOUT,
            "granularities": compared[sizes.granularities],
            "num_cut": f"{sizes.num_cut}: {said_by}",
        },
    )
