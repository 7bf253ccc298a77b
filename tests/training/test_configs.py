"""The shipped configurations: settings of the published recipes, and a common budget."""

from pathlib import Path

import pytest

from training.config import CaptionedRunConfig, read_config
from training.epoch_schedules import IRRA, MIA_IDENTITY, NAFS, EpochSchedule
from training.methods import mia, nafs
from training.methods.irra import IRRA_OPTIMISER
from training.optimisers import OptimiserConfig

FOLDER = Path(__file__).parents[2] / "training" / "configs"
CONFIGS = sorted(FOLDER.rglob("*.toml"))
PRESETS = [path.stem for path in CONFIGS if path.stem.startswith("rendered_")]
TEN_EPOCHS = EpochSchedule(decay="step", epochs=10)

# Batches, epochs, seed; optimiser; schedule: as the authors' codes and scripts have them.
PUBLISHED: dict[str, tuple[tuple[int, int, int], OptimiserConfig, EpochSchedule]] = {
    "irra_cuhk_pedes": ((64, 60, 1), IRRA_OPTIMISER, IRRA),
    "irra_icfg_pedes": ((64, 60, 1), IRRA_OPTIMISER, IRRA),
    "irra_rstp_reid": ((64, 60, 1), IRRA_OPTIMISER, IRRA),
    "agm_irra_cuhk_pedes": ((64, 60, 1), IRRA_OPTIMISER, IRRA),
    "sg_iha_cuhk_pedes": ((64, 30, 42), IRRA_OPTIMISER, IRRA),
    "sg_iha_without_mlm_cuhk_pedes": ((64, 30, 42), IRRA_OPTIMISER, IRRA),
    "nafs_cuhk_pedes": ((64, 60, 1234), nafs.PUBLISHED, NAFS),
    "mia_wider_identity": ((96, 10, 1), mia.IDENTITY, MIA_IDENTITY),
    "mia_wider_matching": ((96, 10, 1), mia.MATCHING, TEN_EPOCHS),
    "mia_wider_matching_continued": ((96, 10, 1), mia.MATCHING_CONTINUED, TEN_EPOCHS),
}
LOSSES = {
    "irra_cuhk_pedes": {"sdm", "id", "mlm"},
    "irra_icfg_pedes": {"sdm", "id", "mlm"},
    "irra_rstp_reid": {"sdm", "id", "mlm"},
    "agm_irra_cuhk_pedes": {"sdm", "id", "mlm", "cmt"},
    "sg_iha_cuhk_pedes": {"sdm", "id", "mlm", "mcq"},
    "sg_iha_without_mlm_cuhk_pedes": {"sdm", "id", "mcq"},
}
LOSSES_OF_PRESETS = {
    "irra": {"sdm", "id", "mlm"},
    "agm_irra": {"sdm", "id", "mlm", "cmt"},
    "sg_iha": {"sdm", "id", "mlm", "mcq"},
    "sg_iha_without_mlm": {"sdm", "id", "mcq"},
}


def captioned(name: str) -> CaptionedRunConfig:
    config = read_config(FOLDER / f"{name}.toml")
    assert isinstance(config, CaptionedRunConfig)
    return config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_begins_with_its_command(path: Path) -> None:
    read_config(path)
    begin = path.read_text(encoding="utf-8").splitlines()[:2]
    assert all(line.startswith("# ") for line in begin)
    command = f"python -m training run training/configs/{path.relative_to(FOLDER).as_posix()}"
    assert any(command in line for line in begin)


def test_every_published_recipe_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGS} >= {*PUBLISHED, "default"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_has_the_authors_settings(name: str) -> None:
    config = captioned(name)
    (size, epochs, seed), optimiser, schedule = PUBLISHED[name]
    assert (config.batches.size, config.batches.epochs, config.seed) == (size, epochs, seed)
    assert config.batches.sampler == "random"
    assert config.batches.drop_last is (config.method.name == "nafs")
    assert (config.optimiser, config.schedule) == (optimiser, schedule)
    assert (config.gradient_norm, config.average_decay) == (None, None)
    assert (config.validation.every_epochs, config.validation.select_on_test) == (1, False)


@pytest.mark.parametrize("name", LOSSES)
def test_a_published_recipe_of_irras_family_has_the_authors_losses(name: str) -> None:
    method = captioned(name).method.model_dump()
    assert method["losses"] == dict.fromkeys(LOSSES[name], 1.0)
    assert method["mask_global_caption"] is True
    assert (method["crops"], method["temperature"]) == ("augmented", 0.02)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_tells_its_figures_and_that_we_have_none(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert "https://" in comment
    assert "Published " in comment
    assert "Ours: not trained here, the data cannot be had." in comment


def test_the_two_halves_of_mias_second_stage_differ_in_start_and_rate_alone() -> None:
    first, second = (
        captioned(name).model_dump()
        for name in ("mia_wider_matching", "mia_wider_matching_continued")
    )
    assert first["optimiser"].pop("learning_rate") == pytest.approx(
        10 * second["optimiser"].pop("learning_rate")
    )
    assert first["method"].pop("start") == "runs/mia_wider_identity/model"
    assert second["method"].pop("start") == "runs/mia_wider_matching/model"
    assert first == second


def test_presets_share_people_batches_and_precision() -> None:
    presets = {name: captioned(name) for name in PRESETS}
    assert set(presets) == {
        "rendered_clip", "rendered_irra", "rendered_agm_irra", "rendered_sg_iha",
        "rendered_sg_iha_without_mlm", "rendered_nafs", "rendered_mia_identity",
        "rendered_mia_matching",
    }  # fmt: skip
    first = presets["rendered_irra"]
    assert all(config.data == first.data for config in presets.values())
    assert {config.batches.size for config in presets.values()} == {64}
    assert {config.precision for config in presets.values()} == {first.precision}
    assert {config.seed for config in presets.values()} == {first.seed}


def test_presets_of_irras_family_differ_in_the_method_alone() -> None:
    """All start from the same small CLIP, with the same optimiser; so that losses are compared."""
    family = [captioned(f"rendered_{name}") for name in LOSSES_OF_PRESETS]
    methods = [config.method.model_dump() for config in family]
    assert {method["start"] for method in methods} == {"runs/rendered_clip/model"}
    assert {method["crops"] for method in methods} == {"mirrored"}
    assert all(config.optimiser == family[0].optimiser for config in family)
    for name, method in zip(LOSSES_OF_PRESETS, methods, strict=True):
        assert set(method["losses"]) == LOSSES_OF_PRESETS[name]


def test_the_shipped_second_stage_begins_with_the_default_model() -> None:
    method = captioned("compact_nafs").method
    assert isinstance(method, nafs.NafsConfig)
    assert str(method.image_start) == str(method.text_start) == "models/default"
    assert method.stored_precision == "fp16"
