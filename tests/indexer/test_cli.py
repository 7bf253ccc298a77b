import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from indexer import cli
from indexer.bundle import read_manifest
from indexer.gallery import open_gallery
from models.contracts import Float32Array
from models.errors import ModelNotFound
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw

ROOT = Path(__file__).parents[2]


@dataclass
class Loaded:
    """What was asked of ``load_encoder``, and how many crops the encoder got at once."""

    requests: list[tuple[str, str, str]] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Stand the colour encoder in for every model."""
    record = Loaded()

    class Recorder(ColourEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
            record.batch_sizes.append(len(images))
            return super().encode_images(images)

    def load(source: str, *, device: str, precision: str) -> ColourEncoder:
        record.requests.append((source, device, precision))
        if source == "missing":
            raise ModelNotFound("there is no model 'missing': name another")
        return Recorder()

    monkeypatch.setattr(cli, "load_encoder", load)
    return record


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def only_object(result: Result) -> dict[str, object]:
    """Return the one JSON object that is all of stdout."""
    (line,) = result.stdout.splitlines()
    value = json.loads(line)
    assert isinstance(value, dict)
    return value


def test_build_exits_0_when_all_is_indexed(crops: Path, index: Path) -> None:
    result = run("build", "--crops", crops, "--index", index)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Indexed 5 of 5 files in ")
    assert "encoding: 5 of 5 crops, 0 quarantined" in result.stderr
    assert read_manifest(index).counts.indexed == 5


def test_build_exits_3_when_some_are_quarantined(crops: Path, index: Path) -> None:
    (crops / "broken.jpg").touch()
    result = run("build", "--crops", crops, "--index", index)
    assert result.exit_code == 3
    assert "'broken.jpg': the file is empty" in result.stdout


def test_every_option_reaches_the_build(
    crops: Path, index: Path, tmp_path: Path, loaded: Loaded
) -> None:
    (tmp_path / "m.csv").write_text("path,floor\nblack.jpeg,2\ngone.jpg,3\n")
    options = f"--name mine --metadata {tmp_path / 'm.csv'} --batch-size 2 --workers 1"
    options += " --model open_clip:A/B --device cpu --precision fp32"
    result = run("build", "--crops", crops, "--index", index, *options.split())
    assert result.exit_code == 0, result.stderr
    assert loaded.requests == [("open_clip:A/B", "cpu", "fp32")]
    assert loaded.batch_sizes == [2, 2, 2]  # the last is filled up
    manifest = read_manifest(index)
    assert (manifest.name, manifest.precision) == ("mine", "fp32")
    assert manifest.model.source == "open_clip:A/B"
    assert manifest.metadata_columns == ("path", "floor")
    assert "1 of 2 lines of" in result.stderr
    assert "name no crop" in result.stderr


def test_a_model_path_is_recorded_so_that_it_loads_from_anywhere(
    crops: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my model").mkdir()
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)
    run("build", "--crops", crops, "--index", index, "--model", "my model")
    assert read_manifest(index).model.source == str(tmp_path / "my model")
    run("build", "--crops", crops, "--index", index)
    assert read_manifest(index).model.source == "default"


def test_json_puts_one_object_on_stdout_and_logs_on_stderr(crops: Path, index: Path) -> None:
    (crops / "broken.jpg").touch()
    result = run("build", "--crops", crops, "--index", index, "--json")
    assert result.exit_code == 3
    value = only_object(result)
    assert value["generation"] == 1
    assert value["quarantined"] == [{"path": "broken.jpg", "reason": "the file is empty"}]
    assert "encoding: 6 of 6 crops, 1 quarantined" in result.stderr

    verified = run("verify", "--index", index, "--json")
    assert (verified.exit_code, only_object(verified)["sound"]) == (0, True)
    info = only_object(run("info", "--index", index, "--json"))
    assert info["manifest"] == json.loads(read_manifest(index).model_dump_json())


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (["--crops", "missing"], "ConfigurationInvalid", "'missing' does not exist"),
        (["--crops", "empty"], "GalleryEmpty", "no readable .jpg"),
        (["--metadata", "m.csv"], "MetadataInvalid", "m.csv, line 2: captured_at 'soon' is no ISO"),
        (["--metadata", "gone.csv"], "MetadataInvalid", "'gone.csv' is missing"),
        (["--model", "missing"], "ModelNotFound", "no model 'missing': name another"),
        (["--index", "m.csv"], "ConfigurationInvalid", "'m.csv' is a file: name a folder"),
        (["--index", "m.csv/index"], "NotADirectoryError", "m.csv/index"),
    ],
)
def test_a_failure_is_one_clear_line_and_exit_1(
    crops: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    kind: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "m.csv").write_text("path,captured_at\nblack.jpeg,soon\n")
    command = ["build", "--crops", str(crops), "--index", "index", *options]
    result = run(*command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    in_json = run(*command, "--json")
    assert in_json.exit_code == 1
    error = only_object(in_json)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == kind
    assert message in error["message"]
    assert message in in_json.stderr
    assert not (tmp_path / "index" / "CURRENT").exists()


@pytest.mark.parametrize("command", ["verify", "info"])
def test_a_missing_index_is_exit_1_with_the_remedy(tmp_path: Path, command: str) -> None:
    result = run(command, "--index", tmp_path)
    assert result.exit_code == 1
    assert "Make one: python -m indexer build --crops FOLDER" in result.stderr


def test_verify_exits_1_on_damage(crops: Path, index: Path) -> None:
    run("build", "--crops", crops, "--index", index)
    assert run("verify", "--index", index, "--sources").exit_code == 0
    draw(crops / "cam1" / "red.png", "green")
    assert run("verify", "--index", index).exit_code == 0
    changed = run("verify", "--index", index, "--sources", "--json")
    assert (changed.exit_code, only_object(changed)["sound"]) == (1, False)
    (index / "generations" / "000001" / "000001" / "index.faiss").write_bytes(b"")
    damaged = run("verify", "--index", index)
    assert damaged.exit_code == 1
    assert "problem: 000001/index.faiss has 0 bytes" in damaged.stdout


def test_info_prints_the_index(crops: Path, index: Path) -> None:
    run("build", "--crops", crops, "--index", index, "--name", "mine")
    result = run("info", "--index", index)
    assert result.exit_code == 0
    assert result.stdout.startswith("name         mine\ngeneration   1, made ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["build"],
        ["build", "--crops", "a"],
        ["build", "--crops", "a", "--index", "b", "--batch-size", "0"],
        ["build", "--crops", "a", "--index", "b", "--batch-size", "many"],
        ["build", "--crops", "a", "--index", "b", "--workers", "65"],
        ["build", "--crops", "a", "--index", "b", "--colour"],
        ["verify"],
        ["info", "extra"],
        ["rebuild"],
    ],
)
def test_wrong_use_is_exit_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.timeout(120)
def test_the_shipped_model_indexes_a_folder_from_the_command_line(crops: Path, index: Path) -> None:
    draw(crops / "two words\nnext.png")
    (crops / "copy.png").write_bytes((crops / "cam1" / "red.png").read_bytes())
    (crops / "broken.jpg").write_text("not a picture")
    command = [sys.executable, "-m", "indexer"]
    build = subprocess.run(
        [*command, "build", "--crops", crops, "--index", index, "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert build.returncode == 3, build.stderr
    value = json.loads(build.stdout)
    assert (value["counts"]["indexed"], value["counts"]["quarantined"]) == (6, 1)
    assert value["counts"]["duplicates"] == 1
    assert value["model"]["source"] == "default"
    verify = subprocess.run(
        [*command, "verify", "--index", index, "--sources"], capture_output=True, check=False
    )
    assert verify.returncode == 0, verify.stdout
    usage = subprocess.run([*command, "build"], capture_output=True, check=False)
    assert (usage.returncode, usage.stdout) == (2, b"")


def test_evaluate_tells_how_well_the_index_answers(
    crops: Path, index: Path, loaded: Loaded
) -> None:
    assert run("build", "--crops", crops, "--index", index, "--model", "default").exit_code == 0
    queries = index.parent / "queries.jsonl"
    queries.write_text(
        '{"text": "red", "relevant": ["cam1/red.png"]}\n{"text": "dots", "relevant": []}\n'
    )
    result = run("evaluate", index, "--queries", queries)
    assert result.exit_code == 0
    assert loaded.requests[-1] == ("default", "auto", "auto")  # the one it was built with
    lines = result.stdout.splitlines()
    assert lines[0].startswith("1 queries against the 5 crops of ")
    assert lines[1] == "R@1    100.0 %"
    assert lines[4] == "mAP    100.0 % (of the first 5; chance 20.0 %)"
    assert lines[-1] == "Not counted, as nothing is relevant for them: 1, 'dots'"
    value = only_object(run("evaluate", index, "--queries", queries, "--json"))
    assert value["recall"] == {"1": 1.0, "5": 1.0, "10": 1.0}
    assert (value["index"], value["without_relevant"]) == (str(index), ["dots"])


def test_evaluate_refuses_queries_about_other_crops(crops: Path, index: Path) -> None:
    run("build", "--crops", crops, "--index", index)
    queries = index.parent / "queries.jsonl"
    queries.write_text('{"text": "red", "relevant": ["nowhere.png"]}\n')
    result = run("evaluate", index, "--queries", queries)
    assert result.exit_code == 1
    assert "not in the index: 'nowhere.png'" in result.stderr


def test_doctor_examines_machine_model_and_index(crops: Path, index: Path, loaded: Loaded) -> None:
    run("build", "--crops", crops, "--index", index, "--model", "default")
    lines = run("doctor", "--index", index).stdout.splitlines()
    parts = [line.split("  ")[0] for line in lines if not line.startswith(" ")]
    assert parts == [
        "processor", "cores", "GPU", "FAISS", "memory", "disk", "model", "model speed", "index",
        "index speed",
    ]  # fmt: skip
    value = only_object(run("doctor", "--json"))
    findings = value["findings"]
    assert isinstance(findings, list)
    assert [finding["part"] for finding in findings][-2:] == ["model", "model speed"]
    assert loaded.requests[-1] == ("default", "auto", "auto")
    assert run("doctor", "--model", "missing").exit_code == 1


def ids_of(index: Path) -> dict[str, str]:
    gallery = open_gallery(index, ColourEncoder().card)
    found = gallery.ids_by_path()
    gallery.close()
    return found


def test_a_gallery_grows_shrinks_and_goes_back_from_the_command_line(
    crops: Path, index: Path, tmp_path: Path, loaded: Loaded
) -> None:
    run("build", "--crops", crops, "--index", index, "--model", "open_clip:A/B")
    draw(tmp_path / "more" / "new.png", "red")
    added = run("add", "--crops", tmp_path / "more", "--index", index)
    assert added.exit_code == 0, added.stderr
    assert loaded.requests[-1] == ("open_clip:A/B", "auto", "fp32")  # as it was built
    assert "1 encoded, 0 known before" in added.stdout
    assert "The gallery has 6 crops." in added.stdout
    red = ids_of(index)["cam1/red.png"]
    deleted = run("delete", "--index", index, "--id", red)
    assert deleted.stdout.startswith("Deleted 1 crop, 5 left. Generation 3 of ")
    assert "brings them back where the source still holds them" in deleted.stdout
    trace = run("verify", "--index", index, "--absent", red)
    assert trace.exit_code == 1
    assert f"error: crop {red} is still in " in trace.stderr
    assert run("compact", "--index", index).stdout.endswith("is published: 5 crops in 1 segment.\n")
    assert run("compact", "--index", index).stdout.startswith("Nothing to merge: generation 4 ")
    back = run("rollback", "--index", index, "--to", 2)
    assert back.stdout.endswith("6 crops in 2 segments, the crops of generation 2.\n")
    run("rollback", "--index", index)
    gone = run("gc", "--index", index, "--keep", 1)
    assert gone.stdout.startswith(f"Removed generations of {str(index)!r}: 1, 2, 3, 4, 5 (")
    assert gone.stdout.endswith("Kept: 6.\n")
    absent = only_object(run("verify", "--index", index, "--absent", red, "--json"))
    assert (absent["absent"], absent["id"]) == (True, red)
    info = run("info", "--index", index).stdout
    assert "generation   6, made " in info
    assert "others       none" in info


def test_deletions_by_filter_and_age_say_what_they_took(crops: Path, index: Path) -> None:
    lines = ["path,camera,captured_at", "cam1/red.png,c1,2024-05-01", "black.jpeg,c1,2024-05-09"]
    (index.parent / "m.csv").write_text("\n".join(lines))
    run("build", "--crops", crops, "--index", index, "--metadata", index.parent / "m.csv")
    ids = ids_of(index)
    old = ["--where", "camera=c1", "--older-than", "2024-05-05"]
    value = only_object(run("delete", "--index", index, *old, "--json"))
    assert (value["removed"], value["indexed"], value["generation"]) == (
        [ids["cam1/red.png"]],
        4,
        2,
    )
    nothing = run("delete", "--index", index, *old)
    assert nothing.stdout.startswith("No crop was selected: generation 2 of ")
    for wrong in (["--where", "camera"], ["--older-than", "soon"], [], ["--id", "f" * 20]):
        refused = run("delete", "--index", index, *wrong)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith("error: ")
    assert len(ids_of(index)) == 4
