import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from models.contracts import Float32Array, PartScorer
from models.loading import load_encoder
from models.parts import Parts
from tests.fakes import ColourEncoder
from tests.training.captioned_people import run_content, write_captioned_people
from tests.training.toml_files import write_toml
from training.checkpoints import MODEL_FOLDER
from training.cli import app
from training.config import RenderedRunConfig
from training.evaluation.rendered_figures import without_single_queries
from training.export import EVALUATION_FILE
from training.tracking import METRICS_FILE

EVALUATE = ["evaluate", "default", "rendered-people", "DATA", "--people", "2"]
SHIPPED = ["--rerank", "nafs_shipped", "--alpha", "1", "--neighbours", "2"]

runner = CliRunner()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads take longer to meet than such steps."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captioned_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def toml(people: Path) -> Path:
    """A run of IRRA of four epochs, of which a test may ask for fewer."""
    return write_toml(run_content(people), people.parent / "irra.toml")


@pytest.fixture(scope="module")
def finished(toml: Path) -> Path:
    run = toml.parent / "run"
    result = runner.invoke(app, ["run", str(toml), "--out", str(run), "--set", "batches.epochs=1"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((run / EVALUATION_FILE).read_text())
    return run


def test_run_trains_exports_and_measures_on_real_renders(
    config: RenderedRunConfig, tmp_path: Path
) -> None:
    toml = write_toml(config.model_dump(mode="json"), tmp_path / "tiny.toml")
    run = tmp_path / "run"
    result = runner.invoke(app, ["run", str(toml), "--out", str(run)])
    assert result.exit_code == 0, result.output
    figures = json.loads((run / EVALUATION_FILE).read_text())
    assert figures["people"] == 4
    encoder = load_encoder(run / MODEL_FOLDER, device="cpu")
    assert encoder.card.weights_sha256 == figures["weights_sha256"]
    assert json.loads(encoder.card.provenance["figures"]) == without_single_queries(figures)
    assert (run / METRICS_FILE).read_text().count("\n") == 1

    exported = runner.invoke(app, ["export", str(run), str(tmp_path / "copy")])
    assert exported.exit_code == 0
    copy = load_encoder(tmp_path / "copy", device="cpu")
    assert copy.card.fingerprint() == encoder.card.fingerprint()
    assert copy.card.fingerprint() in exported.output

    people = ["rendered-people", str(config.data.folder), "--people", "4", "--seed", "77"]
    evaluated = runner.invoke(app, ["evaluate", str(tmp_path / "copy"), *people])
    assert evaluated.exit_code == 0
    assert json.loads(evaluated.stdout) == figures
    reranking = ["--rerank", "rvn", "--alpha", "0.05", "--neighbours", "2"]
    again = runner.invoke(app, ["evaluate", str(tmp_path / "copy"), *people, *reranking])
    assert again.exit_code == 0
    found = json.loads(again.stdout)
    reranked = found.pop("full_captions_reranked")
    assert found == figures
    assert (reranked["alpha"], reranked["k"], reranked["queries"]) == (0.05, 2, 4)


def test_a_run_is_made_into_runs_by_the_name_of_its_file_and_overrides_are_kept(
    toml: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads((finished / "config.json").read_text())["batches"]["epochs"] == 1
    monkeypatch.chdir(tmp_path)
    short = ["--set", "batches.epochs=1", "--set", "validation.select_on_test=true"]
    result = runner.invoke(app, ["run", str(toml), *short])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["selected_on_test"] is True
    assert (tmp_path / "runs" / "irra" / MODEL_FOLDER / "card.json").is_file()


def test_resume_takes_the_configuration_it_began_with_and_no_other(
    toml: Path, finished: Path
) -> None:
    arguments = ["run", str(toml), "--out", str(finished), "--resume", "--set"]
    refused = runner.invoke(app, [*arguments, "batches.epochs=2"])
    assert refused.exit_code == 1
    assert "batches.epochs: 1 became 2" in " ".join(refused.output.split())
    free = runner.invoke(app, [*arguments, "batches.epochs=1", "--set", "workers=1"])
    assert free.exit_code == 0, free.output


def test_a_dry_run_tells_what_the_run_will_take_and_leaves_nothing(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = runner.invoke(app, ["run", str(toml), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "trained parameters; first terms: sdm " in result.stdout
    assert "12 steps of " in result.stdout
    assert "96 samples; peak memory " in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_fails_where_the_data_is_not_whole(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    (root / "crops" / "9_0.png").unlink()
    toml = write_toml(run_content(root), tmp_path / "irra.toml")
    result = runner.invoke(app, ["run", str(toml), "--dry-run"])
    assert result.exit_code == 1
    assert "problem: crops/9_0.png" in result.stdout


def test_check_succeeds_on_whole_data_alone(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    whole = runner.invoke(app, ["check", "captioned-folder", str(root)])
    assert whole.exit_code == 0, whole.output
    assert "nothing is wrong" in whole.stdout
    (root / "crops" / "0_0.png").write_bytes(b"no image")
    broken = runner.invoke(app, ["check", "captioned-folder", str(root)])
    assert broken.exit_code == 1
    assert "problem: crops/0_0.png" in broken.stdout
    names_alone = runner.invoke(app, ["check", "captioned-folder", str(root), "--no-images"])
    assert names_alone.exit_code == 0
    unreadable = runner.invoke(app, ["check", "captioned-folder", str(tmp_path / "nowhere")])
    assert unreadable.exit_code == 1
    assert "Traceback" not in unreadable.output
    assert runner.invoke(app, ["check", "captioned-folder"]).exit_code == 2


def test_evaluate_measures_a_split_of_a_data_set_and_writes_a_page(
    people: Path, finished: Path, tmp_path: Path
) -> None:
    model = str(finished / MODEL_FOLDER)
    arguments = ["evaluate", model, "captioned-folder", str(people)]
    page = tmp_path / "page"
    result = runner.invoke(app, [*arguments, "--report", str(page)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((finished / EVALUATION_FILE).read_text())
    html = (page / "index.html").read_text()
    assert "image/png;base64" in html  # the curves of the run
    assert "without this data" in html
    on_val = json.loads(runner.invoke(app, [*arguments, "--split", "val"]).stdout)
    assert (on_val["split"], on_val["selected_on_test"]) == ("val", True)
    last = json.loads(runner.invoke(app, [*arguments, "--protocol", "wider_last_caption"]).stdout)
    assert (last["captions"], last["protocol"]) == (4, "wider_last_caption")


def test_of_a_model_without_its_run_nobody_knows_what_chose_it(
    people: Path, finished: Path, tmp_path: Path
) -> None:
    exported = runner.invoke(app, ["export", str(finished), str(tmp_path / "model")])
    assert exported.exit_code == 0, exported.output
    result = runner.invoke(
        app, ["evaluate", str(tmp_path / "model"), "captioned-folder", str(people)]
    )
    assert "selected_on_test" not in json.loads(result.stdout)


class ColourScorer:
    """Adds the cosine with the crop's mean colour once more."""

    def encode_parts(self, images: Sequence[Image.Image]) -> Float32Array:
        return ColourEncoder().encode_images(images)[:, None]  # (n, 1, 3)

    def prepare(self, text: str) -> Float32Array:
        row: Float32Array = ColourEncoder().encode_texts([text])[0]
        return row

    def score(self, prepared: Float32Array, parts: Parts) -> Float32Array:
        score: Float32Array = (parts.values.astype(np.float32) @ prepared)[:, 0]
        return score


class TwoStages(ColourEncoder):
    @property
    def part_scorer(self) -> PartScorer | None:
        return ColourScorer()


@pytest.fixture
def evaluate_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that measure the two stages of a model of colours on four crops."""
    monkeypatch.setattr("training.commands.evaluate.load_encoder", lambda _: TwoStages())
    data = str(tmp_path / "data")
    return ["evaluate", "colours", "rendered-people", data, "--people", "2", "--seed", "6"]


def figures_of(arguments: list[str]) -> dict[str, Any]:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def test_evaluate_reports_each_stage_under_its_own_name(evaluate_colours: list[str]) -> None:
    plain = figures_of(evaluate_colours)
    assert not [name for name in plain if name.startswith("full_captions_")]
    both = figures_of([*evaluate_colours, "--second-stage", "own", "--candidates", "3"])
    second = both.pop("full_captions_second_stage")
    assert both == plain
    assert (second.pop("candidates"), second.pop("weight")) == (3, 1)
    assert (second.pop("model"), second.pop("weights_sha256")) == ("colour", "0" * 64)
    # Twice the same similarity is the same order.
    assert second == plain["full_captions"]


def test_evaluate_labels_what_depends_on_row_order(evaluate_colours: list[str]) -> None:
    found = figures_of([*evaluate_colours, *SHIPPED, "--captions", "2", "--second-stage", "own"])
    reranked = found["full_captions_reranked"]
    assert found["full_captions"]["queries"] == reranked["queries"] == 4
    assert reranked["method"] == "nafs_shipped"
    assert reranked["note"] == "depends on row order"
    assert reranked["stage"] == "second"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["export", "nowhere", "model"], "holds no run"),
        (["evaluate", "nowhere", "rendered-people", "DATA", "--people", "2"], "no model 'nowhere'"),
        (["evaluate", "default", "--rerank", "rvn"], "rvn needs --alpha and --neighbours; no val"),
        (["evaluate", "default", "--rerank", "rvn", "--alpha", "1"], "rvn needs --alpha and"),
        (["evaluate", "default", "--rerank", "nafs_shipped"], "its authors' are 1 and 5"),
        (["evaluate", "default", "--alpha", "0.1"], "belong to a re-ranking: add --rerank rvn"),
        (
            [*EVALUATE, "--second-stage", "own"],
            "has one stage only",
        ),
        ([*EVALUATE, "--second-stage", "nowhere"], "no model 'nowhere'"),
        (
            [*EVALUATE, *SHIPPED],
            "depends on row order",
        ),
        (["evaluate", "default", "--report", "page"], "--report shows what captions of a data set"),
        (["evaluate", "default", "cuhk"], "no data set is called 'cuhk': use cuhk-pedes"),
        (["evaluate", "default", "cuhk-pedes", "nowhere"], "nowhere"),
        (["check", "cuhk", "nowhere"], "no data set is called 'cuhk': use cuhk-pedes"),
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
