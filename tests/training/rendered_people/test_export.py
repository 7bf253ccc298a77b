import csv
import json
import re
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ConfigurationInvalid
from training.datasets.rendered_people import export
from training.datasets.rendered_people.attributes import encode_values
from training.datasets.rendered_people.export import ExportReport, export_people
from training.datasets.rendered_people.population import Population, member, sight

SIZE = (32, 96)


def export_twelve(out: Path, *, seed: int = 5, workers: int = 1) -> ExportReport:
    return export_people(out, people=12, sightings=3, seed=seed, size=SIZE, workers=workers)


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "people"
    report = export_twelve(out)
    assert report == ExportReport(12, 36, 6, out / "metadata.csv", out / "attributes.jsonl")
    return out


def test_every_crop_has_metadata_and_attributes(exported: Path) -> None:
    crops = {str(path.relative_to(exported / "crops")) for path in exported.rglob("*.jpg")}
    lines = (exported / "attributes.jsonl").read_text().splitlines()
    assert len(crops) == 36
    assert {row["path"] for row in rows_of(exported)} == crops
    assert {json.loads(line)["path"] for line in lines} == crops


def test_the_folder_holds_nothing_else(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {
        "crops", "metadata.csv", "attributes.jsonl", "export.json",
    }  # fmt: skip


def test_metadata_has_the_columns_of_a_gallery(exported: Path) -> None:
    rows = rows_of(exported)
    assert list(rows[0]) == ["path", "camera", "captured_at", "track_id"]
    for row in rows:
        assert row["path"].startswith(f"{row['camera']}/")
        assert re.fullmatch(r"cam_[1-6]", row["camera"])
        assert datetime.fromisoformat(row["captured_at"]).tzinfo is not None


def test_names_do_not_tell_attributes(exported: Path) -> None:
    for row in rows_of(exported):
        assert re.fullmatch(r"cam_\d/\d{6}_\d{2}\.jpg", row["path"])


def test_a_person_is_seen_within_minutes_by_several_cameras(exported: Path) -> None:
    moments: dict[str, list[datetime]] = defaultdict(list)
    cameras: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(exported):
        person = row["path"].split("/")[1][:6]
        moments[person].append(datetime.fromisoformat(row["captured_at"]))
        cameras[person].add(row["camera"])
    assert len(moments) == 12
    for person, times in moments.items():
        assert max(times) - min(times) <= timedelta(minutes=20)
        assert len(cameras[person]) == 3
    assert len({moment.date() for times in moments.values() for moment in times}) == 1


def test_a_track_is_one_person_at_one_camera(tmp_path: Path) -> None:
    export_people(tmp_path / "out", people=2, sightings=8, seed=5, size=(16, 48), workers=1)
    tracks: dict[str, set[tuple[str, str]]] = defaultdict(set)
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows_of(tmp_path / "out"):
        owner = (row["camera"], row["path"].split("/")[1][:6])
        tracks[row["track_id"]].add(owner)
        owners[owner].add(row["track_id"])
    assert all(len(found) == 1 for found in tracks.values())
    assert all(len(found) == 1 for found in owners.values())


def test_attributes_are_those_of_the_picture(exported: Path) -> None:
    lines = (exported / "attributes.jsonl").read_text().splitlines()
    entries = {entry["path"]: entry for entry in map(json.loads, lines)}
    for entry in entries.values():
        assert (encode_values(entry["attributes"]) >= -1).all()
    path = next(path for path in entries if path.endswith("000007_02.jpg"))
    rendering = sight(5, member(5, 7), 2, SIZE)
    assert entries[path]["person_id"] == 7
    assert entries[path]["attributes"] == rendering.attributes
    with Image.open(exported / "crops" / path) as stored:
        difference = np.asarray(stored).astype(int) - np.asarray(rendering.image)
    assert np.abs(difference).mean() < 6  # what JPEG at quality 90 takes away


def test_equal_seeds_give_equal_bytes(exported: Path, tmp_path: Path) -> None:
    export_twelve(tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(exported)


def test_another_seed_gives_other_people(exported: Path, tmp_path: Path) -> None:
    export_twelve(tmp_path / "other", seed=6)
    there = contents(tmp_path / "other")
    assert (exported / "attributes.jsonl").read_bytes() != there["attributes.jsonl"]


def test_an_export_may_start_within_the_population(exported: Path, tmp_path: Path) -> None:
    export_people(
        tmp_path / "part", people=2, sightings=3, seed=5, first_person_id=10, size=SIZE, workers=1
    )
    part, whole = contents(tmp_path / "part"), contents(exported)
    crops = {path for path in part if path.endswith(".jpg")}
    assert {path.split("/")[-1][:6] for path in crops} == {"000010", "000011"}
    assert all(part[path] == whole[path] for path in crops)


def test_a_complete_export_is_left_alone(exported: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.rglob("*.jpg")}
    export_twelve(exported)
    assert {path: path.stat().st_mtime_ns for path in exported.rglob("*.jpg")} == before


def test_an_interrupted_export_is_finished_by_the_next(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(done: int, _total: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_people(out, people=12, sightings=3, seed=5, size=SIZE, workers=1, on_progress=stop)
    assert any(out.rglob("*.jpg"))
    assert not (out / "export.json").exists()
    monkeypatch.setattr(export, "_PEOPLE_PER_TASK", 5)  # how work is split must not matter
    export_twelve(out)
    assert contents(out) == contents(exported)


def test_an_interrupted_export_is_not_mixed_with_another(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_people(
            out, people=9, sightings=1, seed=5, size=(16, 48), workers=1, on_progress=stop
        )
    with pytest.raises(ConfigurationInvalid, match="another export"):
        export_people(out, people=9, sightings=1, seed=6, size=(16, 48), workers=1)


def test_another_export_is_not_overwritten(exported: Path) -> None:
    before = contents(exported)
    with pytest.raises(ConfigurationInvalid, match="another export"):
        export_twelve(exported, seed=6)
    assert contents(exported) == before


def test_a_folder_with_other_files_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(ConfigurationInvalid, match="is not empty"):
        export_twelve(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_progress_is_told_in_crops(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    export_people(
        tmp_path / "out", people=9, sightings=2, seed=5, size=(16, 48), workers=1,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(16, 18), (18, 18)]


@pytest.mark.parametrize(
    ("name", "value"), [("siblings", 0.6), ("evenness", -0.1), ("evenness", 1.5)]
)
def test_shares_that_cannot_be_are_refused(name: str, value: float, tmp_path: Path) -> None:
    options: dict[str, float] = {"siblings": 0.0, "evenness": 0.0, name: value}
    with pytest.raises(ConfigurationInvalid, match=f"{name}={value}"):
        export_people(
            tmp_path / "out", people=1, sightings=1, seed=5,
            siblings=options["siblings"], evenness=options["evenness"],
        )  # fmt: skip


def test_an_export_of_another_setting_is_another_export(exported: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="another export"):
        export_people(exported, people=12, sightings=3, seed=5, size=SIZE, setting="held_out")


def test_an_export_of_before_there_were_settings_is_the_same_export(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text(
        '{"people": 12, "sightings": 3, "seed": 5, "first_person_id": 0, "size": [32, 96], '
        '"renderer_version": 1}'
    )
    assert export_twelve(tmp_path).crops == 36
    assert [path.name for path in tmp_path.iterdir()] == ["export.json"]


def test_an_export_holds_the_people_of_its_population(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_people(
        out, people=4, sightings=1, seed=5, size=(32, 96), setting="varied", evenness=0.4,
        siblings=0.5, workers=1,
    )  # fmt: skip
    population = Population(5, "varied", 0.4, 0.5)
    for entry in map(json.loads, (out / "attributes.jsonl").read_text().splitlines()):
        person = population.member(entry["person_id"])
        assert entry["attributes"] == population.sight(person, 0, (32, 96)).attributes
