import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision import models as torchvision_models
from transformers import BertConfig, BertForMaskedLM

from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid
from models.state_dicts import write_model_directory
from tests.models.nafs.recorded_nafs import recording
from tests.training.small_nafs import (
    IMAGE_TOWER,
    TEXT_TOWER,
    batch,
    config,
    same,
    small,
    steps,
)
from training.methods.nafs import PUBLISHED, build
from training.nafs.start import NafsStart, fill_from_start

Change = Callable[[Path], object]
BERT = BertConfig(
    vocab_size=103, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=24, max_position_embeddings=64, layer_norm_eps=1e-9,
)  # fmt: skip


def write_bert(folder: Path, *, pickled: bool = False) -> BertForMaskedLM:
    """A BERT in a folder as they are published: with heads, and a vocabulary beside."""
    torch.manual_seed(3)
    bert = BertForMaskedLM(BERT)
    bert.save_pretrained(folder)
    if pickled:
        (folder / "model.safetensors").unlink()
        torch.save(bert.state_dict(), folder / "pytorch_model.bin")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{n}" for n in range(98))]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    return bert


@pytest.mark.parametrize("pickled", [False, True])
def test_the_text_tower_starts_from_a_folder_with_a_bert(tmp_path: Path, *, pickled: bool) -> None:
    source, folder = tmp_path / "bert", tmp_path / "run"
    folder.mkdir()
    bert = write_bert(source, pickled=pickled)
    chosen = config(text={}, text_start=str(source))
    method = build(chosen, PUBLISHED, classes=4, seed=1, captions=[], folder=folder)
    taken = method.network.language_model["textExtractor"].state_dict()
    expected = {n: t for n, t in bert.bert.state_dict().items() if not n.startswith("pooler.")}
    assert same(taken, expected)
    drawn = batch(method).captions
    with torch.inference_mode():
        found = method.network.eval().word_states(drawn)
        bert.train(mode=False)
        states = bert.bert(drawn.ids, attention_mask=drawn.mask).last_hidden_state
    assert (found - states).abs().max() <= 1e-5
    card = method.encoder().card
    assert card.embedding_width == 16
    assert (card.sizes["text_heads"], card.sizes["text_norm_epsilon"]) == (4, 1e-9)
    assert card.provenance["start"] == "image tower: random, text tower: bert"
    assert (folder / "vocab.txt").read_bytes() == (source / "vocab.txt").read_bytes()


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: (f / "vocab.txt").unlink(), CheckpointUnreadable, "lacks vocab.txt"),
        (lambda f: (f / "config.json").unlink(), CheckpointUnreadable, "lacks config.json"),
        (lambda f: (f / "model.safetensors").unlink(), CheckpointUnreadable, "cannot be read"),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"none"),
            CheckpointUnreadable,
            "cannot be read",
        ),
        (
            lambda f: rewrite(f / "config.json", num_hidden_layers=3),
            CheckpointMismatch,
            r"lack .*encoder\.layer\.2",
        ),
        (
            lambda f: rewrite(f / "config.json", hidden_act="relu"),
            CheckpointMismatch,
            "activation 'relu'",
        ),
        (
            lambda f: (f / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"),
            CheckpointMismatch,
            "5 word pieces",
        ),
    ],
)
def test_a_bert_that_cannot_be_started_from_is_refused(
    tmp_path: Path, change: Change, error: type[Exception], message: str
) -> None:
    source = tmp_path / "bert"
    write_bert(source)
    change(source)
    with pytest.raises(error, match=message):
        build(
            config(text={}, text_start=str(source)),
            PUBLISHED, classes=4, seed=1, captions=[], folder=tmp_path,
        )  # fmt: skip


def test_more_tokens_than_a_bert_has_positions_are_refused(tmp_path: Path) -> None:
    write_bert(tmp_path / "bert")
    with pytest.raises(ConfigurationInvalid, match="text_positions is 64"):
        build(
            config(text={}, text_start=str(tmp_path / "bert"), caption_tokens=65),
            PUBLISHED, classes=4, seed=1, captions=[], folder=tmp_path,
        )  # fmt: skip


@pytest.mark.slow
def test_imagenet_s_resnet_50_fills_the_recorded_places(tmp_path: Path) -> None:
    torch.manual_seed(4)
    given = torchvision_models.resnet50().state_dict()
    torch.save(given, tmp_path / "resnet50.pth")
    published: dict[str, object] = {
        "image": {"height": 96, "width": 32},
        "image_start": str(tmp_path / "resnet50.pth"),
    }
    method = small(tmp_path / "run", seed=1, **published)
    found = method.network.image_model.state_dict()
    for name, tensor in found.items():
        source = name.removeprefix("branch2_").removeprefix("branch3_")
        assert torch.equal(tensor, given[source]), name
    for name, branches in recording()["pretrained_copies"].items():
        assert [b for b in ("", "branch2_", "branch3_") if b + name in found] == branches
    assert [n for n in given if n not in found] == recording()["pretrained_resnet50_not_loaded"]
    assert method.encoder().card.sizes["patch_stripes"] == 3
    assert "image_widths" not in method.encoder().card.sizes
    assert "image tower: resnet50.pth" in method.encoder().card.provenance["start"]


def test_a_resnet_of_another_size_is_refused(tmp_path: Path) -> None:
    other = small(tmp_path / "other", image=IMAGE_TOWER | {"depths": (1, 2, 1, 1)})
    trunk = {
        name: tensor
        for name, tensor in other.network.image_model.state_dict().items()
        if not name.startswith("branch")
    }
    torch.save(trunk, tmp_path / "resnet.pth")
    with pytest.raises(CheckpointMismatch, match=r"unexpected \(layer2\.1"):
        small(tmp_path / "run", image_start=str(tmp_path / "resnet.pth"))


def test_an_exported_model_is_a_start_with_its_sizes_words_and_crops(tmp_path: Path) -> None:
    method = small(tmp_path / "first")
    steps(method, 2)
    stored = method.stored_model(method.network.state_dict())
    assert "W" not in stored.tensors
    write_model_directory(tmp_path / "model", stored)
    chosen = method.encoder().card
    following = build(
        config(start=str(tmp_path / "model"), image={}, text={}, caption_tokens=100),
        PUBLISHED, classes=9, seed=2, captions=["other words"], folder=tmp_path,
    )  # fmt: skip
    kept = following.network.state_dict()
    assert following.network.W.shape == (16, 9)
    assert all(torch.equal(kept[name], tensor) for name, tensor in stored.tensors.items())
    assert (tmp_path / "vocab.txt").read_bytes() == stored.files["vocab.txt"].read_bytes()
    assert following.encoder().card.image == chosen.image
    assert following.encoder().card.sizes == chosen.sizes
    assert batch(following).captions.ids.shape == (6, TEXT_TOWER["positions"])


@pytest.mark.parametrize("people", [3, 4, None])
def test_class_weights_are_taken_over_where_they_are_kept_and_of_as_many_people(
    tmp_path: Path, people: int | None
) -> None:
    trained, network = small(tmp_path / "trained"), small(tmp_path / "next", seed=2).network
    encoder = trained.encoder()
    weights = trained.network.state_dict()
    own = network.W.detach().clone()
    classes = None if people is None else torch.ones(16, people)
    start = NafsStart(
        sizes=encoder.sizes,
        embedding_width=16,
        image=encoder.card.image,
        tensors={name: tensor for name, tensor in weights.items() if name != "W"},
        classes=classes,
        vocabulary=tmp_path / "trained" / "vocab.txt",
        called="NAFS best_model",
    )
    if people == 3:
        with pytest.raises(CheckpointMismatch, match="of 3 people, the training split shows 4"):
            fill_from_start(network, start, keep_classes=True)
    else:
        fill_from_start(network, start, keep_classes=True)
        assert torch.equal(network.W, own if classes is None else classes)
        network.W.data.copy_(own)
    fill_from_start(network, start, keep_classes=False)
    assert torch.equal(network.W, own)
    assert same(weights | {"W": own}, network.state_dict())


def test_another_architecture_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="'compact_dual'"):
        build(
            config(start="default", image={}, text={}, caption_tokens=100),
            PUBLISHED, classes=4, seed=1, captions=[], folder=tmp_path,
        )  # fmt: skip
