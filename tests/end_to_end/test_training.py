"""Training with the commands a newcomer types: killed, gone on with, indexed, measured."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.end_to_end.commands import ROOT, run
from tests.training.toml_files import write_toml
from training.checkpoints import BEST_FILE, LAST_FILE
from training.datasets.rendered_captions import CAPTIONS_NAME
from training.tracking import METRICS_FILE

KILLS = 5
STEPS = 36  # 24 people, 2 sightings, 2 captions: 6 batches of 16 an epoch, 6 epochs
PATIENCE_S = 120
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    content: dict[str, Any] = {
        "seed": 11,
        "checkpoint_seconds": 1e-9,
        "report_steps": 1,
        "data": {
            "name": "rendered-captions", "root": str(folder / "people"), "train_people": 24,
            "val_people": 4, "test_people": 6, "sightings": 2, "captions": 2, "height": 96,
            "width": 32, "seed": 5,
        },
        "method": {
            "name": "irra", "start": "random", "height": 96, "width": 32, "embedding_width": 64,
            "losses": {"sdm": 1.0, "id": 1.0},
            "sizes": {
                "patch_size": 16, "stride": 16, "vision_width": 64, "vision_layers": 1,
                "text_width": 64, "text_layers": 1, "context_length": 32,
                "vocabulary_size": 49408,
            },
        },
        "batches": {"size": 16, "epochs": 6},
        "optimiser": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 4e-5},
        "schedule": {"decay": "cosine", "epochs": 6, "warmup_epochs": 1},
        "validation": {"every_epochs": 3},  # each draws the curves, which takes a second
    }  # fmt: skip
    return write_toml(content, folder / "tiny.toml")


@pytest.fixture(scope="module")
def runs(toml: Path) -> tuple[Path, Path]:
    """A run that nobody stops, and beside it the same one, killed at random steps."""
    whole, killed = toml.parent / "whole", toml.parent / "killed"
    process = train(toml, whole)
    wait_for(toml.parent / "people" / CAPTIONS_NAME)  # which both runs are on
    kill_and_go_on(toml, killed)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert json.loads(output)["selected_on_test"] is False
    return whole, killed


def kill_and_go_on(toml: Path, folder: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - keeps no secret
    stops = sorted(chance.sample(range(2, STEPS), KILLS))
    for number, stop in enumerate(stops):
        process = train(toml, folder, *(["--resume"] if number else []))
        wait_for_step(process, folder, stop)
        time.sleep(chance.uniform(0, 0.2))  # in the middle of a step, or of what follows it
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == -signal.SIGKILL
    process = train(toml, folder, "--resume")
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.is_file():
        assert time.monotonic() < deadline, f"{path} was not written in {PATIENCE_S} s"
        time.sleep(0.02)


def train(toml: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    arguments = ["run", str(toml), "--out", str(folder), *options]
    return subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process: subprocess.Popen[str], folder: Path, step: int) -> None:
    """Wait until a run has reported a step in this life."""
    # A life that goes on drops what was reported after the checkpoint, and reports it again.
    deadline = time.monotonic() + PATIENCE_S
    began = time.time()
    while time.monotonic() < deadline:
        metrics = folder / METRICS_FILE
        if metrics.is_file() and metrics.stat().st_mtime > began and last_step(metrics) >= step:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    pytest.fail(f"step {step} was not reached in {PATIENCE_S} s")


def last_step(metrics: Path) -> int:
    lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    steps = [json.loads(line)["step"] for line in lines if line.endswith("\n")]
    return max(steps, default=0)


def different(one: object, other: object, place: str = "") -> list[str]:
    """Where two checkpoints are not the same, bit for bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [w for key in one for w in different(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [w for n, (a, b) in pairs for w in different(a, b, f"{place}.{n}")]
    return [] if one == other else [place]


@pytest.mark.slow
def test_a_run_killed_five_times_ends_bit_for_bit_as_if_it_never_had_been(
    runs: tuple[Path, Path],
) -> None:
    whole, killed = runs
    for name in (LAST_FILE, BEST_FILE):
        one, other = (torch.load(folder / name, weights_only=True) for folder in (whole, killed))
        assert one["samples"] == 16 * one["step"]
        assert different(one, other) == []
    assert torch.load(whole / LAST_FILE, weights_only=True)["step"] == STEPS
    weights = [folder / "model" / "model.safetensors" for folder in (whole, killed)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    reports = [(folder / "evaluation.json").read_text() for folder in (whole, killed)]
    assert reports[0] == reports[1]
    lives = (killed / "run.log").read_text().count("goes on after step")
    assert (
        1 <= lives <= KILLS
    )  # a life killed before its first checkpoint leaves none to go on from


@pytest.mark.slow
def test_every_step_is_reported_once_whatever_was_killed(runs: tuple[Path, Path]) -> None:
    _, killed = runs
    lines = [json.loads(line) for line in (killed / METRICS_FILE).read_text().splitlines()]
    train_steps = [line["step"] for line in lines if line["group"] == "train"]
    assert train_steps == list(range(1, STEPS + 1))
    assert [line["step"] for line in lines if line["group"] == "validation"] == [18, 36]


@pytest.mark.slow
def test_the_trained_model_is_indexed_and_measured(runs: tuple[Path, Path]) -> None:
    _, killed = runs
    people, model = killed.parent / "people", killed / "model"
    built = run(
        *("indexer", "build", "--crops", people / "crops", "--metadata", people / "metadata.csv"),
        *("--index", killed.parent / "index", "--model", model, "--json"),
    )
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["counts"]["indexed"] == 2 * (24 + 4 + 6)
    page = killed.parent / "page"
    measured = run("training", "evaluate", model, "rendered-captions", people, "--report", page)
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout) == json.loads((killed / "evaluation.json").read_text())
    assert (page / "index.html").is_file()
