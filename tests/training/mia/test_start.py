import json
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet50

from models.errors import CheckpointMismatch, CheckpointUnreadable, ConfigurationInvalid, ModelError
from models.layers.mia_backbones import MiaNetwork, MiaSizes
from models.loading import DEFAULT, read_model
from models.state_dicts import write_model_directory
from models.stored_model import StoredModel
from tests.models.mia.recorded_mia import networks, part_part_networks, words, write_run
from tests.training.recorded_mia_training import write_identity, write_matching
from training.mia.stages import MiaObjective, MiaTrainingNetwork, Stage
from training.mia.start import (
    Start,
    fill_at_random,
    fill_from_imagenet,
    fill_from_start,
    read_start,
)


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checkpoints of the three stages, in the authors' layout."""
    folder = tmp_path_factory.mktemp("starts")
    return {
        "identity": str(write_identity(folder / "identity")),
        "matching": str(write_matching(folder / "matching")),
        "part_part": str(
            write_run(folder / "part_part", networks() | part_part_networks(), words())
        ),
    }


@pytest.fixture(scope="module")
def start(starts: dict[str, str]) -> Start:
    return read_start(starts["matching"], "matching")


def network(start: Start, stage: Stage, classes: int = 4) -> MiaTrainingNetwork:
    granularities = {"identity": 1, "matching": 2, "part_part": 3}[stage]
    sizes = start.sizes.model_copy(
        update={"granularities": granularities, "num_cut": 1 if granularities == 1 else 6}
    )
    objective = MiaObjective(stage=stage)
    return MiaTrainingNetwork(sizes, start.embedding_width, classes, objective)


def small_network() -> MiaNetwork:
    sizes = MiaSizes(
        granularities=1, num_cut=1, word_width=8, vocabulary_size=50, vocabulary_sha256="0" * 64
    )
    return MiaNetwork(sizes, 16)


def test_a_checkpoint_gives_all_its_networks_and_its_classifier(start: Start) -> None:
    found = network(start, "matching")
    fill_from_start(found, start, keep_classifier=True)
    recorded = networks()
    named = {**recorded.pop("model")}
    for module, tensors in recorded.items():
        named |= {f"{module}.{name}": tensor for name, tensor in tensors.items()}
    state = found.state_dict()
    assert state.keys() == named.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in named.items())


def test_a_new_classifier_is_left_at_random_where_wanted(start: Start) -> None:
    found = network(start, "matching", classes=9)
    first = found.id_cls.weight.detach().clone()
    fill_from_start(found, start, keep_classifier=False)
    assert torch.equal(found.id_cls.weight, first)
    conv = networks()["model"]["img_backbone.conv_regional.weight"]
    assert torch.equal(found.img_backbone.conv_regional.weight, conv)


def test_a_classifier_of_other_people_is_refused(start: Start) -> None:
    with pytest.raises(CheckpointMismatch, match="knows 4 people, the training split shows 9"):
        fill_from_start(network(start, "matching", 9), start, keep_classifier=True)


def test_the_next_stage_keeps_what_the_first_had_and_adds_the_mlps(
    starts: dict[str, str],
) -> None:
    start = read_start(starts["identity"], "matching")
    found = network(start, "matching")
    name = "rga_img_mlp.mlp.0.weight"
    added = found.state_dict()[name].clone()
    fill_from_start(found, start, keep_classifier=True)
    recorded = networks()
    assert torch.equal(found.state_dict()[name], added)
    assert torch.equal(found.id_cls.weight, recorded["id_cls"]["weight"])
    for name in ("cap_backbone.fc.weight", "img_backbone.conv_regional.weight"):
        assert torch.equal(found.state_dict()[name], recorded["model"][name])


def test_a_model_directory_gives_its_networks_without_a_classifier(
    starts: dict[str, str], tmp_path: Path
) -> None:
    read = read_model(starts["matching"])
    assert isinstance(read, StoredModel)
    write_model_directory(tmp_path / "model", read)
    found = read_start(str(tmp_path / "model"), "part_part")
    assert not any(name.startswith("id_cls") for name in found.tensors)
    assert found.sizes.num_cut == 6
    assert found.embedding_width == 64


@pytest.mark.parametrize(
    ("source", "stage"),
    [
        ("identity", "identity"), ("identity", "matching"), ("matching", "matching"),
        ("matching", "part_part"), ("part_part", "part_part"),
    ],
)  # fmt: skip
def test_a_stage_follows_the_one_before_or_itself(
    starts: dict[str, str], source: str, stage: Stage
) -> None:
    found = read_start(starts[source], stage)
    fill_from_start(network(found, stage), found, keep_classifier=True)


@pytest.mark.parametrize(
    ("source", "stage", "remedy"),
    [
        ("matching", "identity", "name a model of the same stage"),
        ("part_part", "identity", "name a model of the same stage"),
        ("part_part", "matching", "name a model of identity or of matching"),
        ("identity", "part_part", "name a model of matching or of part_part"),
    ],
)
def test_another_order_of_stages_is_refused(
    starts: dict[str, str], source: str, stage: Stage, remedy: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=remedy):
        read_start(starts[source], stage)


def test_a_model_of_another_architecture_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="starts from mia alone"):
        read_start(DEFAULT, "matching")


def changed(folder: Path, source: str, key: str, value: object) -> str:
    """A model directory whose card says something else of its sizes."""
    read = read_model(source)
    assert isinstance(read, StoredModel)
    write_model_directory(folder / "model", read)
    path = folder / "model" / "card.json"
    card = json.loads(path.read_text())
    card["sizes"][key] = value
    path.write_text(json.dumps(card))
    return str(folder / "model")


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("num_cut", 1, CheckpointUnreadable),
        ("word_width", 299, CheckpointMismatch),
        ("vocabulary_sha256", "1" * 64, CheckpointUnreadable),
    ],
)
def test_a_card_that_does_not_fit_its_model_is_refused(
    starts: dict[str, str], tmp_path: Path, key: str, value: object, error: type[ModelError]
) -> None:
    with pytest.raises(error):
        read_start(changed(tmp_path, starts["matching"], key, value), "matching")


def test_words_start_from_small_uniform_numbers() -> None:
    found = small_network()
    fill_at_random(found)
    words = found.cap_backbone.embedding.weight
    assert 0.095 < words.abs().max() <= 0.1
    assert words.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.1)


@pytest.mark.parametrize("counters", [True, False])
def test_imagenet_weights_fill_the_image_tower_but_its_last_layer(
    tmp_path: Path, *, counters: bool
) -> None:
    given = {
        name: tensor
        for name, tensor in resnet50(weights=None).state_dict().items()
        if counters or not name.endswith("num_batches_tracked")
    }
    torch.save(given, tmp_path / "resnet50.pth")
    found = small_network()
    last = found.img_backbone.img_backbone.fc.weight.detach().clone()
    fill_from_imagenet(found, tmp_path / "resnet50.pth")
    state = found.img_backbone.img_backbone.state_dict()
    assert torch.equal(state["fc.weight"], last)
    assert all(
        torch.equal(state[name], tensor) for name, tensor in given.items() if name[:3] != "fc."
    )


@pytest.mark.parametrize("fault", ["missing", "unexpected"])
def test_imagenet_weights_of_another_network_are_refused(tmp_path: Path, fault: str) -> None:
    given = resnet50(weights=None).state_dict()
    if fault == "missing":
        del given["layer4.2.bn3.running_var"]
    else:
        given["layer4.3.conv1.weight"] = torch.zeros(1)
    torch.save(given, tmp_path / "resnet50.pth")
    with pytest.raises(CheckpointMismatch, match=f"1 {fault}"):
        fill_from_imagenet(small_network(), tmp_path / "resnet50.pth")
