from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from models.loading import load_encoder
from models.state_dicts import write_model_directory
from tests.training.methods.recorded_clip import (
    CLASSES,
    RANDOM,
    RECORDED,
    SAMPLES,
    gradient_norms,
    group_values,
    methods,
    pictures,
    recorded_batch,
    worst_norm,
)
from tests.training.recorded_training import agm, irra
from training.clip.batches import GuidedBatch, IrraBatch
from training.clip.caption_masking import GuidedMasking, guided_probabilities
from training.clip.family import Terms
from training.clip.rates import IRRA_OPTIMISER
from training.methods.agm_irra import AgmIrraConfig, AgmIrraMethod, build

IRRA_S = {"sdm": 1.0, "id": 1.0, "mlm": 1.0}
MASK = 509  # of the scaled-down vocabulary


def recorded_method(**changes: Any) -> AgmIrraMethod:  # noqa: ANN401 - fields of a configuration
    config = AgmIrraConfig.model_validate({"name": "agm_irra", **RECORDED, **changes})
    return build(config, IRRA_OPTIMISER, classes=CLASSES, seed=0)


def random_method(**changes: Any) -> AgmIrraMethod:  # noqa: ANN401 - as above
    config = AgmIrraConfig.model_validate({"name": "agm_irra", **RANDOM, **changes})
    return build(config, IRRA_OPTIMISER, classes=3, seed=0)


def guided_batch(draws: torch.Tensor | None = None) -> GuidedBatch:
    batch = recorded_batch()
    if draws is None:
        draws = torch.rand(6, 3, 77, generator=torch.Generator().manual_seed(3))
    return GuidedBatch(batch.pixels, batch.caption_ids, draws, batch.labels)


def transcribed_probabilities(method: AgmIrraMethod) -> list[list[float]]:
    """Equations of the definition, piece by piece, from torch's own attention weights."""
    towers, ids = method.network.base_model, recorded_batch().caption_ids
    states = towers.token_embedding(ids) + towers.positional_embedding
    unseen = torch.full((77, 77), -torch.inf).triu(1)
    ends = ids.argmax(1)
    totals = np.zeros(ids.shape)
    for block in towers.transformer.resblocks:
        attention: nn.MultiheadAttention = block.attn
        normed = block.ln_1(states)
        _, looks = attention(normed, normed, normed, attn_mask=unseen, need_weights=True)
        totals = 0.95 * totals + looks[torch.arange(6), ends].numpy()
        states = block(states, attn_mask=unseen)
    rows = []
    for row, caption in zip(totals, ids.tolist(), strict=True):
        eligible = [0 < piece < MASK for piece in caption]
        inside = max(sum(a for a, e in zip(row, eligible, strict=True) if e), 1e-12)
        exponents = [
            np.exp(a / inside / 0.02) if e else 0.0 for a, e in zip(row, eligible, strict=True)
        ]
        share = [x / max(sum(exponents), 1e-300) for x in exponents]
        rows.append(
            [
                min(1.0, 0.1 + 0.9 * 0.95 * w) if e else 0.0
                for w, e in zip(share, eligible, strict=True)
            ]
        )
    return rows


def test_all_losses_are_the_recorded_ones() -> None:
    terms, recorded = recorded_method().network(recorded_batch()), agm()["ret"]
    assert terms.values().keys() == {"sdm", "id", "mlm", "cmt"}
    for name, value in terms.values().items():
        assert value == pytest.approx(float(recorded[f"{name}_loss"]), rel=1e-5)


def test_random_masking_is_irra_to_the_last_gradient() -> None:
    network = recorded_method(masking="random", losses=IRRA_S).network
    network(recorded_batch()).total().backward()
    recorded = methods()["train"]["grad_norms_step1"]
    assert worst_norm(gradient_norms(network), recorded) <= 1e-5


def test_parameter_groups_are_irra_s() -> None:
    recorded = irra()["optimizer_groups"]
    for name, (rate, decay) in group_values(recorded_method()).items():
        assert rate == pytest.approx(recorded[name]["lr"], rel=1e-9)
        assert decay == recorded[name]["weight_decay"]


@torch.no_grad()
def test_pieces_are_hidden_as_likely_as_the_definition_says() -> None:
    method = recorded_method(masking="agm")
    ids = recorded_batch().caption_ids
    attention = method.network.base_model.end_attention(ids)
    found = guided_probabilities(attention, ids, GuidedMasking(), mask_id=MASK)
    expected = torch.tensor(transcribed_probabilities(method))
    assert torch.allclose(found, expected.float(), atol=1e-4)
    assert found.max() > 0.11


def masked_in_step(method: AgmIrraMethod, batch: GuidedBatch) -> IrraBatch:
    """What the network made of the captions: the text tower's input, and what was asked for."""
    seen: list[IrraBatch] = []
    terms = method.network.caption_terms

    def keep(image_tokens: torch.Tensor, batch: IrraBatch) -> Terms:
        seen.append(batch)
        return terms(image_tokens, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method.network, "caption_terms", keep)
        method.network(batch)
    return seen[0]


@torch.no_grad()
def test_the_step_hides_what_its_draws_say() -> None:
    method = recorded_method(masking="agm")
    batch = guided_batch()
    masked = masked_in_step(method, batch)
    probabilities = torch.tensor(transcribed_probabilities(method))
    chosen = batch.draws[:, 0] < probabilities
    several = chosen.any(1)
    assert several.sum() >= 4
    assert torch.equal((masked.targets != 0)[several], chosen[several])
    ids = batch.caption_ids
    assert torch.equal(masked.targets[chosen], ids[chosen])
    to_mask = chosen & (batch.draws[:, 1] < 0.8)
    assert (masked.masked_ids[to_mask] == MASK).all()
    assert torch.equal(
        masked.masked_ids[~chosen & several[:, None]], ids[~chosen & several[:, None]]
    )
    # Where nothing is drawn, the likeliest piece is hidden.
    forced = masked_in_step(
        recorded_method(masking="agm"), guided_batch(torch.ones(6, 3, 77) * 0.999999)
    )
    assert ((forced.targets != 0).sum(1) == 1).all()
    likeliest = probabilities[:, 1:].argmax(1) + 1
    assert torch.equal((forced.targets != 0).long().argmax(1), likeliest)


def test_guided_masking_trains_every_weight() -> None:
    network = recorded_method(masking="agm", mask_global_caption=True).network
    with torch.autocast("cpu", torch.bfloat16):
        terms = network(guided_batch())
    terms.total().backward()
    norms = gradient_norms(network)
    assert all(norm for norm in norms.values())
    assert terms.values().keys() == {"sdm", "id", "mlm", "cmt"}


def test_whole_captions_for_matching_do_not_see_the_masks() -> None:
    network = recorded_method(masking="agm", mask_global_caption=False).network
    values = network(guided_batch()).values()
    for name in ("sdm", "id", "cmt"):
        assert values[name] == pytest.approx(float(agm()["ret"][f"{name}_loss"]), rel=1e-5)
    assert values["mlm"] != pytest.approx(float(agm()["ret"]["mlm_loss"]), rel=1e-3)


def test_each_masking_has_its_batches() -> None:
    for masking, losses in (("random", IRRA_S), ("published", IRRA_S | {"cmt": 1.0})):
        batch = random_method(masking=masking, losses=losses).batch_maker(SAMPLES, pictures(), 1)
        assert isinstance(batch, IrraBatch)
        assert batch.targets.any()
    method = random_method(masking="agm")
    guided = method.batch_maker(SAMPLES, pictures(), 1)
    assert isinstance(guided, GuidedBatch)
    assert masked_in_step(method, guided).targets.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masking": "published", "losses": IRRA_S}, "comes with the loss cmt"),
        ({"masking": "random"}, "without cmt"),
        (
            {"masking": "agm", "losses": {"sdm": 1.0}, "mask_global_caption": False},
            "nothing sees what agm masks",
        ),
        ({"masking": "attention"}, "Input should be"),
    ],
)
def test_masking_and_losses_that_do_not_fit_are_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        AgmIrraConfig.model_validate({"name": "agm_irra", **RANDOM, **change})


def test_what_is_exported_searches_as_what_is_validated(tmp_path: Path) -> None:
    method = random_method(masking="agm")
    write_model_directory(tmp_path / "model", method.stored_model(method.network.state_dict()))
    loaded = load_encoder(tmp_path / "model", device="cpu", precision="fp32")
    assert loaded.card.method == "AGM-IRRA"
    texts = [sample.caption for sample in SAMPLES]
    assert np.array_equal(loaded.encode_texts(texts), method.encoder().encode_texts(texts))
    crops = pictures()
    assert np.array_equal(loaded.encode_images(crops), method.encoder().encode_images(crops))
