"""Requests that cannot be answered: each gets a problem that names the value and the remedy."""

import http.client
import json
import socket
import time
from typing import Any

import httpx
import pytest

from service.bounded_bodies import BODY_LIMIT_BYTES
from tests.service.conftest import Service

JSON = {"content-type": "application/json"}


def assert_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:descry:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == response.request.url.path
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    return problem


def post(
    service: Service, body: bytes | str, headers: dict[str, str] | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else body.encode()
    return service.client.post("/search", content=content, headers=headers or JSON)


@pytest.mark.parametrize(
    ("body", "field", "code", "value"),
    [
        ("{}", "text", "missing", None),
        ('{"limit": 3}', "text", "missing", None),
        ('{"text": ""}', "text", "text_empty", '""'),
        ('{"text": "  \\t\\n "}', "text", "text_empty", '"  \\t\\n "'),
        ('{"text": "\\u200b\\ufeff"}', "text", "text_empty", '"\\u200b\\ufeff"'),
        ('{"text": "red\\u0000"}', "text", "text_control_character", '"red\\u0000"'),
        ('{"text": "\\u001b[31mred"}', "text", "text_control_character", '"\\u001b[31mred"'),
        ('{"text": "red\\u0085coat"}', "text", "text_control_character", '"red\\u0085coat"'),
        ('{"text": "red\\u007f"}', "text", "text_control_character", '"red\\u007f"'),
        ('{"text": "\\ud800"}', "text", "text_surrogate", '"\\ud800"'),
        ('{"text": "red \\udfff coat"}', "text", "text_surrogate", '"red \\udfff coat"'),
        ('{"text": null}', "text", "string_type", "null"),
        ('{"text": 5}', "text", "string_type", "5"),
        ('{"text": true}', "text", "string_type", "true"),
        ('{"text": NaN}', "text", "string_type", "NaN"),
        ('{"text": ["red"]}', "text", "string_type", "a list of 1"),
        ('{"text": {"a": 1}}', "text", "string_type", "an object"),
        ('{"text": "red", "limit": 0}', "limit", "greater_than_equal", "0"),
        ('{"text": "red", "limit": -1}', "limit", "greater_than_equal", "-1"),
        ('{"text": "red", "limit": 201}', "limit", "less_than_equal", "201"),
        ('{"text": "red", "limit": 1000000000}', "limit", "less_than_equal", "1000000000"),
        ('{"text": "red", "limit": "5"}', "limit", "int_type", '"5"'),
        ('{"text": "red", "limit": 5.0}', "limit", "int_type", "5.0"),
        ('{"text": "red", "limit": true}', "limit", "int_type", "true"),
        ('{"text": "red", "limit": null}', "limit", "int_type", "null"),
        ('{"text": "red", "limit": NaN}', "limit", "int_type", "NaN"),
        ('{"text": "red", "limit": 1e400}', "limit", "int_type", "Infinity"),
        ('{"text": "red", "limt": 5}', "limt", "extra_forbidden", "5"),
        ('{"text": "red", "li\\u0000t": 5}', "li\\u0000t", "extra_forbidden", "5"),
        ('{"text": "red", "\\ud800": 5}', "body", "string_unicode", '"\\ud800"'),
        ("[]", "body", "model_attributes_type", "a list of 0"),
        ('"woman in red coat"', "body", "model_attributes_type", '"woman in red coat"'),
        ("7", "body", "model_attributes_type", "7"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    service: Service, body: str, field: str, code: str, value: str | None
) -> None:
    problem = assert_problem(post(service, body), 422, "request-invalid")
    (error,) = problem["errors"]
    assert (error["field"], error["code"], error["value"]) == (field, code, value)
    assert problem["detail"] == error["message"]
    assert field in problem["detail"]


def test_the_detail_says_what_to_do(service: Service) -> None:
    details = {
        body: post(service, body).json()["detail"]
        for body in ('{"text": ""}', '{"text": "red", "limit": 0}', '{"text": "a\\u0000"}')
    }
    assert list(details.values()) == [
        'text is empty: describe a person, for example "woman in red coat"',
        "limit is 0: input should be greater than or equal to 1",
        "text has the control character U+0000 at position 1: remove it",
    ]


def test_every_wrong_field_is_named(service: Service) -> None:
    problem = assert_problem(
        post(service, '{"text": "", "limit": 0, "x": 1}'), 422, "request-invalid"
    )
    assert {error["field"] for error in problem["errors"]} == {"text", "limit", "x"}


def test_thousands_of_unknown_fields_give_a_short_answer(service: Service) -> None:
    body = json.dumps({"text": "red"} | {f"field{n}": n for n in range(3000)})
    response = post(service, body)
    problem = assert_problem(response, 422, "request-invalid")
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("and 2997 more")
    assert len(response.content) < 5000


@pytest.mark.parametrize("length", [1001, 60_000])
def test_a_long_text_is_refused_with_its_length(service: Service, length: int) -> None:
    problem = assert_problem(
        post(service, json.dumps({"text": "a" * length})), 422, "request-invalid"
    )
    assert str(length) in problem["detail"]
    assert len(problem["errors"][0]["value"]) == 80


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"text": "red"',
        b"text=red",
        b"{'text': 'red'}",
        b'{"text": "red"}}',
        b'\xff\xfe{"text": "red"}',
        b'{"text": "\xff"}',
        b'{"text": "a\x00b"}',
        b"[" * 60_000,
        b'{"text":' * 8000,
        b'{"text": "red", "limit": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_is_refused(service: Service, body: bytes) -> None:
    response = post(service, body)
    if body:
        assert_problem(response, 400, "json-malformed")
    else:
        assert_problem(response, 422, "request-invalid")


@pytest.mark.parametrize("depth", [50, 500, 900, 990])
def test_nested_json_is_refused_at_any_depth(service: Service, depth: int) -> None:
    response = post(service, '{"text": ' + "[" * depth + "]" * depth + "}")
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "given",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "json",
    ],
)
def test_another_content_type_is_refused(service: Service, given: str) -> None:
    response = post(service, '{"text": "red"}', {"content-type": given})
    problem = assert_problem(response, 415, "media-type-unsupported")
    assert "content-type: application/json" in problem["detail"]
    assert given in problem["detail"]


def test_a_character_set_may_follow_the_content_type(service: Service) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert post(service, '{"text": "red"}', headers).status_code == 200


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES + 1, 100_000, 900_000])
def test_a_large_body_is_refused_and_the_connection_lives_on(service: Service, size: int) -> None:
    body = json.dumps({"text": "a" * (size - 12)})
    assert len(body) == size
    with httpx.Client(base_url=service.url) as client:
        problem = assert_problem(
            client.post("/search", content=body, headers=JSON), 413, "body-too-large"
        )
        assert str(size) in problem["detail"]
        assert client.post("/search", json={"text": "red"}).status_code == 200


def test_a_body_at_the_limit_is_read(service: Service) -> None:
    body = json.dumps({"text": "red"}).ljust(BODY_LIMIT_BYTES)
    assert post(service, body).status_code == 200


def read_answer(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
        if b"\r\n\r\n" in received and received.endswith(b"}"):
            break
    return received


def test_a_body_of_a_gigabyte_is_refused_before_it_is_sent(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 1073741824\r\n\r\n"
        )
        started = time.monotonic()
        answer = read_answer(connection)
        assert time.monotonic() - started < 5
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        assert b"body-too-large" in answer
        assert connection.recv(1) == b""


def test_an_endless_chunked_body_is_cut_off(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        for _ in range(5):
            connection.sendall(chunk)
        answer = read_answer(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b'content-length: 100\r\n\r\n{"text"'
        )
    assert service.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/nope", "/v1", "/search/", "/v2/search", "/v1/v1/search", "/crops"]
)
def test_an_unknown_address_is_a_problem(service: Service, path: str) -> None:
    problem = assert_problem(service.client.get(path), 404, "not-found")
    assert path in problem["detail"]
    assert "/docs" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/search", "POST"),
        ("DELETE", "/v1/search", "POST"),
        ("PUT", "/healthz", "GET"),
        ("POST", "/v1/info", "GET"),
    ],
)
def test_another_method_is_a_problem_that_names_the_right_one(
    service: Service, method: str, path: str, allowed: str
) -> None:
    response = service.client.request(method, path)
    problem = assert_problem(response, 405, "method-not-allowed")
    assert allowed in response.headers["allow"]
    assert allowed in problem["detail"]


@pytest.mark.parametrize(
    "target",
    [
        "/v1/crops/../../../../etc/passwd",
        "/v1/crops/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/crops/%2e%2e/%2e%2e/etc/passwd",
        "/v1/crops/..",
        "/v1/crops/%00",
        "/v1/crops/a%00.png",
        "/v1/crops/%ff%fe",
        "/v1/crops/" + "a" * 10_000,
        "/v1/crops/%F0%9F%91%A9",
        "/v1/crops/unknown",
        "/v1/crops/unknown/thumbnail",
        "/v1/crops//thumbnail",
        "/crops/red%200.png",
        "/page/../app.py",
        "/page/..%2fapp.py",
        "/page/%2e%2e/settings.py",
        "/page/unknown.js",
    ],
)
def test_no_address_leads_out_of_the_gallery(service: Service, target: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", target)  # as it is: httpx would resolve the dots itself
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 404
    assert response.getheader("content-type") == "application/problem+json"
    assert len(body) < 1000
    problem = json.loads(body)
    assert problem["type"].rpartition(":")[2] in ("not-found", "crop-unknown")


def test_a_problem_of_an_unknown_crop_names_its_id(service: Service) -> None:
    problem = assert_problem(service.client.get("/v1/crops/unknown"), 404, "crop-unknown")
    assert "unknown" in problem["detail"]


def test_refused_searches_are_counted(service: Service) -> None:
    def refused() -> float:
        lines = service.client.get("/metrics").text.splitlines()
        (line,) = [
            n for n in lines if n.startswith('descry_search_requests_total{outcome="refused"}')
        ]
        return float(line.split()[-1])

    before = refused()
    post(service, '{"text": ""}')
    post(service, "{")
    post(service, "red", {"content-type": "text/plain"})
    assert refused() == before + 3
