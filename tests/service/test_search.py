"""``POST /search``: the ranking, its wire format, and what is kept out of the logs."""

import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from indexer.gallery import Gallery
from models.contracts import Float32Array
from service.queries import SearchRequest
from tests.fakes import COLOURS, ColourEncoder
from tests.service.conftest import BACKGROUND, COAT_SHARES, CROP_SIZE, HOSTILE, Service, serving


def expected_scores(colour: str) -> dict[str, float]:
    """The cosine of a colour word with the mean colour of each drawn crop, pixel by pixel."""
    asked = np.array(COLOURS[colour]) / np.sqrt(3)
    scores = {}
    for name, drawn in COLOURS.items():
        for place, share in enumerate(COAT_SHARES):
            coat_rows = round(CROP_SIZE[1] * share)
            rows = [[round((c + 1) * 127.5) for c in drawn]] * coat_rows
            rows += [list(BACKGROUND)] * (CROP_SIZE[1] - coat_rows)
            mean = np.mean(rows, axis=0) / 127.5 - 1
            scores[f"{name} {place}.png"] = float(mean @ asked / np.linalg.norm(mean))
    return scores


def search(service: Service, text: str, **more: object) -> httpx.Response:
    return service.client.post("/v1/search", json={"text": text, **more})


def test_crops_are_ranked_by_their_cosine_with_the_description(service: Service) -> None:
    results = search(service, "woman in red coat", limit=24).json()["results"]
    expected = expected_scores("red")
    assert {result["path"] for result in results} == set(expected)
    for result in results:
        assert result["score"] == pytest.approx(
            expected[result["path"]], abs=1e-3
        )  # stored in fp16
    assert [result["rank"] for result in results] == list(range(1, 25))
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert [result["path"] for result in results[:3]] == ["red 0.png", "red 1.png", "red 2.png"]


def test_both_addresses_give_the_same_ranking(service: Service) -> None:
    body = {"text": "a blue top", "limit": 5}
    answers = [service.client.post(path, json=body).json() for path in ("/search", "/v1/search")]
    assert answers[0]["results"] == answers[1]["results"]
    assert answers[0]["query_id"] != answers[1]["query_id"]


def test_an_answer_has_every_field_of_the_wire_format(service: Service, gallery: Gallery) -> None:
    answer = search(service, "green", limit=1).json()
    uuid.UUID(answer["query_id"])
    assert answer["index"] == {"name": "drawn", "generation": 1, "size": 24}
    fingerprint = ColourEncoder().card.fingerprint()
    assert answer["model"] == {"name": "colour", "fingerprint": fingerprint}
    assert answer["warnings"] == []
    assert answer["matching"] == 24
    assert answer["reranked_by"] == []
    assert set(answer["timings_ms"]) == {"encode", "search", "rerank", "total"}
    (result,) = answer["results"]
    crop = gallery.crop(result["id"])
    assert crop is not None
    assert crop.path == "green 0.png"
    assert result == {
        "rank": 1,
        "id": crop.id,
        "score": pytest.approx(1, abs=1e-3),
        "first_stage_rank": 1,
        "first_stage_score": result["score"],
        "second_stage_score": None,
        "neighbour_overlap": None,
        "crop_url": f"/v1/crops/{crop.id}",
        "thumbnail_url": f"/v1/crops/{crop.id}/thumbnail",
        "path": "green 0.png",
        "camera": "gate 0",
        "captured_at": "2026-03-14T08:01:00Z",
        "track_id": "track-1",
        "metadata": {"note": HOSTILE},
        "phrases": [],
    }
    assert service.client.get(result["crop_url"]).headers["content-type"] == "image/png"


def test_twenty_crops_are_returned_unless_told_otherwise(service: Service) -> None:
    assert len(search(service, "red").json()["results"]) == 20


def test_a_limit_above_the_size_of_the_gallery_returns_all_of_it(service: Service) -> None:
    assert len(search(service, "red", limit=200).json()["results"]) == 24


def test_the_stages_add_up_to_no_more_than_the_total(service: Service) -> None:
    timings = search(service, "red").json()["timings_ms"]
    assert timings["encode"] >= 0
    assert timings["search"] >= 0
    assert timings["encode"] + timings["search"] <= timings["total"] + 0.002


@pytest.mark.parametrize(
    "text",
    [
        "👩‍🦰🧥 woman in red",
        "👩",
        "\U0001fae8",
        "امرأة ترتدي معطفا أحمر",
        "woman <|endoftext|> in red",
        "<|endoftext|>",
        "<|startoftext|>",
        '"; DROP TABLE crops; -- <script>',
        "x",
        "a" * 1000,
        f"  {'a' * 1000}\n",
        "\u202ewoman in red",
        "%00 ../../etc/passwd",
    ],
)
def test_any_visible_text_is_an_ordinary_description(service: Service, text: str) -> None:
    response = search(service, text)
    assert response.status_code == 200, response.text
    assert len(response.json()["results"]) == 20


def test_white_space_around_and_between_words_does_not_matter() -> None:
    request = SearchRequest(text=" \t woman\n in\r\n\u00a0\u2028red  coat ")
    assert request.text == "woman in red coat"


class FailingEncoder(ColourEncoder):
    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        raise RuntimeError(f"cannot encode {texts}")


class PhraseFailingEncoder(ColourEncoder):
    """Fails at parts of descriptions, in lower case, not at whole ones."""

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        if texts[0].islower():
            raise RuntimeError(f"cannot encode {texts}")
        return super().encode_texts(texts)


def test_a_phrase_that_cannot_be_encoded_is_not_logged(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(PhraseFailingEncoder(), gallery) as service:
        response = search(service, "Somebody with a Secret Hat", explain=True)
        assert response.status_code == 500
    logged = capsys.readouterr().out
    assert "cannot encode ['(the text)']" in logged
    assert "secret" not in logged.lower()


class ShapelessEncoder(ColourEncoder):
    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        return np.full((len(texts), 3), np.nan, np.float32)


@pytest.mark.parametrize("encoder", [FailingEncoder(), ShapelessEncoder()])
def test_a_failing_encoder_is_a_problem_and_is_counted(
    encoder: ColourEncoder, gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(encoder, gallery) as service:
        response = search(service, "somebody secret")
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["type"] == "urn:descry:problem:internal"
        assert "secret" not in response.text
        assert "Traceback" not in response.text
        metrics = service.client.get("/metrics").text
        assert 'descry_search_requests_total{outcome="error"} 1.0' in metrics
        assert service.client.get("/healthz").status_code == 200
        assert service.client.get("/readyz").status_code == 503
    logged = capsys.readouterr().out
    assert "search_failed" in logged
    assert "secret" not in logged


def test_descriptions_are_not_logged(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    answer = search(service, "confidential person").json()
    service.client.get("/", params={"q": "confidential person"})
    search(service, "confidential\x00")
    logged = capsys.readouterr().out
    assert answer["query_id"] in logged
    assert "text_length=19" in logged
    assert "confidential" not in logged


class LonelyEncoder(ColourEncoder):
    """Notes whether it was ever called while it was at work."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work = threading.Semaphore(1)
        self.disturbed = False

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        if not self.at_work.acquire(blocking=False):
            self.disturbed = True
            return super().encode_texts(texts)
        time.sleep(0.002)
        self.at_work.release()
        return super().encode_texts(texts)


def test_searches_at_the_same_time_do_not_mix_and_do_not_meet_in_the_encoder(
    gallery: Gallery,
) -> None:
    encoder = LonelyEncoder()
    colours = [name for name in COLOURS for _ in range(8)]
    with serving(encoder, gallery) as service, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda colour: search(service, colour, limit=1).json(), colours))
    found = [answer["results"][0]["path"] for answer in answers]
    assert [path.split()[0] for path in found] == colours
    assert not encoder.disturbed
