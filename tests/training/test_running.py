import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ConfigurationInvalid
from models.loading import load_encoder
from tests.training.captioned_people import run_config, write_captioned_people
from training import loop, preparation, running
from training.checkpoints import BEST_FILE, LAST_FILE, MODEL_FOLDER
from training.config import CaptionedRunConfig, RenderedRunConfig
from training.data_fingerprints import DATA_FILE
from training.export import EVALUATION_FILE
from training.runs import CONFIG_FILE, ENVIRONMENT_FILE, LOG_FILE
from training.tracking import CURVES_FILE, EVENTS_FOLDER, METRICS_FILE

NOTHING_ELSE = {
    CONFIG_FILE, ENVIRONMENT_FILE, DATA_FILE, LOG_FILE, METRICS_FILE, EVENTS_FOLDER, CURVES_FILE,
    LAST_FILE, BEST_FILE, MODEL_FOLDER, EVALUATION_FILE,
}  # fmt: skip
SHORT: dict[str, Any] = {
    "batches": {"size": 8, "epochs": 2},
    "schedule": {"decay": "cosine", "epochs": 2},
}


def no_progress(done: int, whole: int) -> None:
    """Nothing is rendered."""


def no_step(done: int, total: int, values: Mapping[str, float]) -> None:
    """Steps are not shown in a test."""


def trained(config: CaptionedRunConfig, folder: Path, *, resume: bool = False) -> str | None:
    running.run(config, folder, resume=resume, on_progress=no_progress, on_step=no_step)
    return running.finish(config, folder, no_progress)


def short(root: Path, **changes: object) -> CaptionedRunConfig:
    return run_config(root, **{**SHORT, **changes})


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
def finished(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of IRRA, for reading alone."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    figures = trained(short(people), folder)
    assert figures == (folder / EVALUATION_FILE).read_text()
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves take longer to draw than such runs; those of ``finished`` are drawn before."""
    monkeypatch.setattr(loop, "draw_curves", lambda _: None)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def weights(path: Path) -> dict[str, torch.Tensor]:
    content = torch.load(path, weights_only=True)
    tensors: dict[str, torch.Tensor] = content.get("weights") or content["network"]
    return tensors


def scripted(monkeypatch: pytest.MonkeyPatch, figures: list[float]) -> None:
    """Let validations find these figures, one after the other."""
    found = iter(figures)
    monkeypatch.setattr(preparation, "measure_gallery", lambda *_: {"recall_at_1": next(found)})


def test_a_finished_run_folder_holds_everything_and_nothing_else(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == NOTHING_ELSE
    lines = [json.loads(line) for line in (finished / METRICS_FILE).read_text().splitlines()]
    assert [line["step"] for line in lines if line["group"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if line["group"] == "validation"] == [3, 6]
    assert {"sdm", "id", "mlm"} <= lines[0].keys()
    assert (finished / CURVES_FILE).read_bytes().startswith(b"\x89PNG")
    assert list((finished / EVENTS_FOLDER).iterdir())
    assert "step 6, 48 samples" in (finished / LOG_FILE).read_text()


def test_the_report_is_of_the_test_split_which_chose_nothing(finished: Path) -> None:
    report = json.loads((finished / EVALUATION_FILE).read_text())
    assert (report["split"], report["selected_on_test"]) == ("test", False)
    assert (report["people"], report["crops"], report["captions"]) == (2, 4, 8)
    card = load_encoder(finished / MODEL_FOLDER, device="cpu").card
    assert report["weights_sha256"] == card.weights_sha256
    assert json.loads(card.provenance["figures"]) == report
    assert card.provenance["selected_on_test"] == "false"


def test_weights_chosen_by_the_test_split_are_reported_as_such(
    people: Path, tmp_path: Path
) -> None:
    config = short(people, validation={"select_on_test": True})
    report = json.loads(trained(config, tmp_path / "run") or "")
    assert (report["split"], report["selected_on_test"]) == ("test", True)
    card = load_encoder(tmp_path / "run" / MODEL_FOLDER, device="cpu").card
    assert card.provenance["selected_on_test"] == "true"


def test_without_a_test_split_val_is_reported_which_chose_the_weights(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people", test=0)
    report = json.loads(trained(short(root), tmp_path / "run") or "")
    assert (report["split"], report["selected_on_test"]) == ("val", True)


def test_without_a_val_split_the_last_weights_are_measured(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people", val=0)
    report = json.loads(trained(short(root), tmp_path / "run") or "")
    assert (report["split"], report["selected_on_test"]) == ("test", False)
    assert not (tmp_path / "run" / BEST_FILE).exists()


def test_without_both_a_model_is_exported_and_not_measured(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people", val=0, test=0)
    assert trained(short(root), tmp_path / "run") is None
    assert not (tmp_path / "run" / EVALUATION_FILE).exists()
    card = load_encoder(tmp_path / "run" / MODEL_FOLDER, device="cpu").card
    assert "figures" not in card.provenance


def test_the_weights_with_the_best_figure_on_val_are_exported(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.2, 0.9, 0.9, 0.4])
    config = run_config(people)
    trained(config, tmp_path / "run")
    content = torch.load(tmp_path / "run" / BEST_FILE, weights_only=True)
    assert (content["step"], content["figures"]) == (6, {"recall_at_1": 0.9})
    best, last = (weights(tmp_path / "run" / name) for name in (BEST_FILE, LAST_FILE))
    assert any(not torch.equal(best[name], last[name]) for name in best)
    provenance = load_encoder(tmp_path / "run" / MODEL_FOLDER, device="cpu").card.provenance
    assert (provenance["steps"], provenance["validation"]) == ("6", 'val: {"recall_at_1": 0.9}')


def test_resuming_a_finished_run_changes_no_weight(people: Path, copied: Path) -> None:
    before = weights(copied / LAST_FILE)
    figures = (copied / EVALUATION_FILE).read_text()
    assert trained(short(people), copied, resume=True) == figures
    after = weights(copied / LAST_FILE)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "goes on after step 6" in (copied / LOG_FILE).read_text()


def test_a_run_whose_data_has_changed_is_neither_resumed_nor_exported(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    config = short(root)
    folder = tmp_path / "run"
    trained(config, folder)
    table = root / "captions.csv"
    table.write_text(table.read_text().replace("red coat", "pink coat"))
    with pytest.raises(ConfigurationInvalid, match=r"data\.json there\): sha256: "):
        trained(config, folder, resume=True)
    with pytest.raises(ConfigurationInvalid, match=r"data\.json there\): sha256: "):
        running.export(folder, tmp_path / "model", no_progress)
    assert not (tmp_path / "model").exists()


def test_a_stopped_run_is_exported_as_it_was_last_saved(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        """What ends the run."""

    def stop(done: int, total: int, values: Mapping[str, float]) -> None:
        assert total == 6
        assert values
        if done == 4:
            raise Stopped

    scripted(monkeypatch, [0.5])
    config = short(people)
    with pytest.raises(Stopped):
        running.run(config, tmp_path / "run", resume=False, on_progress=no_progress, on_step=stop)
    fingerprint = running.export(tmp_path / "run", tmp_path / "model", no_progress)
    card = load_encoder(tmp_path / "model", device="cpu").card
    assert (card.fingerprint(), card.provenance["steps"]) == (fingerprint, "3")


def test_the_log_of_a_run_ends_with_it(finished: Path) -> None:
    before = (finished / LOG_FILE).read_text()
    logging.getLogger("training").info("of another run")
    assert (finished / LOG_FILE).read_text() == before


def test_a_run_on_rendered_people_is_measured_on_others(
    config: RenderedRunConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    running.run(config, folder, resume=False, on_progress=no_progress, on_step=no_step)
    figures = json.loads(running.finish(config, folder, no_progress) or "")
    assert (figures["people"], figures["seed"]) == (4, 77)
    expected = NOTHING_ELSE - {BEST_FILE, CURVES_FILE} | {"vocab.txt", "words.txt"}
    assert {path.name for path in folder.iterdir()} == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stated_precision_is_that_of_the_run(people: Path, precision: str) -> None:
    assert running.precision_of(short(people, precision=precision)) == precision


def test_an_automatic_precision_is_one_that_a_run_can_have(people: Path) -> None:
    assert running.precision_of(short(people, precision="auto")) in ("fp32", "bf16")
