"""Clients that leave before their answer is there."""

import asyncio

import pytest
from starlette.types import Message

from service.disconnects import ClientGone, while_connected


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
