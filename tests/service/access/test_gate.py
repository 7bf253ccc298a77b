"""The gate: every route is open by name or needs a key that may; nothing else gets in."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from indexer.gallery import Crop, Gallery
from service.access.gate import AccessRules
from service.access.granted import SCOPES, Scope
from service.access.key_ring import KeyRing, KeysUnknown
from service.access.key_store import KeyStore
from service.app import create_app
from service.database import Database
from tests.fakes import ColourEncoder

# What anybody may ask. Whoever adds to this list opens the service that far.
OPEN = {("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/readyz"), ("HEAD", "/readyz")}
ADMIN_ONLY = {("GET", "/metrics")}
HERE = ("127.0.0.1", 50000)
ELSEWHERE = ("192.0.2.7", 50000)
SEARCH = {"text": "red"}


@dataclass(frozen=True)
class Guarded:
    """An application, and a key for each set of scopes."""

    app: FastAPI
    keys: dict[str, str]
    ring: KeyRing
    store: KeyStore

    def client(self, key: str | None = None, address: tuple[str, int] = ELSEWHERE) -> TestClient:
        headers = {} if key is None else {"authorization": f"Bearer {self.keys.get(key, key)}"}
        # A server that fails is seen as 500 and not as its exception.
        return TestClient(
            self.app, "http://127.0.0.1", raise_server_exceptions=False, headers=headers,
            client=address,
        )  # fmt: skip


def guarded(gallery: Gallery, database: Database, rules: AccessRules | None = None) -> Guarded:
    store = KeyStore(database)
    made: dict[str, tuple[list[Scope], list[str] | None]] = {
        "search": (["search"], None),
        "ingest": (["ingest"], None),
        "admin": (["admin"], None),
        "all": (list(SCOPES), None),
        "gate 1": (["search"], ["gate 1"]),
    }
    keys = {name: store.create(name, *granted)[1] for name, granted in made.items()}
    ring = KeyRing(store)
    app = create_app(ColourEncoder(), gallery, ring, rules or AccessRules())
    return Guarded(app, keys, ring, store)


@pytest.fixture
def closed(gallery: Gallery, database: Database) -> Guarded:
    return guarded(gallery, database)


def without_keys(
    gallery: Gallery, address: tuple[str, int], rules: AccessRules | None = None
) -> TestClient:
    app = create_app(ColourEncoder(), gallery, rules=rules or AccessRules())
    return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False, client=address)


def every_route(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Give method and path of whatever the application answers, included routers too."""
    for found in iter_route_contexts(app.routes):
        route = found.original_route
        assert isinstance(route, APIRoute), f"{route} is of a kind that this test does not know"
        assert found.path is not None
        for method in sorted(found.methods or ()):
            yield method, found.path


def ask(client: TestClient, method: str, path: str) -> Any:  # noqa: ANN401 - TestClient's own type
    filled = re.sub(r"\{[^}]*\}", "x", path)
    if path.endswith("/search/image"):
        return client.request(method, filled, files={"image": b"no picture"})
    return client.request(method, filled, json=SEARCH if method == "POST" else None)


def assert_refused(response: Any, status: int, kind: str) -> None:  # noqa: ANN401 - as above
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    if response.request.method != "HEAD":
        problem = response.json()
        assert problem["type"] == f"urn:descry:problem:{kind}"
        assert problem["request_id"] == response.headers["x-request-id"]


def test_every_route_is_open_by_name_or_needs_a_key_and_its_scope(closed: Guarded) -> None:
    routes = list(every_route(closed.app))
    assert len(routes) > 20
    assert {path for _, path in routes} >= {"/search", "/v1/search", "/", "/openapi.json", "/docs"}
    assert set(routes) >= OPEN | ADMIN_ONLY
    nobody, stranger = closed.client(), closed.client("descry_00000000_" + "a" * 43)
    for method, path in routes:
        if (method, path) in OPEN:
            assert ask(nobody, method, path).status_code == 200, path
            continue
        for client in (nobody, stranger):
            response = ask(client, method, path)
            assert_refused(response, 401, "key-needed")
            bearer, browser = response.headers.get_list("www-authenticate")
            assert bearer.startswith('Bearer realm="descry"')
            assert browser.startswith('Basic realm="descry"')
        needed = "admin" if (method, path) in ADMIN_ONLY else "search"
        for scope in SCOPES:
            response = ask(closed.client(scope), method, path)
            if scope == needed:
                assert response.status_code not in (401, 403), path
            else:
                assert_refused(response, 403, "not-allowed")
                assert f'scope="{needed}"' in response.headers["www-authenticate"]


def test_a_route_that_was_forgotten_is_closed(closed: Guarded) -> None:
    closed.app.add_api_route("/forgotten", lambda: "open", methods=["GET"])
    assert_refused(closed.client().get("/forgotten"), 401, "key-needed")


def test_what_does_not_exist_is_not_told_to_strangers(closed: Guarded) -> None:
    assert_refused(closed.client().get("/no/such/thing"), 401, "key-needed")
    assert closed.client("search").get("/no/such/thing").status_code == 404
    for path in ("/healthz/", "/healthz/../search", "//healthz", "/HEALTHZ"):
        assert closed.client().get(path).status_code == 401


def test_strangers_are_refused_before_their_body_is_read(closed: Guarded) -> None:
    response = closed.client().post("/search", content=b"{", headers={"content-type": "text/plain"})
    assert_refused(response, 401, "key-needed")


def test_a_key_comes_as_bearer_as_header_or_as_a_browser_s_password(closed: Guarded) -> None:
    key = closed.keys["search"]
    password = base64.b64encode(f"anybody:{key}".encode()).decode()
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"x-api-key": key},
        {"authorization": f"Basic {password}"},
    ):
        assert closed.client().post("/search", json=SEARCH, headers=headers).status_code == 200


def test_a_key_is_not_taken_from_the_address(closed: Guarded) -> None:
    key = closed.keys["search"]
    for name in ("key", "api_key", "token", "access_token"):
        assert closed.client().get("/v1/info", params={name: key}).status_code == 401


def test_a_revoked_key_opens_nothing(closed: Guarded) -> None:
    client = closed.client("search")
    assert client.get("/info").status_code == 200
    key = next(key for key in closed.store.all() if key.name == "search")
    closed.store.revoke(key.id)
    closed.ring.refresh()
    response = client.get("/info")
    assert_refused(response, 401, "key-needed")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def crop_of(gallery: Gallery, camera: str) -> Crop:
    canary = gallery.manifest.canaries[0]
    crops = [gallery.crop(crop_id) for crop_id in canary.ids]
    return next(crop for crop in crops if crop is not None and crop.camera == camera)


def test_a_key_of_one_camera_finds_and_sees_no_other(closed: Guarded) -> None:
    client = closed.client("gate 1")
    results = client.post("/search", json={"text": "red", "limit": 100}).json()["results"]
    assert len(results) == 8  # one of each colour
    assert {result["camera"] for result in results} == {"gate 1"}
    every = closed.client("search").post("/search", json={"text": "red", "limit": 100}).json()
    assert len(every["results"]) == 24
    for result in every["results"]:
        seen = result["camera"] == "gate 1"
        for url in (result["crop_url"], result["thumbnail_url"]):
            for method in ("GET", "HEAD"):
                response = client.request(method, url)
                assert response.status_code == (200 if seen else 404)
                known = {"if-none-match": "*"}
                assert client.request(method, url, headers=known).status_code == (
                    304 if seen else 404
                )


def test_a_crop_of_another_camera_is_answered_as_one_that_is_unknown(
    closed: Guarded, gallery: Gallery
) -> None:
    hidden = crop_of(gallery, "gate 0").id
    unknown = "0" * len(hidden)
    client = closed.client("gate 1")
    answers = []
    for crop_id in (hidden, unknown):
        problem = client.get(f"/v1/crops/{crop_id}").json()
        del problem["request_id"]
        answers.append(str(problem).replace(crop_id, "ID"))
    assert answers[0] == answers[1]


def test_metrics_are_for_admins_unless_they_are_set_open(
    gallery: Gallery, database: Database
) -> None:
    closed = guarded(gallery, database)
    assert closed.client().get("/metrics").status_code == 401
    assert closed.client("search").get("/metrics").status_code == 403
    told = closed.client("admin").get("/metrics").text
    assert 'descry_access_refusals_total{problem="key-needed"} 1.0' in told
    opened = guarded(gallery, database, AccessRules(metrics="open"))
    assert opened.client().get("/metrics").status_code == 200
    assert opened.client().get("/info").status_code == 401


def test_without_any_key_this_machine_may_do_everything(gallery: Gallery) -> None:
    client = without_keys(gallery, HERE)
    assert client.post("/search", json=SEARCH).status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/").status_code == 200


def test_without_any_key_nobody_else_may_do_anything(gallery: Gallery) -> None:
    for client in (
        without_keys(gallery, ELSEWHERE),
        without_keys(gallery, ("2001:db8::1", 5)),
        without_keys(gallery, HERE, AccessRules(trusted_proxies=("192.0.2.0/24",))),
    ):
        headers = {"x-forwarded-for": "198.51.100.9"}
        response = client.post("/search", json=SEARCH, headers=headers)
        assert_refused(response, 403, "not-allowed")
        assert "python -m service keys create" in response.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_it_may_be_opened_to_everybody(gallery: Gallery) -> None:
    client = without_keys(gallery, ELSEWHERE, AccessRules(allow_open=True))
    assert client.post("/search", json=SEARCH).status_code == 200


def test_it_closes_when_the_first_key_is_made(gallery: Gallery, database: Database) -> None:
    store = KeyStore(database)
    ring = KeyRing(store)
    app = create_app(ColourEncoder(), gallery, ring, AccessRules(allow_open=True))
    client = TestClient(app, "http://127.0.0.1", client=HERE)
    assert client.get("/info").status_code == 200
    store.create("first", ["search"])
    ring.refresh()
    assert client.get("/info").status_code == 401


@contextmanager
def clients_of(gallery: Gallery, proxies: tuple[str, ...], peer: str) -> Iterator[TestClient]:
    rules = AccessRules(trusted_proxies=proxies)
    yield without_keys(gallery, (peer, 4000), rules)


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (("10.0.0.0/8",), "10.1.2.3", "127.0.0.1", 200),
        (("10.1.2.3",), "10.1.2.3", "127.0.0.1", 200),
        (("10.0.0.0/8",), "10.1.2.3", "198.51.100.9", 403),
        # Only what a trusted proxy has written counts: the rightmost that is not one of them.
        (("10.0.0.0/8",), "10.1.2.3", "127.0.0.1, 198.51.100.9", 403),
        (("10.0.0.0/8",), "10.1.2.3", "198.51.100.9, 127.0.0.1, 10.9.9.9", 200),
        (("10.0.0.0/8",), "192.0.2.7", "127.0.0.1", 403),
        ((), "192.0.2.7", "127.0.0.1", 403),
        ((), "127.0.0.1", "127.0.0.1", 403),
        (("10.0.0.0/8",), "10.1.2.3", "localhost", 403),
    ],
)
def test_forwarding_headers_count_from_trusted_proxies_only(
    gallery: Gallery, proxies: tuple[str, ...], peer: str, forwarded: str, status: int
) -> None:
    with clients_of(gallery, proxies, peer) as client:
        response = client.get("/info", headers={"x-forwarded-for": forwarded})
        assert response.status_code == status


def test_a_page_of_another_site_cannot_send_what_changes_things(gallery: Gallery) -> None:
    client = without_keys(gallery, HERE)
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert_refused(client.post("/search", json=SEARCH, headers=foreign), 403, "not-allowed")
    own = {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1"}
    assert client.post("/search", json=SEARCH, headers=own).status_code == 200
    welcome = without_keys(gallery, HERE, AccessRules(cors_origins=("https://evil.example",)))
    assert welcome.post("/search", json=SEARCH, headers=foreign).status_code == 200


def test_other_sites_are_told_nothing_unless_they_are_named(closed: Guarded) -> None:
    asked = {
        "origin": "https://desk.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    response = closed.client().options("/search", headers=asked)
    assert response.status_code == 401
    answered = closed.client("search").get("/info", headers={"origin": "https://desk.example"})
    for each in (response, answered):
        assert not [name for name in each.headers if name.startswith("access-control-")]


def test_a_site_that_is_named_may_call_with_a_key(gallery: Gallery, database: Database) -> None:
    named = guarded(gallery, database, AccessRules(cors_origins=("https://desk.example",)))
    asked = {
        "origin": "https://desk.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-descry-purpose",
    }
    preflight = named.client().options("/search", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://desk.example"
    assert "access-control-allow-credentials" not in preflight.headers
    origin = {"origin": "https://desk.example"}
    answered = named.client("search").post("/search", json=SEARCH, headers=origin)
    assert answered.headers["access-control-allow-origin"] == "https://desk.example"
    refused = named.client().post("/search", json=SEARCH, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://desk.example"
    other = named.client("search").get("/info", headers={"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    assert named.client().options("/search", headers=asked | {"origin": "https://other.example"}
                                  ).status_code == 400  # fmt: skip


def test_a_websocket_is_refused(closed: Guarded) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        closed.client("all").websocket_connect("/search"),
    ):
        pass
    assert refused.value.code == 1008


class LostKeys:
    """The database has been away for too long."""

    def any_made(self) -> bool:
        raise KeysUnknown("61 s")

    def find(self, given: str) -> None:  # noqa: ARG002 - part of the protocol
        raise KeysUnknown("61 s")


def test_nobody_gets_in_while_it_cannot_be_told_who_may(gallery: Gallery) -> None:
    app = create_app(ColourEncoder(), gallery, LostKeys(), AccessRules(allow_open=True))
    client = TestClient(app, "http://127.0.0.1", client=HERE)
    response = client.get("/info")
    assert_refused(response, 503, "access-unknown")
    assert response.headers["retry-after"] == "5"
    assert client.get("/healthz").status_code == 200


def test_answers_carry_the_security_headers(closed: Guarded) -> None:
    stranger, user = closed.client(), closed.client("search")
    for client, path in ((stranger, "/info"), (stranger, "/healthz"), (user, "/info"), (user, "/")):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]  # default-src 'self' holds
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_the_log_names_the_key_by_its_id_only(
    closed: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    closed.client("search").get("/info")
    logged = capsys.readouterr().out
    key = next(key for key in closed.store.all() if key.name == "search")
    assert f"key={key.id}" in logged
    assert closed.keys["search"] not in logged
    assert closed.keys["search"].rpartition("_")[2] not in logged
