from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.errors import ConfigurationInvalid
from models.layers.staircase_resnet import StripeOrders
from models.loading import load_encoder
from models.nafs_checkpoints import IMAGE
from models.parts import pack_parts
from models.state_dicts import write_model_directory
from tests.models.filled_weights import worst
from tests.models.nafs.recorded_nafs import (
    CLASSES,
    case,
    class_weights,
    fingerprint_error,
    recording,
    write_run,
)
from tests.training.small_nafs import (
    CAPTIONS,
    IMAGE_TOWER,
    batch,
    crops,
    same,
    small,
    steps,
)
from training.contracts import ParameterGroup, Sample
from training.crop_transforms import UNVARIED, CropTransform
from training.methods.nafs import PUBLISHED, NafsConfig, NafsMethod, build
from training.nafs.batches import NafsBatch
from training.optimisers import make_optimiser
from training.terms import LossTerms

EQUAL = 1e-4
THROUGH_NORMS = 2e-3
"""Of gradients in the staircase, whose norms see 4 crops: in float64 the recorded ones are up to
1e-3 off."""
NO_GRADIENT = 1e-4
"""What rounding leaves of a gradient that is zero, as of a bias in front of a norm: its length."""
TOWERS = ("image_model.", "language_model.")


@dataclass(frozen=True)
class Stepped:
    """The recorded network after one step, and what that step was."""

    method: NafsMethod
    classes_before: torch.Tensor
    terms: LossTerms
    gradients: dict[str, torch.Tensor]
    groups: list[ParameterGroup]


def recorded_batch(method: NafsMethod) -> NafsBatch:
    given, step = case("forward_eval"), case("train_step")
    rows = zip(given["captions"], step["labels"].tolist(), strict=True)
    chosen = [Sample(Path("crop.png"), text, (), label, 0) for text, label in rows]
    images = [Image.fromarray(pixels.numpy()) for pixels in given["pixels_uint8_NHWC"]]
    maker = replace(method.batch_maker, transform=CropTransform(IMAGE, UNVARIED))
    found = maker(chosen, images, 0)
    assert torch.equal(found.captions.ids, given["tokens"])
    assert torch.equal(found.captions.mask, given["mask"])
    assert torch.equal(found.phrases.ids, given["sep_tokens"][:, : found.phrases.ids.shape[1]])
    assert torch.equal(found.phrases.counts, given["sep_mask"].sum(1))
    return replace(found, orders=StripeOrders(tuple(step["p2"]), tuple(step["p3"])))


@pytest.fixture(scope="module")
def stepped() -> Iterator[Stepped]:
    """One step from the recorded checkpoint, 360 MB that pytest would keep."""
    with TemporaryDirectory() as folder:
        started = NafsConfig(
            name="nafs", start=str(write_run(Path(folder) / "run")), text_dropout=0
        )
        method = build(
            started, PUBLISHED, classes=CLASSES, seed=1, captions=[], folder=Path(folder)
        )
    before = method.network.W.detach().clone()
    groups = method.parameter_groups()
    moving = make_optimiser(groups, PUBLISHED)
    terms = method.network.train()(recorded_batch(method))
    terms.total().backward()
    moving.step()
    gradients = {n: p.grad for n, p in method.network.named_parameters() if p.grad is not None}
    yield Stepped(method, before, terms, gradients, groups)


@pytest.mark.slow
def test_the_terms_of_a_step_are_the_recorded_ones(stepped: Stepped) -> None:
    assert torch.equal(stepped.classes_before, class_weights())
    weighted = [weight * value.item() for weight, value in stepped.terms.terms.values()]
    assert list(stepped.terms.terms) == ["cmpm", "cmpc", "part_alignment"]
    found = [*weighted, stepped.terms.total().item()]
    assert found == pytest.approx(case("train_step")["loss_tuple"][:4], rel=1e-6)


@pytest.mark.slow
def test_the_gradients_of_a_step_are_the_recorded_ones(stepped: Stepped) -> None:
    step = case("train_step")
    assert worst(stepped.gradients["W"], step["W_grad"]) <= 1e-6
    assert step["grad_norms"].keys() == stepped.gradients.keys() - {"W"}
    for name, norm in step["grad_norms"].items():
        found = float(stepped.gradients[name].norm())
        within = THROUGH_NORMS if name.startswith("image_model.") else EQUAL
        assert found == pytest.approx(norm, rel=within, abs=NO_GRADIENT), name


@pytest.mark.slow
def test_weights_after_a_step_are_the_recorded_ones(stepped: Stepped) -> None:
    step = case("train_step")
    assert len(step["params_after_step"]) == 6
    for name, fingerprint in step["params_after_step"].items():
        found = stepped.method.network.get_parameter(name).detach()
        assert fingerprint_error(found, fingerprint) <= EQUAL / 10, name
    mean = stepped.method.network.bottleneck_image.running_mean
    assert mean is not None
    assert fingerprint_error(mean, step["running_mean_after"]) <= EQUAL / 10


@pytest.mark.slow
def test_groups_are_the_recorded_ones_without_what_gets_no_gradient(stepped: Stepped) -> None:
    unmoved = case("train_step")["params_without_grad"]
    in_towers = [sum(name.startswith(tower) for name in unmoved) for tower in TOWERS]
    left_out = (len(unmoved) - sum(in_towers), *in_towers)
    assert left_out == (2, 0, 2)
    recorded = recording()["param_groups"]
    for group, expected, missing in zip(stepped.groups, recorded, left_out, strict=True):
        assert len(group.parameters) == expected["n_tensors"] - missing
        assert group.learning_rate == pytest.approx(expected["lr"])
        assert group.weight_decay == expected["weight_decay"]
    frozen = [n for n, p in stepped.method.network.named_parameters() if not p.requires_grad]
    assert frozen == [name for name in unmoved if not name.startswith(TOWERS)]


def test_every_moved_weight_is_in_one_group_of_its_tower(tmp_path: Path) -> None:
    method = small(tmp_path, tower_rate=0.5)
    heads, image, text = method.parameter_groups()
    names = {id(parameter): name for name, parameter in method.network.named_parameters()}
    moved = [id(p) for group in (heads, image, text) for p in group.parameters]
    assert len(moved) == len(set(moved))
    assert set(moved) == {id(p) for p in method.network.parameters() if p.requires_grad}
    for group, tower in ((image, TOWERS[0]), (text, TOWERS[1])):
        assert all(names[id(parameter)].startswith(tower) for parameter in group.parameters)
        assert group.learning_rate == pytest.approx(0.5 * 1.1e-3)
    assert [group.weight_decay for group in (heads, image, text)] == [0, 4e-5, 0]
    assert "W" in {names[id(parameter)] for parameter in heads.parameters}


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    totals = steps(small(tmp_path, text_dropout=0), 8)
    assert totals[-1] < 0.8 * totals[0]


def test_switches_change_their_terms_alone(tmp_path: Path) -> None:
    def terms(**settings: object) -> dict[str, tuple[float, float]]:
        method = small(tmp_path, seed=1, text_dropout=0, shuffle_stripes=False, **settings)
        found: LossTerms = method.network.train()(batch(method))
        return {name: (weight, value.item()) for name, (weight, value) in found.terms.items()}

    plain = terms()
    assert plain["part_alignment"][0] == 0.1
    assert terms(lambda_cont=0.2) == plain | {"part_alignment": (0.2, plain["part_alignment"][1])}
    summed = terms(mask_norm="l1")
    assert summed["cmpc"] == plain["cmpc"]
    assert summed["cmpm"][1] > plain["cmpm"][1]
    assert summed["part_alignment"][1] > plain["part_alignment"][1]
    for focal in ("equal", "prob"):
        focused = terms(focal=focal)
        assert focused["part_alignment"][1] != plain["part_alignment"][1]
        assert focused | {"part_alignment": plain["part_alignment"]} == plain


@pytest.mark.parametrize(("precision", "within"), [("fp32", 1e-5), ("fp16", 5e-3)])
def test_an_exported_model_is_the_encoder_of_the_present_weights(
    tmp_path: Path, precision: str, within: float
) -> None:
    method = small(tmp_path / "run", stored_precision=precision)
    steps(method, 3)
    encoder = method.encoder()
    assert not method.network.training
    written = write_model_directory(
        tmp_path / "model", method.stored_model(method.network.state_dict())
    )
    loaded = load_encoder(tmp_path / "model", device="cpu", precision="fp32")
    assert loaded.card == written
    assert (written.architecture, written.method, written.embedding_width) == ("nafs", "NAFS", 16)
    assert written.sizes["image_block"] == "basic"
    texts = list(CAPTIONS)
    assert np.abs(loaded.encode_images(crops()) - encoder.encode_images(crops())).max() <= within
    assert np.abs(loaded.encode_texts(texts) - encoder.encode_texts(texts)).max() <= within
    here, there = encoder.part_scorer, loaded.part_scorer
    assert there is not None
    parts = [pack_parts(scorer.encode_parts(crops()), "fp32") for scorer in (here, there)]
    assert parts[0].values.shape == (6, 12, 16)
    for text in texts:
        scores = here.score(here.prepare(text), parts[0])
        assert np.abs(scores - there.score(there.prepare(text), parts[1])).max() <= within


def test_what_is_stored_in_half_precision_are_matrices_alone(tmp_path: Path) -> None:
    method = small(tmp_path, stored_precision="fp16")
    stored = method.stored_model(method.network.state_dict())
    types = {name: tensor.dtype for name, tensor in stored.tensors.items()}
    assert types["image_model.layer1.0.conv1.weight"] is torch.float16
    assert types["local_bottleneck_text_key.weight"] is torch.float16
    assert types["image_model.bn1.running_var"] is torch.float32
    assert types["image_model.bn1.num_batches_tracked"] is torch.int64
    assert method.network.conv_images.weight.dtype is torch.float32


def test_a_weight_beyond_half_precision_is_not_stored_in_it(tmp_path: Path) -> None:
    method = small(tmp_path, stored_precision="fp16")
    weights = method.network.state_dict()
    weights["conv_text.weight"] = torch.full_like(weights["conv_text.weight"], 1e6)
    with pytest.raises(ConfigurationInvalid, match=r"conv_text\.weight has values that fp16"):
        method.stored_model(weights)


def test_weights_follow_from_the_seed_and_the_global_generator_is_left_alone(
    tmp_path: Path,
) -> None:
    state = torch.get_rng_state()
    first, again = (small(tmp_path).network.state_dict() for _ in range(2))
    other = small(tmp_path, seed=2).network.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, again)
    for name in ("W", "image_model.conv1.weight", "conv_text.weight"):
        assert not torch.equal(first[name], other[name])
    bound = (6 / (16 + 4)) ** 0.5
    assert 0.9 * bound < float(first["W"].abs().max()) <= bound


@pytest.mark.parametrize(
    ("image", "shuffled", "message"),
    [
        ({"height": 144}, True, "144 rows cannot be cut .* multiple of 96"),
        ({"patch_stripes": 4, "region_stripes": 2}, True, "multiple of 64"),
        ({"height": 32}, False, "leave 2 rows of features, too few for 3 stripes"),
    ],
)
def test_a_height_that_stripes_cannot_share_is_refused(
    tmp_path: Path, image: dict[str, int], *, shuffled: bool, message: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=message):
        small(tmp_path, image=IMAGE_TOWER | image, shuffle_stripes=shuffled)


def test_stripes_that_stay_in_place_may_be_uneven(tmp_path: Path) -> None:
    method = small(tmp_path, image=IMAGE_TOWER | {"height": 112}, shuffle_stripes=False)
    assert method.encoder().encode_crops(crops()).parts.shape == (6, 12, 16)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "m", "text_start": "bert"}, "brings its own text_start"),
        ({"start": "m", "image": {"height": 192}}, "brings its own image"),
        ({"start": "m", "caption_tokens": 64}, "brings its own caption_tokens"),
        ({"text_start": "bert", "text": {"layers": 2}}, "brings its own sizes"),
        ({"text": {"width": 190}}, "12 heads cannot share"),
        ({"focal": "half"}, "focal"),
        ({"lambda_cont": -1}, "lambda_cont"),
        ({"text_dropout": 1}, "text_dropout"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        NafsConfig.model_validate({"name": "nafs", **settings})


def test_published_values_are_the_defaults() -> None:
    plain = NafsConfig(name="nafs")
    assert (plain.lambda_cont, plain.mask_norm, plain.focal) == (0.1, "l2", "none")
    assert (plain.text_dropout, plain.shuffle_stripes, plain.tower_rate) == (0.1, True, 0.1)
    assert (plain.image.height, plain.image.width, plain.caption_tokens) == (384, 128, 100)
    assert (PUBLISHED.kind, PUBLISHED.betas, PUBLISHED.epsilon) == ("adam", (0.9, 0.999), 1e-8)
    assert NafsConfig.model_validate_json(plain.model_dump_json()) == plain
