"""The recorded run of MIA's code: its weights, vocabulary, crops and descriptions, rebuilt."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from models.card import ImagePreprocessing, ModelCard
from models.encoders.mia import MiaEncoder
from models.layers.mia_backbones import MiaNetwork, MiaSizes, build_network
from models.tokenizers.sentences import split_after_punctuation
from models.tokenizers.word_vocabulary import WordVocabulary
from tests.models.det_weights import det, smooth_image

MIA = Path(__file__).parent.parent.parent / "reference" / "mia"
WIDTH = 64
ROWS = 1287
"""Words in the recorded embedding, of which the recorded vocabulary uses the first 35."""

Networks = dict[str, dict[str, torch.Tensor]]


@functools.cache
def recording() -> dict[str, Any]:
    content: dict[str, Any] = torch.load(MIA / "mia.pt", weights_only=True)
    return content


@functools.cache
def _networks() -> Networks:
    statistics = recording()["bn_buffers"]
    return {
        module: {
            name: statistics.get(f"{module}.{name}", torch.from_numpy(det(f"{module}.{name}", s)))
            for name, s in layout.items()
        }
        for module, layout in recording()["checkpoint_layout"].items()
    }


def networks() -> Networks:
    """The four networks of the recorded checkpoint, to be changed freely."""
    return {module: dict(tensors) for module, tensors in _networks().items()}


def part_part_networks(width: int = WIDTH) -> Networks:
    """The two further networks of the third granularity, of which no weights are recorded."""
    return {
        module: {
            name: torch.from_numpy(det(f"{module}.{name}", shape))
            for name, shape in (
                ("mlp.0.weight", (width_in, width_in)),
                ("mlp.0.bias", (width_in,)),
                ("mlp.2.weight", (width, width_in)),
                ("mlp.2.bias", (width,)),
            )
        }
        for module, width_in in (("bfm_img_mlp", 256), ("bfm_cap_mlp", width))
    }


def words() -> dict[str, int]:
    """The recorded vocabulary, filled up to the size of the embedding."""
    known: dict[str, int] = recording()["cases"]["data"]["vocab"]
    return known | {f"filler{row}": row for row in range(2 + len(known), ROWS)}


def write_run(folder: Path, content: Mapping[str, object], numbers: Mapping[str, int]) -> Path:
    """A folder with a checkpoint of those networks, as MIA's code writes it, and a vocabulary."""
    folder.mkdir()
    path = folder / "stage_2_id_match_last.pt"
    history = [({"top-1": 0.1, "top-5": 0.2, "top-10": 0.3}, 0)]
    record = {"epoch": 4, "acc_history": history, "best_acc": history[0]}
    torch.save(record | dict(content), path)
    (folder / "words.json").write_text(json.dumps({"vocab": numbers, "coverage": 0.97}))
    return path


def recorded_phrases(caption: str) -> list[str]:
    phrases: dict[str, list[str]] = {
        case["caption"]: case["noun_phrases"]
        for case in recording()["cases"]["noun_phrases"]["captions"]
    }
    return phrases[caption]


def sizes(granularities: int = 2, num_cut: int = 6) -> MiaSizes:
    return MiaSizes.model_validate(
        {
            "granularities": granularities,
            "num_cut": num_cut,
            "word_width": 300,
            "vocabulary_size": ROWS,
            "vocabulary_sha256": "0" * 64,
        }
    )


def build(granularities: int = 2, num_cut: int = 6) -> MiaNetwork:
    found = networks() | (part_part_networks() if granularities > 2 else {})
    tensors = found.pop("model")
    del found["id_cls"]
    if granularities == 1:
        found = {}
        tensors = {name: t for name, t in tensors.items() if "conv_regional" not in name}
    for module, named in found.items():
        tensors |= {f"{module}.{name}": tensor for name, tensor in named.items()}
    return build_network(sizes(granularities, num_cut), WIDTH, tensors)


def encoder_of(network: MiaNetwork, granularities: int = 2, num_cut: int = 6) -> MiaEncoder:
    """An encoder with the recorded vocabulary and the recorded noun phrases."""
    card = ModelCard(
        name="recorded",
        architecture="mia",
        method="MIA",
        embedding_width=WIDTH,
        image=ImagePreprocessing(
            height=384, width=128, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
        ),
        sizes=sizes(granularities, num_cut).model_dump(),
        weights_sha256="0" * 64,
    )
    vocabulary = WordVocabulary(words(), split_after_punctuation)
    return MiaEncoder(card, network, vocabulary, recorded_phrases)


def gallery() -> list[Image.Image]:
    """The twelve crops of the recorded evaluation, in its order."""
    names = recording()["cases"]["data"]["gallery_order"]
    numbers = [int(name.removesuffix(".png").rsplit("_", 1)[1]) for name in names]
    return [
        Image.fromarray(smooth_image(150 + i, 160 + 8 * (i % 3), 60 + 4 * (i % 5))) for i in numbers
    ]


def queries() -> list[str]:
    """The 24 descriptions of the recorded evaluation, in its order."""
    annotations = recording()["cases"]["data"]["val_anns"]
    return [caption for annotation in annotations for caption in annotation["captions"]]


def worst(found: torch.Tensor, reference: torch.Tensor) -> float:
    """The largest difference, relative to one plus the reference value."""
    assert found.shape == reference.shape
    return float(((found - reference).abs() / (1 + reference.abs())).max())
