"""Work for a client who may leave before it is done."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.types import Receive

Result = TypeVar("Result")


class ClientGone(Exception):
    """The client closed the connection; nobody will read an answer."""


async def while_connected(receive: Receive, work: Coroutine[object, object, Result]) -> Result:
    """Await the work, and cancel it when the client leaves; its body must have been read.

    The server itself cancels nothing: a request in line would be encoded for nobody.

    Raises:
        ClientGone: If the client left first.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
