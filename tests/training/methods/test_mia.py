import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.encoders.mia import MiaEncoder
from models.errors import CheckpointUnreadable, ConfigurationInvalid
from models.layers.relation_guided_attention import part_part_scores
from models.loading import load_encoder
from models.mia_checkpoints import VOCABULARY_FILE
from models.parts import pack_parts
from models.state_dicts import write_model_directory
from tests.models.mia.recorded_mia import recorded_phrases, words
from tests.training.recorded_mia_training import (
    CAPTIONS,
    CASES,
    IMAGE,
    SMALL,
    crop,
    samples,
    small_batch,
    write_matching,
)
from training.crop_transforms import MIRRORED, UNVARIED, CropTransform
from training.methods.mia import (
    IDENTITY,
    MATCHING,
    MATCHING_CONTINUED,
    PART_PART,
    MiaConfig,
    MiaMethod,
    build,
)
from training.mia.batches import MiaBatch
from training.optimisers import OptimiserConfig, make_optimiser

STEP = CASES["train_step_regional"]
WORST = 1e-6
LOGGED = 5e-6  # six decimals are recorded; the order of sums differs between machines


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint that the recorded step starts from."""
    return write_matching(tmp_path_factory.mktemp("recorded") / "stage_2")


def method_from(
    start: Path, folder: Path, optimiser: OptimiserConfig, **settings: object
) -> MiaMethod:
    config = MiaConfig.model_validate({"name": "mia", "start": str(start), **settings})
    return build(config, optimiser, classes=4, seed=1, captions=[], folder=folder)


def small(folder: Path, *, seed: int = 1, **settings: object) -> MiaMethod:
    config = MiaConfig.model_validate({"name": "mia", **SMALL, "word_threshold": 0, **settings})
    return build(config, IDENTITY, classes=4, seed=seed, captions=CAPTIONS, folder=folder)


def unmirrored(method: MiaMethod, rows: list[int]) -> MiaBatch:
    """Recorded crops and captions, by their rows."""
    chosen = [samples()[row] for row in rows]
    maker = replace(method.batch_maker, transform=CropTransform(IMAGE, UNVARIED))
    return maker(chosen, [crop(sample) for sample in chosen], 0)


def step(method: MiaMethod, batch: MiaBatch, optimiser: OptimiserConfig) -> dict[str, float]:
    """Move the weights once and return the weighted terms."""
    moving = make_optimiser(method.parameter_groups(), optimiser)
    terms = method.network.train()(batch)
    terms.total().backward()
    moving.step()
    return {name: weight * value.item() for name, (weight, value) in terms.terms.items()}


def test_a_step_of_the_second_stage_is_the_recorded_one(recorded: Path, tmp_path: Path) -> None:
    method = method_from(recorded, tmp_path, MATCHING, stage="matching", caption_negatives=False)
    maker = replace(
        method.batch_maker,
        transform=CropTransform(IMAGE, UNVARIED),
        find_phrases=recorded_phrases,
    )
    chosen = [samples()[row] for row in STEP["caption_rows"]]
    batch = maker(chosen, [crop(sample) for sample in chosen], 0)
    assert batch.labels.tolist() == STEP["pid"].tolist()
    assert batch.phrase_counts.tolist() == STEP["n2c"]
    norm = method.network.img_backbone.img_backbone.bn1
    measured = norm.running_mean.clone()
    terms = step(method, batch, MATCHING)
    (log,) = STEP["log"]
    recorded_terms = [float(word.rstrip(",")) for word in log.split() if word[0].isdigit()]
    assert list(terms.values()) == pytest.approx(recorded_terms, abs=LOGGED)
    assert list(terms) == ["identity", "wholes", "stripes", "phrases"]
    network = method.network
    assert [n for n, p in network.named_parameters() if not p.requires_grad] == STEP["frozen"]
    assert not torch.equal(norm.running_mean, measured)
    for name, recorded_one in STEP["params_after"].items():
        values = network.get_parameter(name).detach().double().flatten()
        assert (values[recorded_one["idx"]] - recorded_one["val"]).abs().max() <= WORST
        assert values.mean().item() == pytest.approx(recorded_one["mean"], abs=WORST)
        assert values.norm().item() == pytest.approx(recorded_one["l2"], rel=1e-6)


def test_published_rates_and_decays_are_presets() -> None:
    rates = [p.learning_rate for p in (IDENTITY, MATCHING, MATCHING_CONTINUED, PART_PART)]
    assert rates == [1e-3, 2e-4, 2e-5, 2e-5]
    for preset in (IDENTITY, MATCHING, MATCHING_CONTINUED, PART_PART):
        assert (preset.kind, preset.weight_decay) == ("adam", 1e-5)


def test_the_one_group_has_all_that_needs_a_gradient(tmp_path: Path) -> None:
    method = small(tmp_path, stage="identity")
    (group,) = method.parameter_groups()
    trained = {id(p) for p in method.network.parameters() if p.requires_grad}
    assert {id(p) for p in group.parameters} == trained
    assert (group.learning_rate, group.weight_decay) == (1e-3, 1e-5)
    assert method.batch_maker.transform.variation == MIRRORED


@pytest.mark.parametrize("stage", ["identity", "matching"])
def test_a_few_steps_lower_the_loss_and_move_only_what_the_stage_trains(
    tmp_path: Path, stage: str
) -> None:
    method = small(tmp_path, stage=stage)
    before = {name: p.detach().clone() for name, p in method.network.named_parameters()}
    moving = make_optimiser(method.parameter_groups(), IDENTITY)
    losses = []
    for _ in range(6):
        moving.zero_grad()
        loss = method.network.train()(small_batch()).total()
        loss.backward()
        moving.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    for name, parameter in method.network.named_parameters():
        assert torch.equal(parameter, before[name]) != parameter.requires_grad, name


def test_the_third_stage_optimises_the_scores_of_a_search_and_leaves_the_rest(
    recorded: Path, tmp_path: Path
) -> None:
    method = method_from(recorded, tmp_path, PART_PART, stage="part_part")
    rows = [0, 2, 4, 6, 8]
    scorer = method.encoder().part_scorer
    assert scorer is not None
    chosen = [samples()[row] for row in rows]
    vectors = torch.from_numpy(scorer.encode_parts([crop(sample) for sample in chosen]))
    scores = torch.zeros(5, 5)
    for column, sample in enumerate(chosen):
        phrases = scorer.prepare(sample.caption).matched
        assert phrases is not None
        directions = part_part_scores(vectors[:, 7:], phrases)
        scores[:, column] = (directions[0] + directions[1]) / 2
    expected = 0.0
    for i in range(5):
        for j in range(5):
            if chosen[i].label != chosen[j].label:
                own = 0.2 - scores[i, i].item()
                expected += max(0.0, own + scores[i, j].item())
                expected += max(0.0, own + scores[j, i].item())
    before = {name: tensor.clone() for name, tensor in method.network.state_dict().items()}
    found = step(method, unmirrored(method, rows), PART_PART)
    assert found == {"part_part": pytest.approx(expected / 5, rel=1e-4)}
    for name, tensor in method.network.state_dict().items():
        assert torch.equal(tensor, before[name]) != name.startswith("bfm_"), name


@pytest.mark.parametrize("stage", ["matching", "part_part"])
def test_an_exported_model_is_the_encoder_of_the_present_weights(
    recorded: Path, tmp_path: Path, stage: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    optimiser = MATCHING.model_copy(update={"learning_rate": 1e-3})
    method = method_from(recorded, folder, optimiser, stage=stage)
    step(method, unmirrored(method, [0, 6]), optimiser)
    encoder = method.encoder()
    assert not method.network.training
    directory = tmp_path / "model"
    write_model_directory(directory, method.stored_model(method.network.state_dict()))
    loaded = load_encoder(directory, device="cpu", precision="fp32")
    assert isinstance(loaded, MiaEncoder)
    assert loaded.card.sizes["granularities"] == (2 if stage == "matching" else 3)
    assert ("third granularity" in loaded.card.provenance) == (stage == "part_part")
    crops = [crop(sample) for sample in samples()[::4]]
    texts = [sample.caption for sample in samples()[:4]]
    assert np.abs(loaded.encode_images(crops) - encoder.encode_images(crops)).max() <= 1e-5
    assert np.abs(loaded.encode_texts(texts) - encoder.encode_texts(texts)).max() <= 1e-6
    before, after = encoder.part_scorer, loaded.part_scorer
    assert before is not None
    assert after is not None
    parts = [pack_parts(scorer.encode_parts(crops), "fp32") for scorer in (before, after)]
    for text in texts:
        here = before.score(before.prepare(text), parts[0])
        there = after.score(after.prepare(text), parts[1])
        assert np.abs(here - there).max() <= 1e-5


def test_the_first_stage_is_exported_whole_with_its_vocabulary_and_is_the_next_ones_start(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    method = small(first, stage="identity")
    step(method, small_batch(), IDENTITY)
    directory = tmp_path / "model"
    stored = method.stored_model(method.network.state_dict())
    assert not any(name.startswith("id_cls") for name in stored.tensors)
    write_model_directory(directory, stored)
    loaded = load_encoder(directory, device="cpu", precision="fp32")
    texts = list(CAPTIONS)
    found = method.encoder().encode_texts(texts)
    assert np.abs(loaded.encode_texts(texts) - found).max() <= 1e-6
    assert isinstance(loaded, MiaEncoder)
    assert loaded.part_scorer is None
    config = MiaConfig(name="mia", stage="matching", start=str(directory), num_cut=2)
    following = build(config, MATCHING, classes=4, seed=2, captions=[], folder=second)
    assert (second / VOCABULARY_FILE).read_bytes() == (first / VOCABULARY_FILE).read_bytes()
    kept = following.network.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in stored.tensors.items())
    assert following.encoder().card.image == loaded.card.image
    assert following.encoder().card.sizes["num_cut"] == 2


def test_weights_follow_from_the_seed_and_the_global_generator_is_left_alone(
    tmp_path: Path,
) -> None:
    state = torch.get_rng_state()
    first, again = (small(tmp_path, stage="matching").network.state_dict() for _ in range(2))
    other = small(tmp_path, stage="matching", seed=2).network.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["id_cls.weight"], other["id_cls.weight"])
    assert first["cap_backbone.embedding.weight"].abs().max() <= 0.1


def test_the_vocabulary_is_made_of_the_captions_or_read_from_a_file(tmp_path: Path) -> None:
    made, copied = tmp_path / "made", tmp_path / "copied"
    made.mkdir()
    copied.mkdir()
    method = small(made, stage="identity", word_threshold=1)
    numbers = json.loads((made / VOCABULARY_FILE).read_text())["vocab"]
    assert numbers == {
        "a": 2, ".": 3, "red": 4, "shirt": 5, "and": 6, "<UNK>": 0, "<END>": 1
    }  # fmt: skip
    assert method.network.cap_backbone.embedding.num_embeddings == 7
    path = tmp_path / "words.json"
    path.write_text(json.dumps({"vocab": words(), "coverage": 1}))
    method = small(copied, stage="identity", vocabulary=path)
    assert method.network.cap_backbone.embedding.num_embeddings == 1287
    assert (copied / VOCABULARY_FILE).read_bytes() == path.read_bytes()


def test_a_vocabulary_that_is_none_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text("[]")
    with pytest.raises(CheckpointUnreadable, match="no word vocabulary"):
        small(tmp_path, stage="identity", vocabulary=path)
    assert list(tmp_path.iterdir()) == [path]


def test_captions_without_frequent_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="more than 20 times"):
        small(tmp_path, stage="identity", word_threshold=20)


def test_imagenet_weights_are_taken_from_a_file(tmp_path: Path) -> None:
    source = small(tmp_path, stage="identity", seed=9).network.img_backbone.img_backbone
    torch.save(source.state_dict(), tmp_path / "resnet50.pth")
    method = small(tmp_path, stage="identity", imagenet_weights=tmp_path / "resnet50.pth")
    found = method.network.img_backbone.img_backbone
    assert torch.equal(found.layer4[0].conv2.weight, source.layer4[0].conv2.weight)
    assert not torch.equal(found.fc.weight, source.fc.weight)
    assert method.encoder().card.provenance["start"] == "resnet50.pth"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stage": "part_part"}, "name it as start"),
        ({"stage": "matching", "start": "m", "vocabulary": "v"}, "its own vocabulary"),
        ({"stage": "matching", "start": "m", "imagenet_weights": "i"}, "its own imagenet_weights"),
        ({"stage": "matching", "image_melt_layer": 12}, "less than or equal to 11"),
        ({"stage": "fourth"}, "identity"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        MiaConfig.model_validate({"name": "mia", **settings})
