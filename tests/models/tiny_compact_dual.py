"""A compact dual encoder of a few thousand weights, in a model directory."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.card import CARD_FILE, WEIGHTS_FILE, ImagePreprocessing, ModelCard, file_sha256
from models.encoders.compact_dual import (
    VOCABULARY_FILE,
    WORDS_FILE,
    CompactDual,
    CompactDualSizes,
)

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "coat", "##s", "a")
WIDTH = 12


def write_tiny_compact_dual(folder: Path, words: Sequence[str] | None = None) -> Path:
    """Write an untrained model that reads eight pieces of a description; return its directory.

    ``words`` are those its training captions are said to have had, None for no file of them.
    """
    folder.mkdir(exist_ok=True)
    vocabulary = folder / VOCABULARY_FILE
    vocabulary.write_text("".join(f"{piece}\n" for piece in PIECES), encoding="utf-8")
    if words is not None:
        (folder / WORDS_FILE).write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    sizes = CompactDualSizes(
        stage_widths=(8, 16),
        stage_depths=(1, 1),
        grid_height=9,
        grid_width=3,
        attention_heads=2,
        stripes=3,
        text_width=8,
        text_layers=2,
        text_heads=2,
        max_tokens=10,
        vocabulary_size=len(PIECES),
        vocabulary_sha256=file_sha256(vocabulary),
        words_sha256=None if words is None else file_sha256(folder / WORDS_FILE),
    )
    torch.manual_seed(5)
    tensors = CompactDual(sizes, WIDTH).state_dict()
    halves = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    save_file(halves, folder / WEIGHTS_FILE)
    card = ModelCard(
        name="tiny",
        architecture="compact_dual",
        method="none",
        embedding_width=WIDTH,
        image=ImagePreprocessing(height=36, width=12, mean=(0.5,) * 3, std=(0.25,) * 3),
        sizes=sizes.model_dump(mode="json"),
        weights_sha256=file_sha256(folder / WEIGHTS_FILE),
    )
    (folder / CARD_FILE).write_text(card.model_dump_json())
    return folder
