"""Published NAFS checkpoints, understood as a card and the tensors of ``NafsNetwork``.

Two layouts are known. NAFS's own has the class weights ``W`` beside the network, that of its
successor YouReID among the network's tensors; all other names are the same. Neither holds the
vocabulary, so ``vocab.txt`` must lie beside the file. Where its BERT is not bert-base-uncased,
the ``bert_config.json`` it was trained from must lie there too: the number of attention heads
is in no tensor.
"""

import re
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.card import ImagePreprocessing, ModelCard, file_sha256
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.layers.nafs_network import NafsSizes, network_shapes
from models.state_dicts import Checkpoint, Shapes, require_fit
from models.stored_model import PublishedModel
from models.tokenizers.nafs_phrases import NafsPhrases

VOCABULARY_FILE = "vocab.txt"
BERT_FILE = "bert_config.json"
IMAGE = ImagePreprocessing(
    height=384, width=128, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)

_BERT = "language_model.textExtractor."
_POOLER = (f"{_BERT}pooler.dense.weight", f"{_BERT}pooler.dense.bias")
_CLASSES = "W"
_NEVER_TRAINED = ".num_batches_tracked"  # which torch added to batch norm in version 0.4.1


class BertRun(BaseModel):
    """What is needed of a ``bert_config.json``; where it says nothing, bert-base-uncased."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    vocab_size: int = Field(default=30522, ge=5)
    hidden_size: int = Field(default=768, ge=1)
    num_hidden_layers: int = Field(default=12, ge=1)
    num_attention_heads: int = Field(default=12, ge=1)
    intermediate_size: int = Field(default=3072, ge=1)
    max_position_embeddings: int = Field(default=512, ge=1)
    type_vocab_size: int = Field(default=2, ge=1)
    layer_norm_eps: float = Field(default=1e-12, gt=0)
    hidden_act: Literal["gelu"] = "gelu"


def is_nafs(shapes: Shapes) -> bool:
    """Say whether tensors of these names are NAFS: a staircase beside a BERT."""
    beginnings = ("image_model.branch2_layer3.", _BERT)
    return all(any(name.startswith(start) for name in shapes) for start in beginnings)


def understand(checkpoint: Checkpoint) -> PublishedModel:
    """Find the sizes of a checkpoint, and the vocabulary beside it.

    Raises:
        CheckpointUnreadable: If the vocabulary is missing or damaged, or ``bert_config.json`` is.
        CheckpointMismatch: If tensors are missing, unexpected, or of the wrong shape, or the
            vocabulary is of another size.
    """
    path, shapes = checkpoint.path, checkpoint.shapes
    unused = {*_POOLER, *(name for name in shapes if name.endswith(".position_ids"))}
    tensors = {n: t for n, t in checkpoint.tensors.items() if n not in unused and n != _CLASSES}
    run = _read_run(path, shapes)
    classes, inside = _classes(checkpoint, run.hidden_size)
    vocabulary = _vocabulary(path)
    sizes = _sizes(shapes, run, vocabulary, path)
    expected = network_shapes(sizes, run.hidden_size)
    for name in expected.keys() - tensors.keys():
        if name.endswith(_NEVER_TRAINED):
            tensors[name] = torch.zeros((), dtype=torch.int64)
    require_fit({name: tuple(t.shape) for name, t in tensors.items()}, expected, path)
    require_fitting_vocabulary(NafsPhrases(vocabulary), sizes, vocabulary)
    layout = "YouReID's checkpoint" if inside else "NAFS's checkpoint"
    beside = (_CLASSES,) if classes is not None and not inside else ()
    return PublishedModel(
        _card(checkpoint, sizes, run, layout),
        tensors,
        {VOCABULARY_FILE: vocabulary},
        path,
        layout=layout,
        classes=classes,
        training_only=(*(n for n in shapes if n in unused or n == _CLASSES), *beside),
    )


def require_fitting_vocabulary(phrases: NafsPhrases, sizes: NafsSizes, source: Path) -> None:
    """Check that a vocabulary is of the size that a network knows.

    Raises:
        CheckpointMismatch: If it has more or fewer word pieces.
    """
    if len(phrases) != sizes.vocabulary_size:
        raise CheckpointMismatch(
            f"{source} has {len(phrases)} word pieces, the model knows {sizes.vocabulary_size}. "
            "Put the vocabulary there that it was trained with: bert-base-uncased's has 30522."
        )


def _classes(checkpoint: Checkpoint, width: int) -> tuple[int | None, bool]:
    inside = _CLASSES in checkpoint.tensors
    beside = checkpoint.beside.get(_CLASSES, {}).get("")
    weights = checkpoint.tensors[_CLASSES] if inside else beside
    if weights is None:
        return None, False
    if weights.ndim != 2 or len(weights) != width:
        raise CheckpointMismatch(
            f"the class weights W of {checkpoint.path} have the shape {tuple(weights.shape)} "
            f"instead of ({width}, classes). Name the checkpoint as its training run wrote it."
        )
    return weights.shape[1], inside


def _vocabulary(checkpoint: Path) -> Path:
    path = checkpoint.parent / VOCABULARY_FILE
    if not path.is_file():
        raise CheckpointUnreadable(
            f"{path} is missing: NAFS checkpoints hold no vocabulary. Put the vocab.txt of "
            f"bert-base-uncased beside {checkpoint.name}."
        )
    return path


def _read_run(checkpoint: Path, shapes: Shapes) -> BertRun:
    path = checkpoint.parent / BERT_FILE
    try:
        run = BertRun.model_validate_json(path.read_bytes()) if path.exists() else BertRun()
    except (OSError, ValidationError) as error:
        raise CheckpointUnreadable(
            f"{path} is no configuration of a BERT that NAFS can have: {error}. Put the "
            f"bert_config.json of the training run beside {checkpoint.name}, or none for bert-base."
        ) from error
    stated = run.model_dump()
    wrong = [
        f"{name} {found} instead of {stated[name]}"
        for name, found in _bert_sizes(shapes).items()
        if found != stated[name]
    ]
    if wrong or run.hidden_size % run.num_attention_heads:
        said_by = path.name if path.exists() else "bert-base-uncased"
        raise CheckpointMismatch(
            f"the BERT of {checkpoint} is not the one of {said_by}: "
            f"{', '.join(wrong) or 'its width is no multiple of its attention heads'}. "
            "Put the bert_config.json it was trained from beside it."
        )
    return run


def _bert_sizes(shapes: Shapes) -> dict[str, int]:
    """Return what the shapes tell of BERT; what is missing or misshapen tells nothing."""
    axes = {
        "vocab_size": ("embeddings.word_embeddings.weight", 0),
        "hidden_size": ("embeddings.word_embeddings.weight", 1),
        "max_position_embeddings": ("embeddings.position_embeddings.weight", 0),
        "type_vocab_size": ("embeddings.token_type_embeddings.weight", 0),
        "intermediate_size": ("encoder.layer.0.intermediate.dense.weight", 0),
    }
    sizes = {
        size: shapes[_BERT + name][axis]
        for size, (name, axis) in axes.items()
        if len(shapes.get(_BERT + name, ())) == 2
    }
    layers = _numbered(shapes, f"{_BERT}encoder.layer.")
    return {**sizes, "num_hidden_layers": layers}


def _numbered(shapes: Shapes, start: str) -> int:
    """Count the modules of a numbered list by the numbers in names."""
    pattern = re.compile(re.escape(start) + r"(\d+)\.")
    return len({match[1] for match in map(pattern.match, shapes) if match})


def _sizes(shapes: Shapes, run: BertRun, vocabulary: Path, source: Path) -> NafsSizes:
    try:
        return NafsSizes(
            patch_stripes=_numbered(shapes, "fc_p2_list."),
            region_stripes=_numbered(shapes, "fc_p3_list."),
            text_layers=run.num_hidden_layers,
            text_heads=run.num_attention_heads,
            text_inner_width=run.intermediate_size,
            text_positions=run.max_position_embeddings,
            text_segments=run.type_vocab_size,
            text_norm_epsilon=run.layer_norm_eps,
            vocabulary_size=run.vocab_size,
            vocabulary_sha256=file_sha256(vocabulary),
        )
    except ValidationError as error:
        raise CheckpointMismatch(
            f"{source} has NAFS's names, but sizes that make no NAFS: {error}. "
            "Name a complete checkpoint of this architecture."
        ) from error


def _card(checkpoint: Checkpoint, sizes: NafsSizes, run: BertRun, layout: str) -> ModelCard:
    return ModelCard(
        name=f"NAFS {checkpoint.path.name.partition('.')[0]}",
        architecture="nafs",
        method="NAFS",
        embedding_width=run.hidden_size,
        image=IMAGE,
        sizes=sizes.stated,
        weights_sha256=checkpoint.sha256,
        provenance={
            "file": checkpoint.path.name,
            "layout": layout,
            "regions": f"the crop, {sizes.patch_stripes} patches, {sizes.region_stripes} regions",
        },
    )
