from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from models.layers.mia_backbones import MiaSizes
from tests.training.recorded_mia_training import CASES, small_batch, some
from training.mia import stages
from training.mia.batches import MiaBatch
from training.mia.stages import GRANULARITIES, MiaObjective, MiaTrainingNetwork, Stage

PEOPLE = torch.tensor([0, 1, 2, 0, 3, 1])
TABLE = CASES["melt_table_sequential_calls_0_to_11"]
RESNET = "img_backbone.img_backbone."


def sizes(stage: Stage, width: int = 8) -> MiaSizes:
    granularities = GRANULARITIES[stage]
    return MiaSizes(
        granularities=granularities,
        num_cut=1 if granularities == 1 else 2,
        word_width=width,
        vocabulary_size=20,
        vocabulary_sha256="0" * 64,
    )


def network(objective: MiaObjective) -> MiaTrainingNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        return MiaTrainingNetwork(sizes(objective.stage), 16, 4, objective)


def trained_names(objective: MiaObjective) -> set[str]:
    """Parameters that need a gradient, of a network without memory."""
    with torch.device("meta"):
        built = MiaTrainingNetwork(sizes(objective.stage), 16, 4, objective)
    trained = {name for name, p in built.named_parameters() if p.requires_grad}
    listed = [id(p) for module in built.trained_modules() for p in module.parameters()]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {id(p) for p in built.parameters() if p.requires_grad}
    return trained


@pytest.fixture(scope="module")
def matching() -> MiaTrainingNetwork:
    """Of the second stage, in inference mode, so that crops do not depend on each other."""
    return network(MiaObjective(stage="matching")).eval()


@pytest.fixture
def with_objective(matching: MiaTrainingNetwork) -> Iterator[MiaTrainingNetwork]:
    kept = matching._objective
    yield matching
    matching._objective = kept


@pytest.mark.parametrize("setting", range(12))
def test_the_image_tower_melts_as_recorded(setting: int) -> None:
    names = trained_names(MiaObjective(stage="matching", image_melt_layer=setting))
    children = {
        name.removeprefix(RESNET).partition(".")[0] for name in names if name.startswith(RESNET)
    }
    assert children == set(TABLE[setting]["trainable_image_children"])
    assert ("cap_backbone.fc.weight" in names) == TABLE[setting]["cap_fc_trainable"]
    always = ("embedding", "rnn", "np_fc")
    assert {f"cap_backbone.{part}" for part in always} <= {n.rpartition(".")[0] for n in names}
    assert "img_backbone.conv_regional.weight" in names


def test_the_first_stage_trains_last_layers_words_and_the_classifier() -> None:
    names = trained_names(MiaObjective(stage="identity", image_melt_layer=6))
    assert {name.rpartition(".")[0] for name in names} == {
        f"{RESNET}fc", "cap_backbone.embedding", "cap_backbone.rnn", "cap_backbone.fc", "id_cls"
    }  # fmt: skip


def test_the_third_stage_trains_two_mlps_alone() -> None:
    names = trained_names(MiaObjective(stage="part_part"))
    assert {name.partition(".")[0] for name in names} == {"bfm_img_mlp", "bfm_cap_mlp"}
    assert len(names) == 8


def test_frozen_batch_norms_go_on_measuring_except_in_the_third_stage() -> None:
    for stage, moves in (("identity", True), ("part_part", False)):
        found = network(MiaObjective.model_validate({"stage": stage})).train()
        norm = found.img_backbone.img_backbone.bn1
        before = norm.running_mean.clone()
        found(small_batch()).total().backward()
        assert not norm.weight.requires_grad
        assert torch.equal(norm.running_mean, before) != moves
        assert found.training


def test_batch_norms_rest_in_inference() -> None:
    found = network(MiaObjective(stage="part_part"))
    assert not found.eval().training
    assert found.train().rga_img_mlp.training


def test_the_first_stage_has_the_sum_of_both_cross_entropies() -> None:
    found = network(MiaObjective(stage="identity")).eval()
    batch = small_batch()
    with torch.no_grad():
        terms = found(batch)
        maps = found.img_backbone.feature_maps(batch.pixels)
        crops = found.img_backbone.global_features(maps)
        captions = found.cap_backbone.caption_features(batch.captions)
        expected = sum(
            functional.cross_entropy(found.id_cls(rows), PEOPLE).item()
            for rows in (crops, captions)
        )
    assert set(terms.terms) == {"identity"}
    assert terms.total().item() == pytest.approx(expected, rel=1e-6)


def pairwise_hinges(distances: torch.Tensor, margin: float) -> float:
    """Of distances (crop, caption), pair by pair."""
    total = 0.0
    n = len(distances)
    for i in range(n):
        for j in range(n):
            if PEOPLE[i] != PEOPLE[j]:
                own = margin + distances[i, i].item()
                total += max(0.0, own - distances[j, i].item())
                total += max(0.0, own - distances[i, j].item())
    return total / n


def attended(full: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """What a whole (d) gathers of its parts (p, d)."""
    cosines = torch.stack([functional.cosine_similarity(full, part, dim=0) for part in parts])
    return torch.einsum("p,pd->d", cosines.softmax(0), parts)


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return 1 - functional.cosine_similarity(a, b, dim=0)


@pytest.mark.parametrize("own_caption", [True, False])
def test_parts_are_gathered_by_their_own_whole_or_by_that_of_each_pair(
    with_objective: MiaTrainingNetwork, *, own_caption: bool
) -> None:
    found, batch = with_objective, small_batch()
    found._objective = MiaObjective(stage="matching", own_caption_attention=own_caption, margin=0.3)
    with torch.no_grad():
        terms = found(batch).values()
        maps = found.img_backbone.feature_maps(batch.pixels)
        crops = found.img_backbone.global_features(maps)
        captions = found.cap_backbone.caption_features(batch.captions)
        stripes = found.rga_img_mlp(found.img_backbone.stripes(maps))
        phrases = [
            found.rga_cap_mlp(found.cap_backbone.phrase_features(ids[:count]))
            for ids, count in zip(batch.phrases, batch.phrase_counts, strict=True)
        ]
        wholes, by_caption, by_crop = (torch.zeros(6, 6) for _ in range(3))
        for i in range(6):
            for j in range(6):
                wholes[i, j] = distance(crops[i], captions[j])
                caption = captions[i] if own_caption else captions[j]
                by_caption[i, j] = distance(attended(caption, stripes[i]), captions[j])
                crop = crops[j] if own_caption else crops[i]
                by_crop[i, j] = distance(attended(crop, phrases[j]), crops[i])
    assert terms["wholes"] == pytest.approx(pairwise_hinges(wholes, 0.3), rel=1e-5)
    assert terms["stripes"] == pytest.approx(pairwise_hinges(by_caption, 0.3), rel=1e-5)
    assert terms["phrases"] == pytest.approx(pairwise_hinges(by_crop, 0.3), rel=1e-5)


SETTINGS = [
    MiaObjective(stage="matching"),
    MiaObjective(stage="matching", caption_negatives=False),
    MiaObjective(stage="matching", own_caption_attention=False),
    MiaObjective(stage="part_part"),
]


@pytest.mark.parametrize("objective", SETTINGS)
def test_two_processes_compute_the_loss_of_the_whole_batch(
    with_objective: MiaTrainingNetwork,
    objective: MiaObjective,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each process sees half; what it gathers is what both halves gathered at that place."""
    found = network(objective).eval() if objective.stage == "part_part" else with_objective
    found._objective = objective
    batch = small_batch()
    halves = [some(batch, slice(0, 3)), some(batch, slice(3, 6))]
    with torch.no_grad():
        expected = found(batch).values()
        gathered = [rows_gathered(found, half, monkeypatch) for half in halves]
        both = iter([torch.cat(pair) for pair in zip(*gathered, strict=True)])
        monkeypatch.setattr(stages, "gather_rows", lambda _: next(both))
        assert found(halves[0]).values() == pytest.approx(expected, rel=1e-5)
    assert next(both, None) is None


def rows_gathered(
    found: MiaTrainingNetwork, batch: MiaBatch, monkeypatch: pytest.MonkeyPatch
) -> list[torch.Tensor]:
    rows: list[torch.Tensor] = []

    def note(own: torch.Tensor) -> torch.Tensor:
        rows.append(own)
        return own

    monkeypatch.setattr(stages, "gather_rows", note)
    found(batch)
    return rows


def test_under_autocast_only_the_convolutions_are_rounded(matching: MiaTrainingNetwork) -> None:
    batch = small_batch()
    with torch.no_grad():
        exact = matching(batch)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = matching(batch)
            maps = matching.img_backbone.feature_maps(batch.pixels)
    assert all(value.dtype == torch.float32 for _, value in rounded.terms.values())
    assert rounded.values() == pytest.approx(exact.values(), rel=0.05)
    assert torch.equal(maps, maps.bfloat16().float())


def test_negatives_among_crops_cannot_be_had_for_each_pair() -> None:
    with pytest.raises(ValidationError, match="caption_negatives must be true"):
        MiaObjective(stage="matching", caption_negatives=False, own_caption_attention=False)
