"""A search over HTTP leaves its row, and is refused where it cannot."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text
from starlette.testclient import TestClient

from indexer.gallery import Gallery
from service.access.gate import AccessRules
from service.access.key_ring import KeyRing
from service.access.key_store import KeyStore
from service.app import create_app
from service.audit.auditor import Auditor, AuditRules
from service.audit.search_store import Asked, SearchStore
from service.database import Database
from service.tables import Search
from tests.fakes import ColourEncoder

HERE = ("127.0.0.1", 5)


class Recorded:
    """A service whose searches are written down, with one key for gate 1."""

    def __init__(self, gallery: Gallery, database: Database, rules: AuditRules) -> None:
        self.store = SearchStore(database, "text")
        self.key, self.given = KeyStore(database).create("patrol", ["search"], ["gate 1"])
        self.auditor = Auditor(self.store, rules)
        self._app = create_app(
            ColourEncoder(),
            gallery,
            KeyRing(KeyStore(database)),
            AccessRules(trusted_proxies=("10.0.0.0/8",)),
            self.auditor,
        )

    def client(self) -> TestClient:
        headers = {"authorization": f"Bearer {self.given}", "x-forwarded-for": "198.51.100.9"}
        return TestClient(self._app, "http://127.0.0.1", headers=headers, client=("10.0.0.1", 5))

    def rows(self) -> list[Search]:
        return list(self.store.rows(Asked()))


def test_a_search_is_written_down_with_all_that_was_asked_and_given(
    gallery: Gallery, database: Database
) -> None:
    recorded = Recorded(gallery, database, AuditRules(required=True))
    with recorded.auditor:
        purpose = {"x-descry-purpose": "lost child 4"}
        response = recorded.client().post("/search", json={"text": "red"}, headers=purpose)
        answer = response.json()
        (row,) = recorded.rows()
        metrics = metrics_of(recorded)
    assert (row.query_id, row.request_id) == (answer["query_id"], response.headers["x-request-id"])
    assert (row.key_id, row.client) == (recorded.key.id, "198.51.100.9")
    assert (row.purpose, row.query, row.outcome) == ("lost child 4", "text:red", "ok")
    assert json.loads(row.filters) == {"columns": {"camera": {"among": ["gate 1"]}}}
    assert row.generation == 1
    assert json.loads(row.returned) == [result["id"] for result in answer["results"]]
    assert len(json.loads(row.returned)) == 8
    assert 'descry_audit_rows_total{outcome="written"} 1.0' in metrics


def metrics_of(recorded: Recorded) -> str:
    registry = CollectorRegistry()
    recorded.auditor.register(registry)
    return generate_latest(registry).decode()


def test_a_search_that_is_refused_as_invalid_leaves_no_row(
    gallery: Gallery, database: Database
) -> None:
    recorded = Recorded(gallery, database, AuditRules(required=True))
    with recorded.auditor:
        assert recorded.client().post("/search", json={"text": ""}).status_code == 422
    assert recorded.rows() == []


def test_a_search_without_the_purpose_that_is_required_is_refused(
    gallery: Gallery, database: Database
) -> None:
    recorded = Recorded(gallery, database, AuditRules(purpose_required=True))
    with recorded.auditor:
        response = recorded.client().post("/search", json={"text": "red"})
        assert response.status_code == 422
        problem = response.json()
        assert problem["type"] == "urn:descry:problem:request-invalid"
        assert [error["field"] for error in problem["errors"]] == ["purpose"]
        headers = {"x-descry-purpose": "audit"}
        answered = recorded.client().post("/search", json={"text": "red"}, headers=headers)
        assert answered.status_code == 200
    assert [row.purpose for row in recorded.rows()] == ["audit"]


@pytest.mark.parametrize(("required", "status"), [(True, 503), (False, 200)])
def test_a_search_that_cannot_be_written_down_is_refused_where_it_must_be(
    gallery: Gallery,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    status: int,
    *,
    required: bool,
) -> None:
    recorded = Recorded(gallery, database, AuditRules(required=required))
    with recorded.auditor:
        with database.writing() as session:
            session.execute(text("DROP TABLE searches"))
        response = recorded.client().post("/search", json={"text": "red"})
        assert response.status_code == status
        if required:
            assert response.json()["type"] == "urn:descry:problem:audit-failed"
            assert "results" not in response.json()
    assert 'descry_audit_rows_total{outcome="lost"} 1.0' in metrics_of(recorded)
    assert "audit_rows_lost" in capsys.readouterr().out


def test_nothing_of_a_query_is_in_a_database_that_stores_hashes(
    gallery: Gallery, database: Database, tmp_path: Path
) -> None:
    with ExitStack() as opened:
        auditor = opened.enter_context(Auditor(SearchStore(database), AuditRules(required=True)))
        app = create_app(ColourEncoder(), gallery, recorder=auditor)
        client = TestClient(app, "http://127.0.0.1", client=HERE)
        asked = {"text": "confidential person in red"}
        assert client.post("/search", json=asked).status_code == 200
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"confidential" in path.read_bytes()]
    (row,) = SearchStore(database).rows(Asked(query="confidential person in red"))
    assert row.query.startswith("hmac-sha256:")
