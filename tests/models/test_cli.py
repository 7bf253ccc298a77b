import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from models.cli import app
from models.loading import load_encoder

CROPS = [Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 32, 3), np.uint8))]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines_of(result: Result) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in result.stdout.splitlines())
    return {key: value.strip() for key, value in pairs}


def test_inspecting_names_sizes_classes_and_what_is_left_out(irra_folder: Path) -> None:
    told = run("inspect", irra_folder)
    assert told.exit_code == 0, told.stderr
    lines = lines_of(told)
    assert lines["name"] == "IRRA CUHK-PEDES"
    assert lines["layout"] == "IRRA's checkpoint"
    assert lines["image"] == "64 x 32"
    assert "vision_width 128, vision_layers 2" in lines["sizes"]
    assert lines["classes"] == "20"
    assert (lines["tensors"], lines["parameters"]) == ("61", "1,001,600")
    heads = lines["training only"]
    assert "classifier 2" in heads
    assert "mlm_head 6" in heads
    assert lines["second stage"] == "no"


def test_inspecting_writes_nothing(irra_folder: Path) -> None:
    before = sorted(irra_folder.rglob("*"))
    assert run("inspect", irra_folder).exit_code == 0
    assert sorted(irra_folder.rglob("*")) == before


def test_programs_get_one_json_object(irra_folder: Path) -> None:
    (line,) = run("inspect", irra_folder, "--json").stdout.splitlines()
    description = json.loads(line)
    assert description["classes"] == 20
    assert description["training_only"]["cross_modal_transformer"] == 24


def test_a_converted_model_is_the_same_model(irra_folder: Path, tmp_path: Path) -> None:
    made = run("convert", irra_folder, tmp_path / "made" / "model")
    assert made.exit_code == 0, made.stderr
    assert lines_of(made)["written"] == str(tmp_path / "made" / "model")
    original, converted = (
        load_encoder(source, device="cpu", precision="fp32")
        for source in (irra_folder, tmp_path / "made" / "model")
    )
    assert np.array_equal(original.encode_images(CROPS), converted.encode_images(CROPS))
    assert original.card.fingerprint() == converted.card.fingerprint()
    assert original.card.weights_sha256 == converted.card.converted_from_sha256


def test_weights_are_kept_in_the_precision_they_came_in(irra_folder: Path, tmp_path: Path) -> None:
    assert run("convert", irra_folder, tmp_path / "model").exit_code == 0
    stored = (tmp_path / "model" / "model.safetensors").stat().st_size
    assert stored < 1_001_600 * 4 * 0.75  # most tensors are float16


@pytest.mark.parametrize("verb", ["inspect", "convert"])
def test_what_cannot_be_used_is_one_line_and_writes_nothing(
    verb: str, irra_folder: Path, tmp_path: Path
) -> None:
    checkpoint = irra_folder / "best.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-5000])
    told = run(verb, checkpoint, *([tmp_path / "model"] if verb == "convert" else []))
    assert told.exit_code == 1
    assert told.stderr.startswith("error: ")
    assert "best.pth" in told.stderr
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "model").exists()


def test_an_error_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    told = run("inspect", tmp_path / "nowhere", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["error"]["kind"] == "ModelNotFound"


def test_a_model_directory_is_not_converted_again(irra_folder: Path, tmp_path: Path) -> None:
    run("convert", irra_folder, tmp_path / "model")
    again = run("convert", tmp_path / "model", tmp_path / "again")
    assert again.exit_code == 1
    assert "already" in again.stderr
    assert not (tmp_path / "again").exists()


def test_a_directory_that_is_there_is_left_as_it_is(irra_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(irra_folder, tmp_path / "taken")
    told = run("convert", irra_folder, tmp_path / "taken")
    assert told.exit_code == 1
    assert "is there already" in told.stderr
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == [
        "best.pth", "configs.yaml",
    ]  # fmt: skip


def test_the_default_model_says_what_it_is() -> None:
    lines = lines_of(run("inspect", "default"))
    assert lines["architecture"] == "compact_dual"
    assert lines["files"] == "vocab.txt, words.txt"
    assert lines["layout"] == "Descry's model directory"
