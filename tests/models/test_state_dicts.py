import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.card import ImagePreprocessing, ModelCard, file_sha256, read_card
from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid
from models.state_dicts import (
    read_checkpoint,
    read_model_directory,
    require_fit,
    write_converted,
    write_model_directory,
)
from models.stored_model import PublishedModel, StoredModel

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
CARD = ModelCard(
    name="two tensors",
    architecture="clip_global",
    method="none",
    embedding_width=2,
    image=ImagePreprocessing(height=4, width=2, mean=(0, 0, 0), std=(1, 1, 1)),
    sizes={},
    weights_sha256="0" * 64,
)
SOURCE = Path("best.pth")
MODEL = StoredModel(CARD, WEIGHTS, {}, SOURCE)
PUBLISHED = PublishedModel(
    CARD, WEIGHTS, {}, SOURCE, layout="somebody's", classes=None, training_only=()
)


class Payload:
    """Unpickling it runs a shell command; with a safe reader it must not."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.victim}'",)


def save_new(content: object, path: Path) -> None:
    torch.save(content, path)


def save_old(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def save_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("save", [save_new, save_old])
@pytest.mark.parametrize("wrap", [None, "network", "model", "state_dict"])
def test_weights_are_found_where_trainers_put_them(
    tmp_path: Path, save: Callable[[object, Path], None], wrap: str | None
) -> None:
    path = tmp_path / "weights.pth"
    save({wrap: WEIGHTS, "epoch": 3} if wrap else WEIGHTS, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.shapes == {"a.weight": (2, 3), "a.bias": (2,)}
    assert all(torch.equal(checkpoint.tensors[name], WEIGHTS[name]) for name in WEIGHTS)


def test_safetensors_are_known_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    save_file(WEIGHTS, path)
    assert read_checkpoint(path).shapes == {"a.weight": (2, 3), "a.bias": (2,)}


def test_the_checksum_is_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(CheckpointUnreadable, match="no tensors"):
        read_checkpoint(path)
    save_file({"a": torch.zeros(1)}, path)
    assert read_checkpoint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_prefix_of_a_distributed_run_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({f"module.{name}": tensor for name, tensor in WEIGHTS.items()}, path)
    assert read_checkpoint(path).shapes.keys() == WEIGHTS.keys()


def test_a_prefix_on_some_names_only_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1), "module.c": torch.ones(1)}, path)
    with pytest.raises(CheckpointMismatch, match=r"'module\.' on 2 of 3 names, but not on b: "):
        read_checkpoint(path)


def test_named_tensors_beside_the_weights_are_kept_and_the_rest_is_left(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    extra = {"e": torch.arange(3)}
    content = {
        "network": WEIGHTS, "W": torch.eye(2), "head": extra, "epoch": 3, "mixed": {"a": 1},
        "empty": {}, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    }  # fmt: skip
    torch.save(content, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.tensors.keys() == WEIGHTS.keys()
    assert checkpoint.beside.keys() == {"W", "head"}
    assert torch.equal(checkpoint.beside["W"][""], torch.eye(2))
    assert torch.equal(checkpoint.beside["head"]["e"], extra["e"])
    torch.save(WEIGHTS, path)
    assert read_checkpoint(path).beside == {}


@pytest.mark.parametrize("save", [save_new, save_old, save_pickle])
def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(
    tmp_path: Path, save: Callable[[object, Path], None]
) -> None:
    victim = tmp_path / "victim"
    path = tmp_path / "best.pth"
    save({"config": Payload(victim), "model": WEIGHTS}, path)
    with pytest.raises(CheckpointUnreadable) as caught:
        read_checkpoint(path)
    assert not victim.exists()
    assert str(path) in str(caught.value)
    assert "system" in str(caught.value)
    assert "weights_only" not in str(caught.value)  # PyTorch advises to switch safety off
    # The payload is live: the unsafe reader does run it.
    torch.load(path, weights_only=False) if save is not save_pickle else pickle.loads(  # noqa: S301
        path.read_bytes()
    )
    assert victim.exists()


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_truncated_file_is_named(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "best.pth"
    content = {"w": torch.arange(5000.0)}
    if kind == "safetensors":
        save_file(content, path)
    else:
        (save_new if kind == "zip" else save_old)(content, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointUnreadable, match=r"best\.pth .*truncated"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [b"hello, this is a letter", bytes(3000), b"\x89PNG\r\n\x1a\n", b"PK\x05\x06" + bytes(18)],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match=r"letter\.pth"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [{}, [1, 2], 7, {"model": {}}, torch.ones(3)])
def test_a_checkpoint_without_named_tensors_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "best.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointUnreadable, match="no tensors by name"):
        read_checkpoint(path)


@pytest.mark.parametrize("entry", [{"epoch": 3}, {7: torch.ones(1)}])
def test_entries_that_are_no_named_tensors_are_named(
    tmp_path: Path, entry: dict[object, object]
) -> None:
    path = tmp_path / "best.pth"
    content: dict[object, object] = {"a": torch.ones(1)}
    torch.save(content | entry, path)
    with pytest.raises(CheckpointUnreadable, match=f"1 entries .* {next(iter(entry))!r}"):
        read_checkpoint(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnreadable, match=r"gone\.pth"):
        read_checkpoint(tmp_path / "gone.pth")


def test_equal_shapes_fit() -> None:
    require_fit({"a": (1, 2)}, {"a": (1, 2)}, Path("best.pth"))


def test_all_that_does_not_fit_is_counted_and_some_of_it_named() -> None:
    found = {f"extra.{n}": (1,) for n in range(9)} | {"a": (1, 2), "b": (3,)}
    with pytest.raises(CheckpointMismatch) as caught:
        require_fit(found, {"a": (1, 2), "b": (4,), "c": ()}, Path("best.pth"))
    said = str(caught.value)
    assert "best.pth" in said
    assert "1 missing (c)" in said
    assert "9 unexpected (extra.0, extra.1, extra.2, extra.3, ...)" in said
    assert "1 of another shape (b (3,) instead of (4,))" in said


def test_a_written_directory_is_complete_and_readable(tmp_path: Path) -> None:
    directory = tmp_path / "models" / "mine"
    words = tmp_path / "words.txt"
    words.write_text("red\n")
    card = write_model_directory(
        directory, StoredModel(CARD, WEIGHTS, {"vocab.txt": words}, SOURCE)
    )
    assert sorted(path.name for path in directory.iterdir()) == [
        "card.json", "model.safetensors", "vocab.txt",
    ]  # fmt: skip
    assert read_card(directory) == card
    assert card.weights_sha256 == file_sha256(directory / "model.safetensors")
    assert card.model_copy(update={"weights_sha256": "0" * 64}) == CARD
    read = read_model_directory(directory, card)
    assert (read.card, read.source) == (card, directory / "model.safetensors")
    assert read.files == {"vocab.txt": directory / "vocab.txt"}
    assert read.files["vocab.txt"].read_text() == "red\n"
    assert read.shapes == {"a.weight": (2, 3), "a.bias": (2,)}
    assert all(torch.equal(read.tensors[name], WEIGHTS[name]) for name in WEIGHTS)


def test_a_converted_model_keeps_its_fingerprint(tmp_path: Path) -> None:
    card = write_converted(tmp_path / "mine", PUBLISHED)
    assert card.converted_from_sha256 == CARD.weights_sha256 != card.weights_sha256
    assert card.fingerprint() == CARD.fingerprint()
    assert read_card(tmp_path / "mine") == card


def test_only_a_published_model_is_converted(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="model directory already"):
        write_converted(tmp_path / "mine", MODEL)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_any_memory_layout_are_written(tmp_path: Path) -> None:
    """Transposed, and a gradient's leaf: as networks hold them."""
    weights = {"t": torch.arange(6.0).reshape(2, 3).T, "g": torch.ones(2, requires_grad=True)}
    write_model_directory(tmp_path / "mine", StoredModel(CARD, weights, {}, SOURCE))
    read = read_model_directory(tmp_path / "mine", CARD).tensors
    assert all(torch.equal(read[name], weights[name]) for name in weights)


def test_a_directory_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("keep")
    with pytest.raises(ConfigurationInvalid, match="mine is there already"):
        write_model_directory(tmp_path / "mine", MODEL)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    tied = torch.ones(4)
    with pytest.raises(RuntimeError, match="share memory"):
        write_model_directory(
            tmp_path / "mine", StoredModel(CARD, {"a": tied, "b": tied}, {}, SOURCE)
        )
    gone = StoredModel(CARD, WEIGHTS, {"vocab.txt": tmp_path / "gone"}, SOURCE)
    with pytest.raises(FileNotFoundError):
        write_model_directory(tmp_path / "mine", gone)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationInvalid, match="cannot be made"):
        write_model_directory(tmp_path / "file" / "mine", MODEL)


def test_damaged_weights_of_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnreadable, match=r"model\.safetensors"):
        read_model_directory(tmp_path, CARD)
    (tmp_path / "model.safetensors").write_bytes(b"not at all")
    with pytest.raises(CheckpointUnreadable, match=r"model\.safetensors"):
        read_model_directory(tmp_path, CARD)
