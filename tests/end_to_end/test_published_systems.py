"""Each published system, from the files its authors leave to an answered search.

The same two commands as for the default model. For NAFS and MIA the scores that come back over
HTTP are those recorded from the authors' own evaluation of the same crops and captions.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.gallery import open_gallery
from models.cli import app
from models.loading import load_encoder
from tests.end_to_end import published_folders
from tests.end_to_end.commands import run, serving
from tests.end_to_end.published_folders import read_recorded

FOLDERS: dict[str, Callable[[Path], Path]] = {
    "IRRA": published_folders.irra,
    "AGM-IRRA": published_folders.agm_irra,
    "SG-IHA": published_folders.sg_iha,
    "NAFS": published_folders.nafs,
    "MIA": published_folders.mia,
}
CROPS = {"NAFS": published_folders.nafs_crops, "MIA": published_folders.mia_crops}
TWO_STAGES = ("NAFS", "MIA")
CLASSES = {"IRRA": 20, "AGM-IRRA": 20, "SG-IHA": 20, "NAFS": 12, "MIA": 4}
RECORDED = 5e-5  # of a cosine; NumPy, Pillow and two decoders lie between


@pytest.fixture(scope="module", params=FOLDERS)
def system(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def model(system: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FOLDERS[system](tmp_path_factory.mktemp(system))


@pytest.fixture(scope="module")
def crops(system: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    CROPS.get(system, published_folders.mia_crops)(folder)
    return folder


@pytest.fixture(scope="module")
def index(model: Path, crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "index"
    built = run(
        *("indexer", "build", "--crops", crops, "--index", folder),
        *("--model", model, "--precision", "fp32", "--json"),
    )
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["counts"]["indexed"] == 12
    return folder


@pytest.fixture(scope="module")
def service(index: Path) -> Iterator[httpx.Client]:
    with serving(index, "--precision", "fp32") as client:
        yield client


def scores(service: httpx.Client, text: str) -> dict[str, float]:
    answer = service.post("/search", json={"text": text, "limit": 12})
    assert answer.status_code == 200, answer.text
    return {hit["path"]: hit["score"] for hit in answer.json()["results"]}


@pytest.mark.slow
def test_a_published_folder_is_indexed_and_searched_like_the_default_model(
    system: str, service: httpx.Client
) -> None:
    found = scores(service, "The woman wears a red shirt.")
    assert len(found) == 12
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert service.post("/search", json={"text": "red"}).json()["model"]["name"].startswith(system)
    if system in TWO_STAGES:
        compare_with_recording(system, service)


def compare_with_recording(system: str, service: httpx.Client) -> None:
    """Ask every recorded caption and compare each score with the authors' code."""
    paths, captions, similarity = RECORDINGS[system]()
    assert similarity.shape == (len(captions), len(paths)) == (24, 12)
    found = [scores(service, caption) for caption in captions]
    table = np.array([[answer[path] for path in paths] for answer in found])
    assert np.abs(table - similarity).max() <= RECORDED
    assert similarity.std() > 100 * RECORDED  # else equality would say little


def nafs_recording() -> tuple[list[str], list[str], np.ndarray]:
    cases = read_recorded("nafs")["cases"]
    rows, unique = cases["data"]["test_rows"], cases["data"]["test_unique"]
    paths = [row[0] for row, first in zip(rows, unique, strict=True) if first]
    similarity = cases["test_py_end_to_end"]["sim_global"].numpy()  # (images, texts)
    return paths, [row[1] for row in rows], similarity.T


def mia_recording() -> tuple[list[str], list[str], np.ndarray]:
    cases = read_recorded("mia")["cases"]
    captions = [caption for item in cases["data"]["val_anns"] for caption in item["captions"]]
    distance = cases["evaluate_np"]["score_global"].numpy()
    return cases["data"]["gallery_order"], captions, 1 - distance


RECORDINGS = {"NAFS": nafs_recording, "MIA": mia_recording}


@pytest.mark.slow
def test_inspecting_tells_what_the_file_holds(system: str, model: Path) -> None:
    told = CliRunner().invoke(app, ["inspect", str(model), "--json"])
    assert told.exit_code == 0, told.stderr
    description = json.loads(told.stdout)
    assert description["second_stage"] == ("yes" if system in TWO_STAGES else "no")
    assert description["method"] == system
    assert description["classes"] == CLASSES[system]
    assert description["training_only"]


@pytest.mark.slow
def test_a_converted_model_opens_the_index_of_its_original(
    model: Path, index: Path, tmp_path: Path
) -> None:
    converted = CliRunner().invoke(app, ["convert", str(model), str(tmp_path / "converted")])
    assert converted.exit_code == 0, converted.stderr
    encoder = load_encoder(tmp_path / "converted", device="cpu", precision="fp32")
    assert f"fingerprint:     {encoder.card.fingerprint()}" in converted.stdout
    original = load_encoder(model, device="cpu", precision="fp32")
    texts = ["A man in black trousers with a bag", "red"]
    assert np.array_equal(encoder.encode_texts(texts), original.encode_texts(texts))
    with closing(open_gallery(index, encoder.card)) as gallery:
        assert gallery.size == 12
