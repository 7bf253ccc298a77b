import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigurationInvalid
from tests.training.captioned_people import run_content
from training.config import (
    CaptionedRunConfig,
    RenderedRunConfig,
    read_config,
    validate_config,
)

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
DEFAULT = CONFIGS / "default.toml"
PUBLISHED = CONFIGS / "irra_cuhk_pedes.toml"


def captioned(**changes: object) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(run_content(Path("people"))))
    return content | changes


@pytest.mark.parametrize(
    ("path", "before", "after", "message"),
    [
        (DEFAULT, "learning_rate", "learning_rte", r"optimiser\.learning_rte: Extra inputs"),
        (DEFAULT, "seed = 1\n", "seed = -1\n", "seed: "),
        (DEFAULT, "flip = 0.5", "flip = 1.5", r"method\.augmentation\.flip: "),
        (DEFAULT, "flip = 0.5", "flip = often", "no TOML"),
        (PUBLISHED, "temperature", "temprature", r"method\.irra\.temprature: Extra inputs"),
        (PUBLISHED, "drop_last", "drop_lst", r"batches\.drop_lst: Extra inputs"),
        (PUBLISHED, "select_on_test =", "choose_on_test =", r"validation\.choose_on_test: Extra"),
        (PUBLISHED, "warmup_factor", "warm_factor", r"schedule\.warm_factor: Extra inputs"),
        (PUBLISHED, "root =", "folder =", r"data\.cuhk-pedes\.folder: Extra inputs"),
        (PUBLISHED, "seed = 1\n", "seed = 1\nsead = 2\n", "sead: Extra inputs"),
        (PUBLISHED, '"irra"', '"ira"', "method: .*'ira'.*'irra', 'agm_irra', 'sg_iha', 'nafs', 'm"),
        (PUBLISHED, '"cuhk-pedes"', '"cuhk"', "data: .*'cuhk'.*'cuhk-pedes'"),
    ],
)
def test_key_or_value_that_cannot_work_stops_the_run_and_is_named(
    tmp_path: Path, path: Path, before: str, after: str, message: str
) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match=message):
        read_config(wrong)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationInvalid, match="no TOML"):
        read_config(tmp_path / "binary.toml")


def test_the_method_decides_which_keys_there_are() -> None:
    assert isinstance(read_config(DEFAULT), RenderedRunConfig)
    assert isinstance(read_config(PUBLISHED), CaptionedRunConfig)
    with pytest.raises(ConfigurationInvalid, match=r"method: Field required"):
        validate_config({"seed": 1}, "nothing")


def test_more_epochs_than_the_schedule_has_are_refused() -> None:
    content = captioned(batches={"size": 8, "epochs": 5})
    with pytest.raises(ConfigurationInvalid, match=r"batches\.epochs 5 must be at most sch.*s 4"):
        validate_config(content, "it")


def test_a_run_may_end_before_its_schedule() -> None:
    content = captioned(batches={"size": 8, "epochs": 3})
    assert isinstance(validate_config(content, "it"), CaptionedRunConfig)


def test_batches_of_identities_hold_whole_people() -> None:
    content = captioned(batches={"size": 10, "epochs": 4, "sampler": "identity"})
    with pytest.raises(ConfigurationInvalid, match=r"size 10 must be a multiple .*person 4"):
        validate_config(content, "it")


def overridden(*overrides: str) -> CaptionedRunConfig:
    config = read_config(PUBLISHED, overrides)
    assert isinstance(config, CaptionedRunConfig)
    return config


def test_overrides_set_numbers_truths_strings_lists_and_tables() -> None:
    config = overridden(
        "seed=7",
        "batches.size = 32",
        "optimiser.learning_rate=2e-5",
        "validation.select_on_test=true",
        "data.root=somewhere/else",
        'data.noun_phrases="true"',
        "precision='bf16'",
        "optimiser.betas=[0.8, 0.9]",
        "method.losses={ sdm = 0.5, id = 1.0 }",
        "gradient_norm=1",
    )
    assert (config.seed, config.batches.size, config.optimiser.learning_rate) == (7, 32, 2e-5)
    assert config.validation.select_on_test is True
    assert config.data.root == Path("somewhere/else")
    assert config.precision == "bf16"
    assert config.optimiser.betas == (0.8, 0.9)
    assert config.method.model_dump()["losses"] == {"sdm": 0.5, "id": 1.0}
    assert config.gradient_norm == 1.0
    assert config.batches.epochs == 60  # as in the file


def test_a_later_override_wins() -> None:
    assert overridden("seed=7", "seed=8").seed == 8


def test_an_override_makes_a_table_that_is_not_in_the_file() -> None:
    config = overridden("method.losses.itc=0.5")
    assert config.method.model_dump()["losses"]["itc"] == 0.5
    rendered = read_config(DEFAULT, ["held_out.people=3"])
    assert isinstance(rendered, RenderedRunConfig)
    assert rendered.held_out.people == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batches.size", "sets nothing: write key=value"),
        ("=3", "sets nothing: write key=value"),
        ("batches.=3", "sets nothing: write key=value"),
        ("batches..size=3", "sets nothing: write key=value"),
        ("seed.deeper=3", "'seed' is a value, not a table"),
        ("batches.sise=3", r"batches\.sise: Extra inputs"),
        ("batches.size=many", r"batches\.size: Input should be a valid integer"),
        ("batches.size=", r"batches\.size: Input should be a valid integer"),
        ("batches.size=1", r"batches\.size: Input should be greater than or equal to 2"),
        ("seed=1\nprecision=2", "seed: Input should be a valid integer"),
    ],
)
def test_an_override_that_cannot_work_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=message):
        read_config(PUBLISHED, [override])


def test_a_list_is_overridden_as_a_whole() -> None:
    with pytest.raises(ConfigurationInvalid, match="'phases' is a value, not a table; override"):
        read_config(DEFAULT, ["method.phases.samples=3"])
