import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.loading import load_encoder
from training.cli import MODEL_FOLDER, app
from training.config import TrainConfig
from training.export import EVALUATION_FILE
from training.loop import METRICS_FILE

runner = CliRunner()


def write_toml(config: TrainConfig, path: Path) -> Path:
    """TOML is close enough to JSON for what a configuration holds."""
    content = config.model_dump(mode="json")
    lines = [f"{key} = {json.dumps(value)}" for key, value in content.items() if _is_plain(value)]
    for key, value in content.items():
        tables = value if isinstance(value, list) else [value]
        for table in () if _is_plain(value) else tables:
            lines.append(f"[[{key}]]" if isinstance(value, list) else f"[{key}]")
            lines += [f"{name} = {json.dumps(item)}" for name, item in table.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float | str)


def test_run_trains_exports_and_measures_real_renders(config: TrainConfig, tmp_path: Path) -> None:
    toml = write_toml(config, tmp_path / "tiny.toml")
    run = tmp_path / "run"
    result = runner.invoke(app, ["run", str(toml), "--out", str(run)])
    assert result.exit_code == 0, result.output
    figures = json.loads((run / EVALUATION_FILE).read_text())
    assert figures["people"] == 4
    encoder = load_encoder(run / MODEL_FOLDER, device="cpu")
    assert encoder.card.weights_sha256 == figures["weights_sha256"]
    assert json.loads(encoder.card.provenance["figures"]) == figures
    assert (run / METRICS_FILE).read_text().count("\n") == 1

    exported = runner.invoke(app, ["export", str(run), str(tmp_path / "copy")])
    assert exported.exit_code == 0
    copy = load_encoder(tmp_path / "copy", device="cpu")
    assert copy.card.fingerprint() == encoder.card.fingerprint()

    arguments = ["--people", "4", "--seed", "77", "--data", str(config.people.folder)]
    evaluated = runner.invoke(app, ["evaluate", str(tmp_path / "copy"), *arguments])
    assert evaluated.exit_code == 0
    assert json.loads(evaluated.stdout) == figures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["export", "nowhere", "model"], "holds no run"),
        (["evaluate", "nowhere", "--data", "DATA", "--people", "2"], "no model 'nowhere'"),
    ],
)
def test_wrong_argument_is_told_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_render_writes_crops_and_a_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    arguments = ["--people", "2", "--sightings", "1", "--seed", "5"]
    folders = ["--out", str(tmp_path / "people"), "--sheet", str(sheet)]
    result = runner.invoke(app, ["render", *arguments, *folders])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "people").rglob("*.jpg"))) == 2
    assert sheet.stat().st_size > 0
