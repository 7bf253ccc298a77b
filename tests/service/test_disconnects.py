"""Clients that leave before their answer is there."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Message

from indexer.gallery import Gallery
from service.disconnects import ClientGone, while_connected
from tests.service.conftest import Service, serving
from tests.service.encoding.conftest import PATIENCE_S, HeldEncoder


class Connection:
    """Says what an ASGI server says: nothing, until the client leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


def test_work_for_a_client_who_stays_is_finished() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    async def answer() -> str:
        return await while_connected(Connection().receive, work())

    assert asyncio.run(answer()) == "done"


def test_an_error_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    async def answer() -> None:
        await while_connected(Connection().receive, work())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(answer())


def test_work_for_a_client_who_leaves_is_cancelled() -> None:
    cancelled = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def answer() -> None:
        connection = Connection()
        asyncio.get_running_loop().call_later(0.01, connection.left.set)
        await while_connected(connection.receive, work())

    with pytest.raises(ClientGone):
        asyncio.run(answer())
    assert cancelled == [True]


def test_work_is_cancelled_with_whoever_awaits_it() -> None:
    async def answer() -> bool:
        working = asyncio.get_running_loop().create_future()
        connection = Connection()

        async def work() -> None:
            await working

        task = asyncio.ensure_future(while_connected(connection.receive, work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return working.cancelled() and task.cancelled()

    assert asyncio.run(answer())


def wait_for_metric(service: Service, line: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while line not in service.client.get("/metrics").text.splitlines():
        assert time.monotonic() < deadline, line
        time.sleep(0.01)


def send_search(service: Service, text: str) -> socket.socket:
    body = f'{{"text": "{text}"}}'
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.sendall(
        "POST /search HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    return connection


def test_a_search_whose_client_left_in_line_is_not_encoded(gallery: Gallery) -> None:
    encoder = HeldEncoder()
    with serving(encoder, gallery) as service, ThreadPoolExecutor(1) as pool:
        encoder.go.clear()
        encoder.calls.clear()
        while encoder.entered.acquire(blocking=False):
            pass
        first = pool.submit(service.client.post, "/search", json={"text": "red"})
        assert encoder.entered.acquire(timeout=PATIENCE_S)
        with send_search(service, "nobody waits for green"):
            wait_for_metric(service, 'descry_encoding_queue_depth{kind="text"} 1.0')
        wait_for_metric(service, 'descry_search_requests_total{outcome="left"} 1.0')
        encoder.go.set()
        assert first.result().status_code == 200
        metrics = service.client.get("/metrics").text
    assert encoder.calls == [["red"]]
    assert 'descry_encoding_skipped_total{kind="text"} 1.0' in metrics.splitlines()
