import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import read_card
from models.contracts import PersonEncoder
from models.encoders.mia import MiaEncoder
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.loading import load_encoder, read_model
from models.mia_checkpoints import is_mia, understand
from models.parts import pack_parts
from models.state_dicts import Checkpoint, read_model_directory, write_converted
from models.stored_model import PublishedModel
from tests.models.mia.recorded_mia import (
    ROWS,
    WIDTH,
    gallery,
    networks,
    part_part_networks,
    queries,
    words,
    write_run,
)

Change = Callable[[dict[str, dict[str, torch.Tensor]]], object]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded checkpoint in a folder with its vocabulary."""
    return write_run(tmp_path_factory.mktemp("mia") / "run", networks(), words())


@pytest.fixture(scope="module")
def loaded(published: Path) -> PersonEncoder:
    return load_encoder(published, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def converted(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("converted") / "model"
    model = read_model(published)
    assert isinstance(model, PublishedModel)
    write_converted(directory, model)
    return directory


def read(folder: Path, change: Change = lambda _: None) -> PublishedModel:
    """Understand the recorded networks, changed, as if they lay in that folder."""
    found = networks()
    change(found)
    tensors = found.pop("model")
    return understand(Checkpoint(folder / "stage_2.pt", "0" * 64, tensors, found))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a vocabulary that fits."""
    (tmp_path / "words.json").write_text(json.dumps({"vocab": words(), "coverage": 1.0}))
    return tmp_path


def test_a_published_file_becomes_an_encoder_of_the_recorded_rows(
    loaded: PersonEncoder, encoder: MiaEncoder
) -> None:
    card = loaded.card
    assert (card.name, card.method) == ("MIA stage_2_id_match_last", "MIA")
    assert (card.image.height, card.image.width, card.image.interpolation) == (
        384, 128, "bilinear",
    )  # fmt: skip
    assert (card.image.mean, card.image.std) == (encoder.card.image.mean, encoder.card.image.std)
    assert (card.embedding_width, card.sizes["vocabulary_size"]) == (WIDTH, ROWS)
    assert (card.sizes["granularities"], card.sizes["num_cut"]) == (2, 6)
    assert "does not say" in card.provenance["num_cut"]
    crops = gallery()[:3]
    assert np.abs(loaded.encode_images(crops) - encoder.encode_images(crops)).max() <= 1e-6
    texts = queries()[:4]
    assert np.abs(loaded.encode_texts(texts) - encoder.encode_texts(texts)).max() <= 1e-6


def test_a_loaded_model_tells_the_precision_of_its_convolutions(
    published: Path, loaded: PersonEncoder
) -> None:
    assert loaded.precision == "fp32"
    assert load_encoder(published, device="cpu", precision="bf16").precision == "bf16"


def test_a_loaded_model_scores_by_the_phrases_it_finds(loaded: PersonEncoder) -> None:
    scorer = loaded.part_scorer
    assert scorer is not None
    parts = pack_parts(scorer.encode_parts(gallery()[:2]), "fp32")
    for text in (queries()[0], "", "walking"):
        scores = scorer.score(scorer.prepare(text), parts)
        assert scores.shape == (2,)
        assert np.isfinite(scores).all()


def test_the_folder_of_a_run_is_enough(published: Path) -> None:
    model = read_model(published.parent)
    assert isinstance(model, PublishedModel)
    assert (model.layout, model.classes) == ("MIA's checkpoint", 4)
    assert model.training_only == ("id_cls.weight", "id_cls.bias")
    assert len(model.tensors) == 335 + 4 + 4


def test_a_converted_model_has_the_same_rows_and_the_same_fingerprint(
    loaded: PersonEncoder, converted: Path
) -> None:
    again = load_encoder(converted, device="cpu", precision="fp32")
    assert {path.name for path in converted.iterdir()} == {
        "card.json", "model.safetensors", "vocabulary.json",
    }  # fmt: skip
    assert again.card.fingerprint() == loaded.card.fingerprint()
    crops, texts = gallery()[:2], queries()[:2]
    assert np.array_equal(again.encode_images(crops), loaded.encode_images(crops))
    assert np.array_equal(again.encode_texts(texts), loaded.encode_texts(texts))
    assert again.part_scorer is not None
    assert loaded.part_scorer is not None
    assert np.array_equal(
        again.part_scorer.encode_parts(crops), loaded.part_scorer.encode_parts(crops)
    )


def test_another_vocabulary_in_a_model_directory_is_refused(
    converted: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    shutil.copytree(converted, directory)
    (directory / "vocabulary.json").write_text(json.dumps({"vocab": {"red": 2}}))
    with pytest.raises(CheckpointUnreadable, match=r"vocabulary\.json is damaged or belongs"):
        load_encoder(directory)
    (directory / "vocabulary.json").unlink()
    with pytest.raises(CheckpointUnreadable, match=r"holds no vocabulary\.json"):
        load_encoder(directory)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"num_cut": 1}, CheckpointUnreadable, "num_cut must be 1 where granularities is 1"),
        ({"word_width": 299}, CheckpointMismatch, r"\(1287, 300\) instead of \(1287, 299\)"),
        ({"vocabulary_size": 1288}, CheckpointMismatch, "numbers 1287 words.* has 1288"),
        ({"granularities": 3}, CheckpointMismatch, "8 missing .*bfm_cap_mlp"),
    ],
)
def test_a_card_that_does_not_fit_its_weights_is_refused(
    converted: Path,
    change: dict[str, int],
    error: type[Exception],
    said: str,
) -> None:
    from models.encoders.mia import assemble

    card = read_card(converted)
    wrong = card.model_copy(update={"sizes": {**card.sizes, **change}})
    with pytest.raises(error, match=said):
        assemble(read_model_directory(converted, wrong), device="cpu", precision="fp32")


def test_a_truncated_file_is_refused(published: Path, tmp_path: Path) -> None:
    path = tmp_path / published.name
    with published.open("rb") as whole, path.open("wb") as cut:
        cut.write(whole.read(5_000_000))
    with pytest.raises(CheckpointUnreadable, match="damaged, truncated"):
        load_encoder(path)


def test_without_networks_for_parts_there_is_one_stage(folder: Path) -> None:
    def first_training_stage(found: dict[str, dict[str, torch.Tensor]]) -> None:
        del found["rga_img_mlp"], found["rga_cap_mlp"]
        for name in [n for n in found["model"] if "conv_regional" in n]:
            del found["model"][name]

    model = read(folder, first_training_stage)
    assert (model.card.sizes["granularities"], model.card.sizes["num_cut"]) == (1, 1)
    assert model.training_only == ("id_cls.weight", "id_cls.bias")
    assert len(model.tensors) == 333


def test_stripes_that_nothing_compares_yet_are_left_out(folder: Path) -> None:
    def before_the_second_stage(found: dict[str, dict[str, torch.Tensor]]) -> None:
        del found["rga_img_mlp"], found["rga_cap_mlp"], found["id_cls"]

    model = read(folder, before_the_second_stage)
    assert model.card.sizes["granularities"] == 1
    assert model.classes is None
    assert model.training_only == (
        "img_backbone.conv_regional.weight", "img_backbone.conv_regional.bias",
    )  # fmt: skip
    assert len(model.tensors) == 333


def test_the_networks_of_the_third_granularity_are_ours(folder: Path) -> None:
    model = read(folder, lambda found: found.update(part_part_networks()))
    assert model.card.sizes["granularities"] == 3
    assert "not the authors'" in model.card.provenance["granularities"]
    assert len(model.tensors) == 335 + 4 * 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.pop("rga_cap_mlp"), "holds rga_img_mlp, but .*: rga_cap_mlp"),
        (lambda found: found.pop("rga_img_mlp"), "holds rga_cap_mlp, but .*: rga_img_mlp"),
        (
            lambda found: found["model"].pop("img_backbone.conv_regional.weight"),
            r"belongs to it: model\.img_backbone\.conv_regional\.weight",
        ),
        (
            lambda found: found.update(bfm_img_mlp=part_part_networks()["bfm_img_mlp"]),
            "but not what belongs to it: bfm_cap_mlp",
        ),
        (
            lambda found: [found.pop("rga_img_mlp"), found.update(part_part_networks())],
            "holds rga_cap_mlp, bfm_img_mlp, bfm_cap_mlp, but .*: rga_img_mlp",
        ),
        (
            lambda found: found["model"].pop("cap_backbone.np_fc.bias"),
            r"1 missing \(cap_backbone\.np_fc\.bias\)",
        ),
        (
            lambda found: found["rga_img_mlp"].pop("mlp.2.bias"),
            r"1 missing \(rga_img_mlp\.mlp\.2\.bias\)",
        ),
        (
            lambda found: found["id_cls"].pop("bias"),
            r"1 missing \(id_cls\.bias\)",
        ),
        (
            lambda found: found["id_cls"].update(weight=torch.zeros(())),
            r"id_cls\.weight \(\) instead of \(0, 64\)",
        ),
        (
            lambda found: (
                [found.pop("rga_img_mlp"), found.pop("rga_cap_mlp")]
                and found["model"].pop("img_backbone.conv_regional.bias")
            ),
            r"1 missing \(img_backbone\.conv_regional\.bias\)",
        ),
        (
            lambda found: found["model"].update(mystery=torch.zeros(2)),
            r"1 unexpected \(mystery\)",
        ),
        (
            lambda found: found.update(loss={"": torch.zeros(2)}),
            r"1 unexpected \(loss\)",
        ),
        (
            lambda found: found.update(mystery={"weight": torch.zeros(2)}),
            r"1 unexpected \(mystery\.weight\)",
        ),
        (
            lambda found: found["model"].update({"cap_backbone.fc.bias": torch.zeros(7)}),
            r"cap_backbone\.fc\.bias \(7,\) instead of \(64,\)",
        ),
        (
            lambda found: found["model"].update(recurrence(32)),
            r"8 of another shape .*rnn.*\(96,\) instead of \(192,\)",
        ),
        (
            lambda found: found["model"].update(
                {"img_backbone.img_backbone.fc.weight": torch.zeros(64)}
            ),
            r"img_backbone\.img_backbone\.fc\.weight missing, empty or",
        ),
        (
            lambda found: found["model"].update(
                {"cap_backbone.embedding.weight": torch.zeros(0, 300)}
            ),
            "missing, empty or",
        ),
        (
            lambda found: found["model"].pop("img_backbone.img_backbone.layer1.0.conv3.weight"),
            "not ResNet-50, but one of few layers",
        ),
        (
            lambda found: found["model"].update(
                {
                    f"img_backbone.img_backbone.layer3.{n}.conv1.weight": torch.zeros(1)
                    for n in range(23)
                }
            ),
            "not ResNet-50, but one with 23 blocks",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(folder: Path, change: Change, said: str) -> None:
    with pytest.raises(CheckpointMismatch, match=said):
        read(folder, change)


def recurrence(width: int) -> dict[str, torch.Tensor]:
    state = torch.nn.GRU(300, width, bidirectional=True).state_dict()
    return {f"cap_backbone.rnn.{name}": tensor for name, tensor in state.items()}


def test_the_number_of_cuts_can_be_said_beside_the_checkpoint(folder: Path) -> None:
    (folder / "mia.json").write_text('{"num_cut": 3}')
    card = read(folder).card
    assert card.sizes["num_cut"] == 3
    assert card.provenance["num_cut"] == "3: mia.json"
    assert card.fingerprint() != read_without_run(folder)


def read_without_run(folder: Path) -> str:
    (folder / "mia.json").unlink()
    return read(folder).card.fingerprint()


@pytest.mark.parametrize(
    "text", ["", "{", "[6]", "{}", '{"num_cut": 1}', '{"num_cut": 6, "stripes": 6}', "\x00"]
)
def test_a_broken_number_of_cuts_is_named(folder: Path, text: str) -> None:
    (folder / "mia.json").write_text(text)
    with pytest.raises(CheckpointUnreadable, match=r'mia\.json is not like \{"num_cut": 6\}'):
        read(folder)


def test_a_missing_vocabulary_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "val_label.json").write_text('{"11/img_000.png": 11}')
    (tmp_path / "words.json").write_text('{"vocab": {"a": 2')
    with pytest.raises(
        CheckpointUnreadable, match=r'vocabulary .* is missing.*"vocab" \(words\.json cannot be'
    ):
        read(tmp_path)


def test_several_vocabularies_are_named(folder: Path) -> None:
    shutil.copy(folder / "words.json", folder / "others.json")
    (folder / "val_label.json").write_text('{"11/img_000.png": 11}')
    with pytest.raises(CheckpointUnreadable, match=r"2 vocabularies \(others\.json, words\.json\)"):
        read(folder)


def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path) -> None:
    fewer = {word: number for word, number in words().items() if number < 1000}
    (tmp_path / "words.json").write_text(json.dumps({"vocab": fewer, "coverage": 1.0}))
    with pytest.raises(CheckpointMismatch, match=r"words\.json numbers 1000 words .* has 1287"):
        read(tmp_path)


def test_mia_is_recognised_by_names() -> None:
    tensors = networks()["model"]
    assert is_mia({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    assert not is_mia({"img_backbone.img_backbone.conv1.weight": (64, 3, 7, 7)})
    assert not is_mia({})
