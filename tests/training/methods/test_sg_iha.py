import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from models.errors import ConfigurationInvalid
from models.loading import load_encoder
from models.state_dicts import write_model_directory
from models.tokenizers.clip_bpe import MASK_ID, ClipBpe
from tests.models.filled_weights import SGIHA, worst
from tests.training.methods.recorded_clip import (
    CLASSES,
    RANDOM,
    RECORDED_SGIHA,
    SAMPLES,
    gradient_norms,
    group_values,
    pictures,
    recorded_sgiha_batch,
    worst_norm,
)
from tests.training.recorded_training import python_random, sgiha
from training.clip.attribute_questions import ask_about, tokenize_questions
from training.clip.caption_masking import mask_at_random
from training.clip.rates import IRRA_OPTIMISER
from training.crop_transforms import sample_seed
from training.losses.attribute_question import attribute_question
from training.methods.sg_iha import SgIhaConfig, SgIhaMethod, build

WITHOUT_MLM = {"sdm": 1.0, "id": 1.0, "mcq": 1.0}


def recorded_method(**changes: Any) -> SgIhaMethod:  # noqa: ANN401 - fields of a configuration
    config = SgIhaConfig.model_validate({**RECORDED_SGIHA, **changes})
    return build(config, IRRA_OPTIMISER, classes=CLASSES, seed=0)


def random_method(**changes: Any) -> SgIhaMethod:  # noqa: ANN401 - as above
    fields = {"name": "sg_iha", **RANDOM, "bridge_layers": (1, 2), **changes}
    return build(SgIhaConfig.model_validate(fields), IRRA_OPTIMISER, classes=3, seed=0)


def features(method: SgIhaMethod) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the recorded answers, and of what the bridge makes of the recorded questions."""
    batch, network = recorded_sgiha_batch(), method.network
    tokens, states = network.base_model.image_states(batch.captions.pixels, (1, 2))
    answers = network.base_model.encode_text(batch.questions.answer_ids)
    return answers, network.bridged(tokens[:, 0], states, batch.questions)


def test_the_network_has_the_authors_names_shapes_and_nothing_else() -> None:
    stored = torch.load(SGIHA / "best.pth", weights_only=True)["model"]
    weights = recorded_method().network.state_dict()
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in stored.items()
    }
    assert len(weights) == 197
    assert all(torch.equal(weights[name], stored[name].float()) for name in stored)


@pytest.mark.parametrize("detach_hidden", [True, False])
def test_all_losses_are_the_recorded_ones(*, detach_hidden: bool) -> None:
    terms = recorded_method(detach_hidden=detach_hidden).network(recorded_sgiha_batch())
    assert terms.values().keys() == {"sdm", "id", "mlm", "mcq"}
    for name, value in terms.values().items():
        assert value == pytest.approx(float(sgiha()["ret"][f"{name}_loss"]), rel=1e-5)


def test_the_other_losses_do_not_change_without_masked_words() -> None:
    terms = recorded_method(losses=WITHOUT_MLM).network(recorded_sgiha_batch())
    assert terms.values().keys() == WITHOUT_MLM.keys()
    for name, value in terms.values().items():
        assert value == pytest.approx(float(sgiha()["ret"][f"{name}_loss"]), rel=1e-5)


@torch.no_grad()
def test_answers_and_what_the_bridge_makes_are_as_recorded() -> None:
    answers, bridged = features(recorded_method())
    assert worst(answers, sgiha()["answer_feats"]) <= 1e-5
    assert worst(bridged, sgiha()["bridge_feats"]) <= 1e-5
    cosines = functional.normalize(answers, dim=1) @ functional.normalize(bridged, dim=1).T
    assert worst(cosines, sgiha()["sim"]) <= 1e-5


@pytest.mark.parametrize("gate", ["after_proj_dot_filter", "res_filter"])
@torch.no_grad()
def test_each_gate_gives_the_recorded_feature(gate: str) -> None:
    _, bridged = features(recorded_method(gate=gate))
    assert worst(bridged, sgiha()["gate_way_alternatives"][gate]) <= 1e-5


@pytest.mark.parametrize("checkpoint_activations", [False, True])
def test_the_question_s_gradients_have_the_recorded_norms(*, checkpoint_activations: bool) -> None:
    network = recorded_method(checkpoint_activations=checkpoint_activations).network
    _, loss = network(recorded_sgiha_batch()).terms["mcq"]
    loss.backward()
    recorded = sgiha()["mcq_grad_norms"]
    assert len(recorded) == 197
    assert sum(norm is None for norm in recorded.values()) == 56
    assert worst_norm(gradient_norms(network), recorded) <= 1e-5


def test_parameter_groups_are_the_recorded_ones() -> None:
    recorded, found = sgiha()["optimizer_groups"], group_values(recorded_method())
    assert found.keys() == recorded.keys()
    for name, (rate, decay) in found.items():
        assert rate == pytest.approx(recorded[name]["lr"], rel=1e-9)
        assert decay == recorded[name]["weight_decay"]


@pytest.mark.parametrize("name", ["visual.positional_embedding", "token_embedding.weight"])
def test_undetached_hidden_states_lead_all_the_way_back(name: str) -> None:
    """The gradient is the slope of the loss along it; detached, it leaves out most of the way."""

    def slope(method: SgIhaMethod) -> tuple[float, float]:
        network = method.network
        weight = network.base_model.get_parameter(name)
        (gradient,) = torch.autograd.grad(mcq(method), weight)
        step = 1e-3 * gradient / gradient.norm()
        with torch.no_grad():
            weight.add_(step)
            above = mcq(method).item()
            weight.sub_(2 * step)
            below = mcq(method).item()
        return float(gradient.norm()), (above - below) / 2e-3

    def mcq(method: SgIhaMethod) -> torch.Tensor:
        answers, bridged = features(method)
        return attribute_question(answers, bridged)

    norm, measured = slope(recorded_method(detach_hidden=False))
    assert measured == pytest.approx(norm, rel=2e-2)
    norm, measured = slope(recorded_method(detach_hidden=True))
    assert measured != pytest.approx(norm, rel=2e-2)


def test_captions_without_a_question_take_no_part() -> None:
    method, batch = recorded_method(), recorded_sgiha_batch()
    asked = torch.tensor([True, False, True, True])
    found = method.network(replace(batch, asked=asked)).values()
    answers, bridged = features(method)
    expected = attribute_question(answers[asked], bridged[asked]).item()
    assert found["mcq"] == pytest.approx(expected, rel=1e-5)
    assert found["sdm"] == pytest.approx(float(sgiha()["ret"]["sdm_loss"]), rel=1e-5)


def test_a_batch_without_any_question_moves_no_weight() -> None:
    network, batch = recorded_method().network, recorded_sgiha_batch()
    terms = network(replace(batch, asked=torch.zeros(4, dtype=torch.bool)))
    assert terms.values()["mcq"] == 0
    terms.terms["mcq"][1].backward()
    norms = gradient_norms(network)
    assert {norm for norm in norms.values() if norm is not None} == {0.0}
    assert norms["bridge_proj.weight"] == 0.0


def test_under_autocast_the_text_tower_keeps_its_gradients() -> None:
    network = recorded_method().network
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(recorded_sgiha_batch()).terms["mcq"][1]
    assert loss.item() == pytest.approx(float(sgiha()["ret"]["mcq_loss"]), rel=5e-2)
    loss.backward()
    found, recorded = gradient_norms(network), sgiha()["mcq_grad_norms"]
    name = "base_model.transformer.resblocks.0.attn.out_proj.weight"
    assert found[name] == pytest.approx(recorded[name], rel=0.2)


def test_questions_are_asked_before_words_are_masked_from_one_generator() -> None:
    batch = random_method().batch_maker(SAMPLES, pictures(), 7)
    tokenizer = ClipBpe(24)
    for position, sample in enumerate(SAMPLES):
        chance = python_random(sample_seed(7, 1, position))
        question = ask_about(sample.caption, sample.phrases, tokenizer, chance)
        ids = batch.captions.caption_ids[position]
        masked, _ = mask_at_random(ids, chance, mask_id=MASK_ID)
        assert torch.equal(batch.captions.masked_ids[position], masked)
        assert bool(batch.asked[position]) == (question is not None)
        if question is not None:
            expected = tokenize_questions([question], tokenizer)
            assert torch.equal(batch.questions.question_ids[position], expected.question_ids[0])
            assert torch.equal(batch.questions.answer_ids[position], expected.answer_ids[0])
            assert torch.equal(batch.questions.attention_mask[position], expected.attention_mask[0])
    assert batch.asked.tolist() == [True, True, False, True]
    assert batch.questions.question_ids[0].tolist().count(MASK_ID) == 2  # "green coat"


def test_a_batch_depends_on_the_seed_alone() -> None:
    maker = random_method().batch_maker
    one = maker(SAMPLES, pictures(), 7)
    again = pickle.loads(pickle.dumps(maker))(SAMPLES, pictures(), 7)  # noqa: S301 - our own
    assert torch.equal(one.questions.question_ids, again.questions.question_ids)
    assert torch.equal(one.captions.pixels, again.captions.pixels)
    assert torch.equal(one.captions.masked_ids, again.captions.masked_ids)


def test_made_batches_can_be_trained_on() -> None:
    method = random_method(crops="unvaried")
    batch = method.batch_maker(SAMPLES, pictures(), 7)
    weights = [p for p in method.network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=1e-3)
    totals = []
    for _ in range(12):
        terms = method.network(batch)
        optimiser.zero_grad()
        terms.total().backward()
        optimiser.step()
        totals.append(terms.values()["mcq"])
    assert totals[-1] < 0.5 * totals[0]


def test_the_bridge_stands_on_layers_that_are_there() -> None:
    with pytest.raises(ConfigurationInvalid, match="layer 11: the towers have 2 in common"):
        random_method(bridge_layers=(6, 11))


def test_heads_divide_the_bridge_s_width() -> None:
    with pytest.raises(ConfigurationInvalid, match="width 64 cannot have 5 heads"):
        random_method(bridge_heads=5)


@pytest.mark.parametrize(
    "change", [{"losses": {"sdm": 1.0}}, {"bridge_layers": (0,)}, {"gate": "noproj_filter"}]
)
def test_what_makes_no_bridge_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SgIhaConfig.model_validate({**RECORDED_SGIHA, **change})


def test_what_is_exported_searches_as_what_is_validated(tmp_path: Path) -> None:
    method = random_method()
    stored = method.stored_model(method.network.state_dict())
    assert not any("bridge" in name or "classifier" in name for name in stored.tensors)
    write_model_directory(tmp_path / "model", stored)
    loaded = load_encoder(tmp_path / "model", device="cpu", precision="fp32")
    assert loaded.card.method == "SG-IHA"
    texts = [sample.caption for sample in SAMPLES]
    assert np.array_equal(loaded.encode_texts(texts), method.encoder().encode_texts(texts))
    crops = pictures()
    assert np.array_equal(loaded.encode_images(crops), method.encoder().encode_images(crops))
