"""The whole query model over HTTP: requests, answers, problems."""

import io
import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from PIL import Image

from indexer.gallery import open_gallery
from service.bounded_bodies import IMAGE_BODY_LIMIT_BYTES
from service.cursors import CursorSigner
from tests.service.conftest import Service, serving
from tests.service.test_bad_requests import assert_problem
from tests.service.two_stages import SIZE, TwoStageEncoder, build_two_stage_gallery


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    index = build_two_stage_gallery(tmp_path_factory.mktemp("two stages"))
    encoder = TwoStageEncoder()
    with (
        closing(open_gallery(index, encoder.card)) as gallery,
        serving(encoder, gallery) as running,
    ):
        yield running


def post(service: Service, body: dict[str, object]) -> httpx.Response:
    return service.client.post("/v1/search", json=body)


def ok(service: Service, body: dict[str, object]) -> dict[str, Any]:
    response = post(service, body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def picture(size: tuple[int, int] = (8, 16), image_format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (255, 255, 51)).save(file, image_format)
    return file.getvalue()


def post_image(
    service: Service, image: bytes, query: dict[str, object] | str | None = None
) -> httpx.Response:
    data = (
        {} if query is None else {"query": query if isinstance(query, str) else json.dumps(query)}
    )
    return service.client.post("/search/image", files={"image": ("a.png", image)}, data=data)


def test_every_field_may_be_given_at_once(two_stages: Service) -> None:
    plain = ok(two_stages, {"text": "red coat", "limit": 3})
    liked, unliked = (plain["results"][place]["id"] for place in (0, 2))
    answer = ok(
        two_stages,
        {
            "text": "woman in red coat",
            "like": [liked],
            "not": ["blue", unliked],
            "text_weight": 1,
            "like_weight": 0.5,
            "not_weight": 0.25,
            "filters": {
                "camera": ["north", "west"],
                "floor": {"lt": 3},
                "captured_at": {"gte": "2026-03-14T08:00:00Z"},
            },
            "limit": 5,
            "sort": "relevance",
            "min_score": -1,
            "rerank": {"method": "auto", "k": 50, "alpha": 0.5, "beta": 0.1, "deadline_ms": 30_000},
            "explain": True,
            "purpose": "a lost child",
        },
    )
    assert answer["reranked_by"] == ["parts", "visual_neighbours"]
    assert len(answer["results"]) == 5
    for result in answer["results"]:
        assert result["camera"] in ("north", "west")
        assert result["metadata"]["floor"] < 3
        assert -1 <= result["first_stage_score"] <= 1
        assert 0 <= result["neighbour_overlap"] <= 1
        assert result["second_stage_score"] is not None
        phrases = [(each["phrase"], each["wanted"]) for each in result["phrases"]]
        assert phrases == [("woman", True), ("red coat", True), ("blue", False)]
        assert all(each["present"] == (each["strength"] > 0) for each in result["phrases"])
    assert answer["warnings"] == []


def test_an_explanation_without_parts_is_by_the_phrases_own_vectors(service: Service) -> None:
    answer = ok(service, {"text": "red coat", "not": ["white"], "explain": True, "limit": 24})
    for place, expected in enumerate(("red 0.png", "white 0.png")):
        strongest = max(answer["results"], key=lambda each: each["phrases"][place]["strength"])
        assert strongest["path"] == expected
        assert strongest["phrases"][place]["present"] is True
        assert strongest["phrases"][1 - place]["present"] is False
    strengths = [result["phrases"][0]["strength"] for result in answer["results"]]
    # Standardised over all 24 crops.
    assert sum(strengths) == pytest.approx(0, abs=0.02)
    assert sum(each**2 for each in strengths) / 24 == pytest.approx(1, abs=0.01)


def test_pages_over_http_show_every_crop_once(two_stages: Service) -> None:
    body: dict[str, object] = {"text": "red", "limit": 13, "rerank": {"method": "auto", "k": 20}}
    whole = [each["id"] for each in ok(two_stages, body | {"limit": 200})["results"]]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = ok(two_stages, body | {"cursor": cursor})
        found += [each["id"] for each in page["results"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole
    assert len(found) == SIZE


def test_a_cursor_that_was_tampered_with_or_is_of_another_query_is_refused(
    two_stages: Service,
) -> None:
    cursor = ok(two_stages, {"text": "red", "limit": 5})["next_cursor"]
    swapped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for body in (
        {"text": "red", "limit": 5, "cursor": swapped[:50] + "x" + swapped[51:]},
        {"text": "red", "limit": 5, "cursor": "nonsense"},
        {"text": "blue", "limit": 5, "cursor": cursor},
    ):
        problem = assert_problem(post(two_stages, body), 422, "request-invalid")
        assert [error["field"] for error in problem["errors"]] == ["cursor"]


def test_a_cursor_whose_time_or_generation_is_over_is_gone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    encoder = TwoStageEncoder()
    body: dict[str, object] = {"text": "red", "limit": 5}
    cursors: list[str] = []
    problems: list[str] = []
    for signer in (CursorSigner(b"shared"), CursorSigner(b"shared", ttl_s=-1)):
        index = build_two_stage_gallery(tmp_path_factory.mktemp("generation"))
        with (
            closing(open_gallery(index, encoder.card)) as gallery,
            serving(encoder, gallery, signer=signer) as running,
        ):
            cursors.append(ok(running, body)["next_cursor"])
            if len(cursors) == 2:
                for cursor in cursors:
                    gone = post(running, body | {"cursor": cursor})
                    problems.append(assert_problem(gone, 410, "cursor-expired")["detail"])
    assert "another generation" in problems[0]
    assert "has expired" in problems[1]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"text": "red", "filters": {"colour": "red"}}, "filters", "there is no column 'colour'"),
        ({"text": "red", "filters": {"camera": 5}}, "filters", "cannot be compared with 5"),
        ({"text": "red", "filters": {"camera": {"gte": "a"}}}, "filters", "give numbers"),
        ({"text": "red", "filters": {"captured_at": "noon"}}, "filters", "is no time"),
        ({"text": "red", "filters": {"camera": {"like": 1}}}, "filters.camera.like", "known field"),
        ({"text": "red", "filters": {"camera": {}}}, "filters.camera", "says nothing"),
        ({"like": "0" * 20}, "like", "no crop has the id"),
        ({"text": "red", "not": "0" * 20}, "not", "no crop has the id"),
        ({"not": "red"}, "text", "text is missing"),
        ({"text": "red", "not": "red", "not_weight": 1}, "not", "cancel each other"),
        ({"text": "red", "text_weight": 0}, "text_weight", "above 0"),
        ({"text": "red", "text_weight": "1"}, "text_weight", '"1"'),
        ({"text": "red", "not": ["\x00"]}, "not.0", "control character"),
        ({"text": "red", "not": ["a"] * 11}, "not", "at most 10"),
        ({"text": "red", "sort": "camera"}, "sort", "'relevance' or 'time'"),
        ({"text": "red", "min_score": 2}, "min_score", "less than or equal to 1"),
        ({"text": "red", "rerank": {"k": 501}}, "rerank.k", "less than or equal to 500"),
        ({"text": "red", "rerank": {"method": "rvn", "alpha": 1}}, "rerank", "alpha weighs parts"),
        ({"text": "red", "rerank": {"method": "mia"}}, "rerank.method", "not 'mia'"),
        ({"text": "red", "rerank": {"speed": 1}}, "rerank.speed", "known field"),
        ({"text": "red", "explain": 1}, "explain", "boolean"),
        ({"text": "red", "purpose": ""}, "purpose", "at least 1 character"),
        ({"text": "red", "image_weight": 1}, "image_weight", "known field"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    two_stages: Service, body: dict[str, object], field: str, said: str
) -> None:
    problem = assert_problem(post(two_stages, body), 422, "request-invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert said in problem["detail"]


def test_what_an_index_has_nothing_stored_for_says_how_to_store_it(service: Service) -> None:
    for method, said in (("rvn", "--neighbours 20"), ("nafs", "no second stage")):
        body: dict[str, object] = {"text": "red", "rerank": {"method": method}}
        problem = assert_problem(post(service, body), 422, "request-invalid")
        assert said in problem["detail"]


def test_a_missed_deadline_is_a_warning(two_stages: Service) -> None:
    answer = ok(two_stages, {"text": "red", "rerank": {"method": "auto", "deadline_ms": 0.001}})
    assert answer["reranked_by"] == []
    (warning,) = answer["warnings"]
    assert warning.startswith("rerank_skipped_deadline: ")


def test_a_negative_that_the_service_refuses_is_not_logged(
    two_stages: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    ok(two_stages, {"text": "confidential person", "not": ["secret hat"], "purpose": "hidden"})
    post(two_stages, {"text": "confidential person", "filters": {"secret": "hidden"}})
    logged = capsys.readouterr().out
    assert "text_length=19" in logged
    for word in ("confidential", "secret", "hidden"):
        assert word not in logged


def test_a_picture_is_a_complete_query(two_stages: Service) -> None:
    response = post_image(two_stages, picture())
    assert response.status_code == 200, response.text
    answer = response.json()
    assert len(answer["results"]) == 20
    scores = [result["score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    as_jpeg = post_image(two_stages, picture(image_format="JPEG")).json()
    assert as_jpeg["results"][0]["id"] == answer["results"][0]["id"]


def test_a_picture_goes_with_the_rest_of_a_query_and_has_pages(two_stages: Service) -> None:
    query: dict[str, object] = {
        "text": "blue",
        "not": ["red"],
        "image_weight": 0.5,
        "filters": {"camera": "north"},
        "limit": 9,
    }
    whole = post_image(two_stages, picture(), query | {"limit": 200}).json()
    first = post_image(two_stages, picture(), query).json()
    rest = post_image(
        two_stages, picture(), query | {"cursor": first["next_cursor"], "limit": 200}
    ).json()
    assert first["results"] + rest["results"] == whole["results"]
    assert whole["matching"] == 20
    other = post_image(two_stages, picture((9, 16)), query | {"cursor": first["next_cursor"]})
    assert "another query" in assert_problem(other, 422, "request-invalid")["detail"]


def test_the_picture_of_an_indexed_crop_finds_that_crop(two_stages: Service) -> None:
    wanted = ok(two_stages, {"text": "purple", "limit": 1})["results"][0]
    content = two_stages.client.get(wanted["crop_url"]).content
    found = post_image(two_stages, content, {"limit": 1}).json()["results"][0]
    assert found["id"] == wanted["id"]
    assert found["score"] == pytest.approx(1, abs=1e-3)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be large, and holds no pixels."""
    small = bytearray(picture())
    small[16:24] = width.to_bytes(4) + height.to_bytes(4)
    # The checksum of the header, so that Pillow believes it.
    small[29:33] = zlib.crc32(bytes(small[12:29])).to_bytes(4)
    return bytes(small)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"GIF89a", "not a JPEG, PNG, WebP or BMP image"),
        (picture((64, 64), "JPEG")[:-20], "broken"),
        (png_header(8000, 5001), "too many pixels: 8000x5001, at most 40,000,000"),
        (png_header(60_000, 60_000), "too many pixels"),
        (picture((4, 4)), "too small"),
    ],
)
def test_a_picture_that_cannot_be_read_is_a_problem(
    two_stages: Service, content: bytes, said: str
) -> None:
    problem = assert_problem(post_image(two_stages, content), 422, "image-unreadable")
    assert said in problem["detail"]


def test_a_picture_of_more_than_ten_megabytes_is_refused(two_stages: Service) -> None:
    content = picture() + b"\0" * IMAGE_BODY_LIMIT_BYTES
    problem = assert_problem(post_image(two_stages, content), 413, "body-too-large")
    assert "at most 10000000 bytes" in problem["detail"]
    assert post_image(two_stages, picture()).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("{", 400, "json-malformed"),
        ("[" * 100_000, 400, "json-malformed"),
        ("[]", 422, "request-invalid"),
        ('{"limit": 0}', 422, "request-invalid"),
        ('{"texts": "red"}', 422, "request-invalid"),
        ('{"text": "\\ud800"}', 422, "request-invalid"),
    ],
)
def test_a_query_beside_a_picture_is_checked_like_any_other(
    two_stages: Service, query: str, status: int, kind: str
) -> None:
    assert_problem(post_image(two_stages, picture(), query), status, kind)


def test_a_form_without_a_picture_or_of_another_kind_is_refused(two_stages: Service) -> None:
    client = two_stages.client
    missing = client.post("/search/image", files={"other": ("a.png", picture())})
    problem = assert_problem(missing, 422, "request-invalid")
    assert [error["field"] for error in problem["errors"]] == ["image"]
    text = client.post("/search/image", files={"x": (None, "y")}, data={"image": "red"})
    assert_problem(text, 422, "image-unreadable")
    wrong = client.post("/search/image", json={"text": "red"})
    assert "-F image=@crop.jpg" in assert_problem(wrong, 415, "media-type-unsupported")["detail"]
    broken = client.post(
        "/search/image",
        content=b"--x\r\nnonsense",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert broken.status_code in (400, 422)
    assert broken.headers["content-type"] == "application/problem+json"
