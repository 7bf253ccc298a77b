"""Whose request it is: this machine's, another's, or one that another site made a browser send."""

import pytest
from starlette.requests import Request

from service.access.clients import (
    client_of,
    is_from_this_machine,
    is_loopback,
    is_sent_by_another_site,
)


def request(
    client: str | None = "127.0.0.1",
    headers: dict[str, str] | None = None,
    method: str = "GET",
    peer: str | None = None,
) -> Request:
    given = {"host": "localhost:8000"} | (headers or {})
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/",
            "client": None if client is None else (client, 5),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "state": {"peer": peer or client},
        }
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_these_addresses_are_of_this_machine(address: str) -> None:
    assert is_loopback(address)
    assert is_from_this_machine(request(address))


@pytest.mark.parametrize(
    "address", ["192.0.2.0", "::", "192.168.1.4", "10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1",
                "unknown", "", "localhost.evil.example", "testclient"],
)  # fmt: skip
def test_these_addresses_are_not(address: str) -> None:
    assert not is_loopback(address)
    assert not is_from_this_machine(request(address))


def test_without_an_address_nobody_is_of_this_machine() -> None:
    assert client_of(request(None)) == "unknown"
    assert not is_from_this_machine(request(None))


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_a_proxy_that_is_not_trusted_is_not_this_machine(name: str) -> None:
    assert not is_from_this_machine(request(headers={name: "127.0.0.1"}))


def test_what_a_trusted_proxy_says_counts() -> None:
    headers = {"x-forwarded-for": "127.0.0.1"}
    assert is_from_this_machine(request("127.0.0.1", headers, peer="10.0.0.1"))
    assert not is_from_this_machine(request("192.168.1.4", headers, peer="127.0.0.1"))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("descry.localhost", True),
        ("workstation", True),
        ("attacker.example", False),
        ("attacker.example:8000", False),
        ("127.0.0.1.attacker.example", False),
    ],
)
def test_a_name_that_others_may_have_pointed_here_is_refused(host: str, *, own: bool) -> None:
    assert is_from_this_machine(request(headers={"host": host})) is own


@pytest.mark.parametrize(
    ("method", "site", "foreign"),
    [
        ("POST", "cross-site", True),
        ("DELETE", "same-site", True),
        ("POST", "same-origin", False),
        ("POST", "none", False),
        ("GET", "cross-site", False),
        ("POST", None, False),
    ],
)
def test_what_another_site_sends_is_told_apart(
    method: str, site: str | None, *, foreign: bool
) -> None:
    headers = {} if site is None else {"sec-fetch-site": site}
    assert is_sent_by_another_site(request(headers=headers, method=method)) is foreign
