import json
from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from tests.training.captioned_people import run_config
from training.config import CaptionedRunConfig, RenderedRunConfig
from training.runs import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    describe_environment,
    open_run,
    read_run_config,
)


@pytest.fixture
def captioned() -> CaptionedRunConfig:
    return run_config(Path("people"))


def test_a_run_folder_records_the_resolved_configuration_and_the_environment(
    captioned: CaptionedRunConfig, config: RenderedRunConfig, tmp_path: Path
) -> None:
    for name, settings in (("captioned", captioned), ("rendered", config)):
        open_run(tmp_path / name, settings, resume=False)
        assert read_run_config(tmp_path / name) == settings
        assert {p.name for p in (tmp_path / name).iterdir()} == {CONFIG_FILE, ENVIRONMENT_FILE}
    content = json.loads((tmp_path / "captioned" / CONFIG_FILE).read_text())
    assert content["batches"]["drop_last"] is False  # a default, which no file has to say
    assert content["method"]["temperature"] == 0.02
    environment = json.loads((tmp_path / "captioned" / ENVIRONMENT_FILE).read_text())
    assert {"python", "torch", "threads", "commit", "started_at"} <= environment.keys()
    assert environment["packages"]["numpy"].count(".") == 2


def test_the_command_can_be_copied_into_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["training", "run", "a b.toml", "--set", "method.losses={ sdm = 1.0 }"]
    monkeypatch.setattr("sys.argv", arguments)
    found = describe_environment()["command"]
    assert found == "python -m training run 'a b.toml' --set 'method.losses={ sdm = 1.0 }'"


def test_variables_that_decide_speed_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    variables = describe_environment()["variables"]
    assert isinstance(variables, dict)
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert describe_environment()["commit"] == "unknown"


def test_a_run_is_not_overwritten(captioned: CaptionedRunConfig, tmp_path: Path) -> None:
    open_run(tmp_path / "run", captioned, resume=False)
    with pytest.raises(ConfigurationInvalid, match="--resume"):
        open_run(tmp_path / "run", captioned, resume=False)


def test_a_run_that_never_got_a_configuration_can_begin_anew(
    captioned: CaptionedRunConfig, tmp_path: Path
) -> None:
    (tmp_path / ENVIRONMENT_FILE).write_text("{}")
    with pytest.raises(ConfigurationInvalid, match="holds no run"):
        open_run(tmp_path, captioned, resume=True)
    open_run(tmp_path, captioned, resume=False)
    assert read_run_config(tmp_path) == captioned


def test_another_configuration_is_refused_with_every_difference(
    captioned: CaptionedRunConfig, tmp_path: Path
) -> None:
    open_run(tmp_path, captioned, resume=False)
    open_run(tmp_path, captioned, resume=True)
    other = captioned.model_copy(
        update={
            "seed": 6,
            "batches": captioned.batches.model_copy(update={"size": 9}),
            "average_decay": 0.5,
            "workers": 1,
        }
    )
    with pytest.raises(ConfigurationInvalid) as raised:
        open_run(tmp_path, other, resume=True)
    message = str(raised.value)
    for difference in (
        "seed: 5 became 6", "batches.size: 8 became 9", "average_decay: None became 0.5"
    ):  # fmt: skip
        assert difference in message
    assert "workers" not in message


def test_a_resumed_run_may_be_of_another_method_no_more_than_of_another_seed(
    captioned: CaptionedRunConfig, config: RenderedRunConfig, tmp_path: Path
) -> None:
    open_run(tmp_path, captioned, resume=False)
    with pytest.raises(ConfigurationInvalid, match=r"method\.name: 'irra' became 'compact_dual'"):
        open_run(tmp_path, config, resume=True)


@pytest.mark.parametrize(
    "change", [{"workers": 3}, {"checkpoint_seconds": 1.5}, {"report_steps": 7}]
)
def test_what_changes_no_number_may_change(
    captioned: CaptionedRunConfig, tmp_path: Path, change: dict[str, float]
) -> None:
    open_run(tmp_path, captioned, resume=False)
    open_run(tmp_path, captioned.model_copy(update=change), resume=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"there is no config\.json"),
        (b'{"seed":', "is damaged"),
        (b"[1]", "is damaged"),
        (b'{"seed": 1}', "cannot work"),
    ],
)
def test_a_folder_without_a_run_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / CONFIG_FILE).write_bytes(content)
    with pytest.raises(ConfigurationInvalid, match=message):
        read_run_config(tmp_path)
