import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import read_card
from models.encoders.nafs import NafsEncoder, assemble
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.loading import load_encoder, read_model
from models.nafs_checkpoints import is_nafs, understand
from models.parts import pack_parts
from models.state_dicts import Checkpoint, read_model_directory, write_converted
from models.stored_model import PublishedModel
from tests.models.nafs.recorded_nafs import (
    CLASSES,
    class_weights,
    crop,
    layout,
    network_tensors,
    queries,
    recording,
    write_beside,
)

BERT = "language_model.textExtractor."
POOLER = (f"{BERT}pooler.dense.weight", f"{BERT}pooler.dense.bias")
SHA256 = "1" * 64
CROPS = ("train_query/0006_1.png", "CUHK01/0007_0.png", "cam_a/0002_1.png")
Change = Callable[[dict[str, torch.Tensor]], object]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder without its checkpoint, whose tensors the tests hold in memory."""
    return write_beside(tmp_path / "run")


def checkpoint(
    folder: Path, tensors: dict[str, torch.Tensor], *, classes: torch.Tensor | None = None
) -> Checkpoint:
    beside = {} if classes is None else {"W": {"": classes}}
    return Checkpoint(folder / "best_model.pth.tar", SHA256, tensors, beside)


def bert_base() -> dict[str, torch.Tensor]:
    """Published sizes: a BERT of 12 layers with 30522 pieces, of which nothing is stored."""
    shapes = dict(layout())
    for name, shape in layout().items():
        if ".encoder.layer.1." in name:
            for layer in range(2, 12):
                shapes[name.replace(".layer.1.", f".layer.{layer}.")] = shape
    changed: dict[str, tuple[int, ...]] = {
        f"{BERT}embeddings.word_embeddings.weight": (30522, 768),
        f"{BERT}embeddings.position_embeddings.weight": (512, 768),
    }
    for name in shapes:
        if name.endswith("intermediate.dense.weight"):
            changed[name] = (3072, 768)
        elif name.endswith("intermediate.dense.bias"):
            changed[name] = (3072,)
        elif ".output.dense.weight" in name and ".attention." not in name:
            changed[name] = (768, 3072)
    return {n: torch.zeros(()).expand(changed.get(n, shape)) for n, shape in shapes.items()}


def test_the_layout_of_nafs_is_understood(run: Path) -> None:
    found = understand(checkpoint(run, network_tensors(), classes=class_weights()))
    assert found.layout == "NAFS's checkpoint"
    assert found.classes == CLASSES
    assert found.training_only == (*POOLER, "W")
    assert found.shapes == {n: s for n, s in layout().items() if n not in POOLER}
    assert found.files == {"vocab.txt": run / "vocab.txt"}
    assert found.card.weights_sha256 == SHA256
    assert (found.card.name, found.card.method) == ("NAFS best_model", "NAFS")
    sizes = found.card.sizes
    assert (sizes["patch_stripes"], sizes["region_stripes"]) == (3, 2)
    assert (sizes["text_layers"], sizes["text_heads"], sizes["vocabulary_size"]) == (2, 12, 79)


def test_the_layout_of_youreid_is_understood(run: Path) -> None:
    """The class weights are the first entry of the network, as its module is registered."""
    found = understand(checkpoint(run, {"W": class_weights(), **network_tensors()}))
    assert found.layout == "YouReID's checkpoint"
    assert found.classes == CLASSES
    assert found.training_only == ("W", *POOLER)
    assert "W" not in found.tensors


def test_without_class_weights_the_number_of_classes_is_unknown(run: Path) -> None:
    found = understand(checkpoint(run, network_tensors()))
    assert found.classes is None
    assert found.training_only == POOLER


def test_what_older_and_newer_libraries_store_besides_makes_no_difference(run: Path) -> None:
    tensors = network_tensors()
    expected = understand(checkpoint(run, tensors))
    tensors = {n: t for n, t in tensors.items() if not n.endswith("num_batches_tracked")}
    tensors[f"{BERT}embeddings.position_ids"] = torch.arange(128).unsqueeze(0)
    found = understand(checkpoint(run, tensors))
    assert found.shapes == expected.shapes
    assert found.training_only == (*POOLER, f"{BERT}embeddings.position_ids")
    filled = found.tensors["bottleneck_text.num_batches_tracked"]
    assert filled.dtype is torch.int64
    assert int(filled) == 0


def test_other_numbers_of_stripes_are_read_from_the_names(run: Path) -> None:
    tensors = network_tensors()
    for head in ("fc_p2_list", "fc_p2_list_query", "fc_p2_list_value"):
        for kind in ("weight", "bias"):
            tensors[f"{head}.3.{kind}"] = tensors[f"{head}.0.{kind}"]
    assert understand(checkpoint(run, tensors)).card.sizes["patch_stripes"] == 4


def test_bert_base_needs_no_configuration(run: Path) -> None:
    (run / "bert_config.json").unlink()
    words = [*recording()["vocab"], *(f"##unused{n}" for n in range(30522 - 79))]
    (run / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    found = understand(checkpoint(run, bert_base()))
    sizes = found.card.sizes
    assert (sizes["text_layers"], sizes["vocabulary_size"]) == (12, 30522)
    assert (sizes["text_inner_width"], sizes["text_positions"]) == (3072, 512)
    assert len(found.shapes) + len(POOLER) == 807


def test_a_smaller_bert_without_its_configuration_asks_for_it(run: Path) -> None:
    (run / "bert_config.json").unlink()
    with pytest.raises(CheckpointMismatch, match=r"Put the bert_config\.json") as caught:
        understand(checkpoint(run, network_tensors()))
    assert "vocab_size 79 instead of 30522" in str(caught.value)
    assert "num_hidden_layers 2 instead of 12" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 3}, "num_hidden_layers 2 instead of 3"),
        ({"num_attention_heads": 7}, "no multiple of its attention heads"),
        ({"hidden_size": 96}, "hidden_size 768 instead of 96"),
    ],
)
def test_a_configuration_of_another_bert_is_refused(
    run: Path, change: dict[str, int], message: str
) -> None:
    config = recording()["bert_config"] | change
    (run / "bert_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatch, match=message):
        understand(checkpoint(run, network_tensors()))


@pytest.mark.parametrize("content", ["{", "[]", '{"hidden_act": "relu"}', '{"hidden_size": 0}'])
def test_a_configuration_that_is_none_is_refused(run: Path, content: str) -> None:
    (run / "bert_config.json").write_text(content)
    with pytest.raises(CheckpointUnreadable, match=r"bert_config\.json is no configuration"):
        understand(checkpoint(run, network_tensors()))


def test_a_missing_vocabulary_is_asked_for(run: Path) -> None:
    (run / "vocab.txt").unlink()
    with pytest.raises(
        CheckpointUnreadable, match=r"hold no vocabulary.*bert-base-uncased beside best_model\.pth"
    ):
        understand(checkpoint(run, network_tensors()))


def test_a_vocabulary_of_the_wrong_size_is_refused(run: Path) -> None:
    with (run / "vocab.txt").open("a") as file:
        file.write("scarf\n")
    with pytest.raises(CheckpointMismatch, match="80 word pieces, the model knows 79"):
        understand(checkpoint(run, network_tensors()))


def remove(name: str) -> Change:
    return lambda tensors: tensors.pop(name)


def replace(name: str, *shape: int) -> Change:
    return lambda tensors: tensors.update({name: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("conv_text.weight"), r"1 missing \(conv_text\.weight\)"),
        (remove("image_model.layer4.2.bn3.running_var"), r"1 missing \(image_model\.layer4"),
        (remove(f"{BERT}embeddings.LayerNorm.bias"), r"1 missing \(language_model"),
        (remove("fc_p3_list_query.1.weight"), r"1 missing \(fc_p3_list_query\.1\.weight\)"),
        (replace("stranger", 1), r"1 unexpected \(stranger\)"),
        (replace("fc.weight", 1000, 2048), r"1 unexpected \(fc\.weight\)"),
        (
            replace("local_bottleneck_text_key.weight", 100, 768),
            r"1 of another shape \(local_bottleneck_text_key.weight \(100, 768\) instead of \(101",
        ),
        (replace("conv_images.weight", 512, 2048, 1, 1), r"1 of another shape \(conv_images"),
        (replace("W", 512, 12), r"W of .* have the shape \(512, 12\) instead of \(768, classes\)"),
        (
            replace(f"{BERT}embeddings.word_embeddings.weight", 80, 768),
            "vocab_size 80 instead of 79",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(run: Path, change: Change, message: str) -> None:
    tensors = network_tensors()
    change(tensors)
    with pytest.raises(CheckpointMismatch, match=message):
        understand(checkpoint(run, tensors))


def test_only_a_staircase_beside_a_bert_is_nafs() -> None:
    assert is_nafs(layout())
    assert not is_nafs({n: s for n, s in layout().items() if not n.startswith(BERT)})
    assert not is_nafs({n: s for n, s in layout().items() if not n.startswith("image_model.")})
    assert not is_nafs({"base_model.visual.conv1.weight": (1, 1)})


@pytest.mark.slow
def test_both_layouts_and_the_converted_model_are_one(
    published: Path, encoder: NafsEncoder, large_folder: Path
) -> None:
    youreid = write_beside(large_folder / "youreid")
    tensors = {"W": class_weights(), **network_tensors()}
    content = {"model": {f"module.{name}": t for name, t in tensors.items()}, "epoch": 3}
    torch.save(content, youreid / "best_model.pth.tar")
    model = read_model(published)
    assert isinstance(model, PublishedModel)
    assert (model.layout, model.classes) == ("NAFS's checkpoint", CLASSES)
    card = write_converted(large_folder / "converted", model)
    assert card.fingerprint() == encoder.card.fingerprint()
    assert card == read_card(large_folder / "converted")
    crops = [crop(path) for path in CROPS]
    expected = encoder.encode_crops(crops)
    for folder in (youreid, large_folder / "converted"):
        loaded = load_encoder(folder, device="cpu", precision="fp32")
        assert isinstance(loaded, NafsEncoder)
        found = loaded.encode_crops(crops)
        assert np.array_equal(found.rows, expected.rows)
        assert np.array_equal(found.parts, expected.parts)
        assert np.array_equal(loaded.encode_texts(queries()), encoder.encode_texts(queries()))
        stored = pack_parts(expected.parts, "int8")
        texts = [e.part_scorer.prepare("a man in red, with a bag") for e in (encoder, loaded)]
        first, second = (encoder.part_scorer.score(text, stored) for text in texts)
        assert np.array_equal(first, second)


@pytest.mark.slow
def test_a_truncated_checkpoint_is_refused(published: Path, large_folder: Path) -> None:
    run = write_beside(large_folder / "run")
    with (published / "best_model.pth.tar").open("rb") as file:
        (run / "best_model.pth.tar").write_bytes(file.read(50_000_000))
    with pytest.raises(CheckpointUnreadable, match=r"best_model\.pth\.tar.*truncated"):
        load_encoder(run)


@pytest.mark.slow
def test_a_damaged_model_directory_is_refused(published: Path, large_folder: Path) -> None:
    directory = large_folder / "model"
    published_model = read_model(published)
    assert isinstance(published_model, PublishedModel)
    card = write_converted(directory, published_model)
    vocabulary = directory / "vocab.txt"
    stored = vocabulary.read_bytes()
    vocabulary.write_bytes(stored.replace(b"red", b"rad"))
    with pytest.raises(CheckpointUnreadable, match=r"vocab\.txt is damaged"):
        load_encoder(directory)
    vocabulary.unlink()
    with pytest.raises(CheckpointUnreadable, match=r"holds no vocab\.txt"):
        load_encoder(directory)
    vocabulary.write_bytes(stored)
    model = read_model_directory(directory, card)
    for change, error, message in (
        ({"text_layers": 0}, CheckpointUnreadable, "text_layers"),
        ({"text_layers": 3}, CheckpointMismatch, r"missing \(language_model"),
        ({"vocabulary_size": 80}, CheckpointMismatch, "79 word pieces, the model knows 80"),
    ):
        wrong = card.model_copy(update={"sizes": {**card.sizes, **change}})
        (directory / "card.json").write_text(wrong.model_dump_json())
        with pytest.raises(error, match=message):
            load_encoder(directory)
    assert model.shapes.keys() == {n for n in layout() if n not in POOLER}


def test_a_loaded_model_does_not_follow_changes_of_its_tensors(run: Path) -> None:
    found = understand(checkpoint(run, network_tensors()))
    encoder = assemble(found, device="cpu", precision="fp32")
    stored = found.tensors["conv_text.weight"]
    assert encoder.network.conv_text.weight.data_ptr() != stored.data_ptr()
    assert torch.equal(encoder.network.conv_text.weight, stored)
