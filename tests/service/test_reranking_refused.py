"""What reproduces published figures only, and depends on row order, answers nobody."""

import pytest

from tests.service.conftest import Service


@pytest.mark.parametrize("address", ["/search", "/v1/search"])
@pytest.mark.parametrize("rerank", [{"method": "nafs_shipped"}, "nafs_shipped"])
def test_a_search_with_the_shipped_re_ranking_is_refused(
    service: Service, address: str, rerank: object
) -> None:
    response = service.client.post(address, json={"text": "red", "rerank": rerank})
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["type"] == "urn:descry:problem:request-invalid"
    assert [error["field"].split(".")[0] for error in problem["errors"]] == ["rerank"]
    assert "results" not in problem


def test_the_interface_does_not_offer_it(service: Service) -> None:
    interface = service.client.get("/openapi.json")
    assert "SearchRequest" in interface.text
    assert "nafs_shipped" not in interface.text
