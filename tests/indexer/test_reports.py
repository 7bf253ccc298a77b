import json
from pathlib import Path

from indexer import reports
from indexer.build import BuildReport, build
from indexer.preparation import BuildOptions
from indexer.verification import verify_index
from tests.fakes import ColourEncoder


def test_a_clean_build_is_told_in_three_lines(built: BuildReport, index: Path) -> None:
    lines = list(reports.build_lines(index, built))
    assert lines[0].startswith("Indexed 5 of 5 files in ")
    assert lines[0].endswith(
        ": 5 encoded, 0 known before; 0 copies of others. The gallery has 5 crops."
    )
    assert lines[1:] == [
        f"Generation 1 of {str(index)!r} is published.",
        f"Search it: python -m service --index {index}",
    ]


def test_everything_that_was_not_indexed_is_told(
    crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    for number in range(7):
        (crops / f"broken [red]\x1b{number}.jpg").touch()
    (crops / ".hidden").touch()
    (crops / "notes.txt").touch()
    (tmp_path / "m.csv").write_text("path\nblack.jpeg\ngone.jpg\n")
    options = BuildOptions(metadata=tmp_path / "m.csv", model_source="/models/colour")
    report = build(crops, index, encoder, options)
    lines = list(reports.build_lines(index, report))
    assert lines[0].startswith("Indexed 5 of 12 files in ")
    assert lines[1:3] == [
        "Skipped hidden: 1, other files: 1.",
        "Metadata: 2 lines, 1 of them without a crop; 4 crops without a line.",
    ]
    assert lines[3] == f"Quarantined 7, see {report.folder / 'quarantine.jsonl'}:"
    assert lines[4] == r"  'broken [red]\x1b0.jpg': the file is empty"
    assert lines[9] == "  and 2 more"
    assert lines[-1].endswith(f"--index {index} --model /models/colour")


def test_the_object_of_a_build_is_json_with_every_count(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    (crops / "broken.jpg").touch()
    report = build(crops, index, encoder)
    value = json.loads(json.dumps(reports.build_object(index, report)))
    assert value["generation"] == 1
    assert value["counts"]["indexed"] == 5
    assert value["counts"]["quarantined"] == 1
    assert value["quarantined"] == [{"path": "broken.jpg", "reason": "the file is empty"}]
    assert Path(value["quarantine_file"]).is_file()
    assert value["model"]["fingerprint"] == encoder.card.fingerprint()
    assert value["warnings"] == []


def test_a_verification_ends_with_its_verdict(built: BuildReport, index: Path) -> None:
    sound = verify_index(index)
    assert (
        list(reports.verify_lines(index, sound))[-1] == f"Generation 1 of {str(index)!r} is sound."
    )
    assert reports.verify_object(index, sound)["sound"] is True
    (built.folder / "000001" / "index.faiss").unlink()
    damaged = verify_index(index)
    assert list(reports.verify_lines(index, damaged))[-2:] == [
        "problem: 000001/index.faiss cannot be read: No such file or directory",
        f"Generation 1 of {str(index)!r} is damaged. Build the index again.",
    ]
    assert reports.verify_object(index, damaged)["sound"] is False


def test_info_names_what_a_user_asks_for(built: BuildReport) -> None:
    text = "\n".join(reports.info_lines(built.folder, built.manifest, [3, 4]))
    for part in (
        " by build\nothers       3, 4\n",
        "crops        5 indexed, 0 quarantined",
        "segment      000001: 5 rows, index scalar-fp16",
        "deleted      0 rows",
        f"crops from   {built.manifest.source}",
        "model        colour, load it as 'default'",
        built.manifest.model.fingerprint,
        "metadata     none",
        "known answer 'woman in red coat': ",
    ):
        assert part in text
