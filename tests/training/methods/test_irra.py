from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.errors import CheckpointMismatch
from models.loading import load_encoder
from models.state_dicts import write_model_directory
from models.stored_model import require_finite
from tests.models.filled_weights import IRRA, random_pictures
from tests.training.methods.recorded_clip import (
    CLASSES,
    RANDOM,
    RECORDED,
    SAMPLES,
    aliased,
    gradient_norms,
    group_values,
    methods,
    pictures,
    recorded_batch,
    worst_norm,
)
from tests.training.recorded_training import irra
from training.methods.irra import IRRA_OPTIMISER, IrraConfig, IrraMethod, IrraNetwork, build
from training.optimisers import make_optimiser

ALL_LOSSES = dict.fromkeys(("sdm", "itc", "cmpm", "id", "mlm"), 1.0)


def recorded_method(**changes: Any) -> IrraMethod:  # noqa: ANN401 - fields of a configuration
    config = IrraConfig.model_validate({"name": "irra", **RECORDED, **changes})
    return build(config, IRRA_OPTIMISER, classes=CLASSES, seed=0)


def random_method(seed: int = 0, **changes: Any) -> IrraMethod:  # noqa: ANN401 - as above
    config = IrraConfig.model_validate({"name": "irra", **RANDOM, **changes})
    return build(config, IRRA_OPTIMISER, classes=3, seed=seed)


def step_norms(network: IrraNetwork) -> dict[str, float | None]:
    network.zero_grad()
    network(recorded_batch()).total().backward()
    return gradient_norms(network)


def test_the_network_has_the_authors_names_shapes_and_nothing_else() -> None:
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    weights = recorded_method().network.state_dict()
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in stored.items()
    }
    assert all(torch.equal(weights[name], stored[name].float()) for name in stored)


def test_all_losses_are_the_recorded_ones() -> None:
    terms, recorded = (
        recorded_method(losses=ALL_LOSSES).network(recorded_batch()),
        methods()["fp32"],
    )
    for name, value in terms.values().items():
        assert value == pytest.approx(float(recorded["ret"][f"{name}_loss"]), rel=1e-5)
    assert terms.values().keys() == ALL_LOSSES.keys()
    assert terms.total().item() == pytest.approx(float(recorded["total_loss"]), rel=1e-5)


def test_losses_have_the_chosen_weights() -> None:
    terms = recorded_method(losses={"sdm": 0.5, "mlm": 2.0}).network(recorded_batch())
    recorded = {n: float(v) for n, v in methods()["fp32"]["ret"].items()}
    expected = 0.5 * recorded["sdm_loss"] + 2 * recorded["mlm_loss"]
    assert terms.total().item() == pytest.approx(expected, rel=1e-5)


def test_every_gradient_of_the_first_step_has_the_recorded_norm() -> None:
    recorded = methods()["train"]["grad_norms_step1"]
    assert len(recorded) == 103
    assert worst_norm(step_norms(recorded_method().network), recorded) <= 1e-5


def test_computing_activations_twice_changes_no_gradient() -> None:
    network = recorded_method(checkpoint_activations=True).network
    computed = []
    for tower in ("base_model.visual.", "base_model.", "cross_modal_"):
        first = network.get_submodule(f"{tower}transformer.resblocks.0")
        first.register_forward_pre_hook(lambda *_: computed.append(1))
    assert worst_norm(step_norms(network), methods()["train"]["grad_norms_step1"]) <= 1e-5
    assert len(computed) == 2 * (1 + 2 + 1)  # crops, captions and masked captions, words


def test_five_steps_take_the_recorded_way() -> None:
    method, recorded = recorded_method(), methods()["train"]
    optimiser = make_optimiser(method.parameter_groups(), IRRA_OPTIMISER)
    for group in optimiser.param_groups:
        group["lr"] *= 0.1  # the first epoch of the warm-up
    before = {name: tensor.clone() for name, tensor in method.network.state_dict().items()}
    for step in recorded["traj"]:
        terms = method.network(recorded_batch())
        for name, value in terms.values().items():
            assert value == pytest.approx(step[f"{name}_loss"], rel=1e-5)
        assert terms.total().item() == pytest.approx(step["total"], rel=1e-5)
        optimiser.zero_grad()
        terms.total().backward()
        optimiser.step()
    for name, tensor in method.network.state_dict().items():
        moved = float((tensor - before[name]).norm())
        assert moved == pytest.approx(recorded["weight_delta_norm_after5"][name], rel=1e-4)


def test_parameter_groups_are_the_recorded_ones() -> None:
    recorded = irra()["optimizer_groups"]
    found = group_values(recorded_method())
    assert found.keys() == recorded.keys()
    for name, (rate, decay) in found.items():
        assert rate == pytest.approx(recorded[name]["lr"], rel=1e-9)
        assert decay == recorded[name]["weight_decay"]
    defaults = irra()["optimizer"]
    assert (IRRA_OPTIMISER.betas, IRRA_OPTIMISER.epsilon) == (defaults["betas"], defaults["eps"])


def test_in_pure_float16_types_and_losses_are_the_recorded_ones() -> None:
    method, recorded = recorded_method(losses=ALL_LOSSES, precision="fp16_pure"), methods()["fp16"]
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    weights = method.network.state_dict()
    assert {n: t.dtype for n, t in weights.items()} == {n: t.dtype for n, t in stored.items()}
    terms = method.network(recorded_batch())
    for name, value in terms.values().items():
        assert value == pytest.approx(float(recorded["ret"][f"{name}_loss"]), rel=1e-3)
    assert terms.total().item() == pytest.approx(float(recorded["total_loss"]), rel=1e-3)
    assert terms.total().dtype == torch.float32


def test_in_pure_float16_moments_are_halved_too() -> None:
    method = recorded_method(precision="fp16_pure")
    optimiser = make_optimiser(method.parameter_groups(), IRRA_OPTIMISER)
    method.network(recorded_batch()).total().backward()
    optimiser.step()
    moments = {
        name: optimiser.state[parameter]["exp_avg_sq"].dtype
        for name, parameter in method.network.named_parameters()
    }
    assert moments == {name: p.dtype for name, p in method.network.named_parameters()}
    assert moments["mlm_head.fc.weight"] == torch.float16
    require_finite(method.stored_model(method.network.state_dict()))


def test_one_masked_caption_for_all_losses_is_read_once_with_the_same_result() -> None:
    network, twice = recorded_method(mask_global_caption=True).network, recorded_method().network
    passes = []
    for which in (network, twice):
        block = which.base_model.transformer.resblocks[0]
        block.register_forward_hook(lambda module, *_: passes.append(module))
    shared = network(recorded_batch())
    apart = twice(aliased(recorded_batch()))
    assert len(passes) == 1 + 2
    for name, value in shared.values().items():
        assert value == pytest.approx(apart.values()[name], rel=1e-6)
    assert shared.values()["sdm"] != pytest.approx(
        methods()["fp32"]["ret"]["sdm_loss"].item(), 1e-3
    )
    shared.total().backward()
    apart.total().backward()
    assert worst_norm(gradient_norms(network), gradient_norms(twice)) <= 1e-5


def test_captions_are_masked_without_the_language_loss_too_unless_refused() -> None:
    whole = recorded_method(losses={"sdm": 1.0}, keep_heads=False)
    masked = recorded_method(losses={"sdm": 1.0}, keep_heads=False, mask_global_caption=True)
    recorded = methods()["fp32"]["ret"]["sdm_loss"].item()
    assert whole.network(recorded_batch()).values()["sdm"] == pytest.approx(recorded, rel=1e-5)
    expected = whole.network(aliased(recorded_batch())).values()["sdm"]
    found = masked.network(recorded_batch()).values()["sdm"]
    assert found == pytest.approx(expected, rel=1e-6)
    assert random_method(losses={"sdm": 1.0}).batch_maker(SAMPLES, pictures(), 1).targets.any()
    refused = random_method(losses={"sdm": 1.0}, mask_global_caption=False)
    assert not refused.batch_maker(SAMPLES, pictures(), 1).targets.any()


def test_heads_are_there_only_for_losses_that_need_them() -> None:
    parts = {name for name, _ in random_method(losses={"itc": 1.0}).network.named_children()}
    assert parts == {"base_model"}
    parts = {name for name, _ in random_method(losses={"id": 1.0}).network.named_children()}
    assert parts == {"base_model", "classifier"}


def test_the_same_seed_gives_the_same_first_weights_and_draws_nothing_else() -> None:
    before = torch.get_rng_state()
    one, same, other = (random_method(seed).network.state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])
    assert float(one["classifier.weight"].std()) == pytest.approx(0.001, rel=0.2)
    assert not one["classifier.bias"].any()


def test_new_heads_beside_kept_towers() -> None:
    method = recorded_method(keep_heads=False)
    stored = torch.load(IRRA / "best.pth", weights_only=True)["model"]
    weights = method.network.state_dict()
    assert torch.equal(weights["base_model.visual.proj"], stored["base_model.visual.proj"].float())
    assert not torch.equal(weights["classifier.weight"], stored["classifier.weight"].float())


def test_a_classifier_of_other_people_is_not_kept() -> None:
    config = IrraConfig.model_validate({"name": "irra", **RECORDED})
    with pytest.raises(CheckpointMismatch, match=r"classifier.weight \(20, 128\).*keep_heads"):
        build(config, IRRA_OPTIMISER, classes=21, seed=0)


def test_heads_that_no_loss_needs_are_not_kept() -> None:
    with pytest.raises(CheckpointMismatch, match="of which this method has none"):
        recorded_method(losses={"sdm": 1.0})


@pytest.mark.parametrize(
    "change",
    [{"losses": {}}, {"losses": {"mcq": 1.0}}, {"losses": {"sdm": 0.0}}, {"temperature": 0}],
)
def test_losses_are_known_and_weigh_something(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IrraConfig.model_validate({"name": "irra", **RANDOM, **change})


def test_captions_are_not_read_with_another_vocabulary() -> None:
    with pytest.raises(CheckpointMismatch, match="512 word pieces"):
        _ = recorded_method().batch_maker


@pytest.mark.parametrize("precision", ["fp32", "fp16_pure"])
def test_what_is_exported_searches_as_what_is_validated(tmp_path: Path, precision: str) -> None:
    method = random_method(precision=precision)
    optimiser = make_optimiser(method.parameter_groups(), IRRA_OPTIMISER)
    before = method.encoder().encode_images(random_pictures(3))
    method.network(method.batch_maker(SAMPLES, pictures(), 1)).total().backward()
    optimiser.step()
    encoder = method.encoder()
    write_model_directory(tmp_path / "model", method.stored_model(method.network.state_dict()))
    loaded = load_encoder(tmp_path / "model", device="cpu", precision="fp32")
    texts = [sample.caption for sample in SAMPLES]
    assert np.array_equal(loaded.encode_images(pictures()), encoder.encode_images(pictures()))
    assert np.array_equal(loaded.encode_texts(texts), encoder.encode_texts(texts))
    assert not np.array_equal(encoder.encode_images(random_pictures(3)), before)
    assert (loaded.card.method, loaded.card.architecture) == ("IRRA", "clip_global")
    assert loaded.card.provenance["start"] == "random"


def test_validation_leaves_the_network_in_training() -> None:
    method = random_method()
    method.network.train()
    method.encoder().encode_texts(["a man"])
    assert method.network.training
    assert all(parameter.requires_grad for parameter in method.network.parameters())


def test_a_few_steps_tell_people_apart() -> None:
    method = random_method(losses={"sdm": 1.0, "id": 1.0, "mlm": 1.0}, crops="unvaried")
    batch = method.batch_maker(SAMPLES, pictures(), 1)
    optimiser = torch.optim.Adam(method.network.parameters(), lr=1e-3)
    totals = []
    for _ in range(12):
        total = method.network(batch).total()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < 0.5 * totals[0]


def test_under_autocast_losses_are_float32_and_close() -> None:
    network = recorded_method(losses=ALL_LOSSES).network
    with torch.autocast("cpu", torch.bfloat16):
        terms = network(recorded_batch())
    recorded = methods()["fp32"]["ret"]
    for name, (_, value) in terms.terms.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(float(recorded[f"{name}_loss"]), rel=2e-2)
