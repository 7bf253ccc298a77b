"""The whole job with the commands a newcomer types: render, index, serve, describe, find."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import httpx
import pytest

from tests.end_to_end.commands import run, serving
from tests.end_to_end.demo_precision import (
    DEPTH,
    Attributes,
    ask,
    colour_questions,
    read_attributes,
)

PEOPLE, SIGHTINGS = 200, 2


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "gallery"
    result = run(
        *("training", "render", "--people", str(PEOPLE), "--sightings", str(SIGHTINGS)),
        *("--seed", "777", "--out", folder),
    )
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def index(rendered: Path) -> Path:
    folder = rendered.parent / "index"
    result = run(
        *("indexer", "build", "--crops", rendered / "crops"),
        *("--metadata", rendered / "metadata.csv", "--index", folder, "--json"),
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["indexed"] == PEOPLE * SIGHTINGS
    return folder


@pytest.fixture(scope="module")
def service(index: Path) -> Iterator[httpx.Client]:
    with serving(index) as client:
        yield client


@pytest.fixture(scope="module")
def attributes(rendered: Path) -> dict[str, Attributes]:
    return read_attributes(rendered)


def test_red_coats_come_first(service: httpx.Client, attributes: dict[str, Attributes]) -> None:
    answer = service.post("/search", json={"text": "woman in red coat", "limit": 5}).json()
    colours = [attributes[result["path"]]["upper_colour"] for result in answer["results"]]
    assert colours.count("red") >= 4
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3, 4, 5]
    assert all(result["camera"] and result["captured_at"] for result in answer["results"])


def test_both_paths_of_the_interface_answer_the_same(service: httpx.Client) -> None:
    request = {"text": "man with a backpack"}
    first, second = (service.post(path, json=request) for path in ("/search", "/v1/search"))
    assert first.status_code == second.status_code == 200
    assert first.json()["results"] == second.json()["results"]
    assert len(first.json()["results"]) == 20


def test_the_crop_that_is_shown_is_the_file_that_was_indexed(
    service: httpx.Client, rendered: Path
) -> None:
    hit = service.post("/search", json={"text": "person in white"}).json()["results"][0]
    crop = service.get(hit["crop_url"])
    assert crop.content == (rendered / "crops" / hit["path"]).read_bytes()
    assert crop.headers["content-type"] == "image/jpeg"
    assert service.get(hit["thumbnail_url"]).headers["content-type"] == "image/webp"


def test_the_service_says_that_it_is_ready(service: httpx.Client) -> None:
    assert service.get("/healthz").status_code == 200
    assert service.get("/readyz").status_code == 200
    assert "descry_search_requests_total" in service.get("/metrics").text
    assert "woman in red coat" in service.get("/").text


def test_colours_of_garments_are_found(rendered: Path, index: Path) -> None:
    answers = ask(rendered, index, colour_questions())
    crops = PEOPLE * SIGHTINGS
    common = [answer for answer in answers if answer.share * crops >= DEPTH]
    assert len(common) >= 8
    assert mean(answer.precision for answer in common) >= 0.6
    assert mean(answer.share for answer in common) < 0.25


def test_a_folder_of_one_s_own_is_indexed_as_far_as_it_can_be_read(
    rendered: Path, tmp_path: Path
) -> None:
    crops = tmp_path / "my pictures"
    crops.mkdir()
    for number, path in enumerate(sorted((rendered / "crops").rglob("*.jpg"))[:6]):
        (crops / f"ein Bild nº {number}.jpg").write_bytes(path.read_bytes())
    (crops / "notes.jpg").write_text("no picture")
    result = run("indexer", "build", "--crops", crops, "--index", tmp_path / "index")
    assert result.returncode == 3
    assert "notes.jpg" in result.stdout + result.stderr
    verified = run("indexer", "verify", "--index", tmp_path / "index", "--json")
    assert verified.returncode == 0, verified.stderr
    told = run("indexer", "info", "--index", tmp_path / "index", "--json")
    assert json.loads(told.stdout)["manifest"]["counts"]["indexed"] == 6
