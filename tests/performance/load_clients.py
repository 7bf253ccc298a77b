"""Clients that cost little beside the server they load, and descriptions that never repeat."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

WEARERS = ("woman", "man", "person", "young man", "old woman", "somebody")
COLOURS = [
    "red",
    "blue",
    "green",
    "black",
    "white",
    "grey",
    "brown",
    "yellow",
    "pink",
    "purple",
    "orange",
    "beige",
]
TOPS = [
    "coat",
    "jacket",
    "shirt",
    "sweater",
    "hoodie",
    "blouse",
    "vest",
    "t-shirt",
    "dress",
    "raincoat",
]
BOTTOMS = ["jeans", "trousers", "shorts", "skirt", "leggings", "pants"]
ENDS = (
    "",
    "with a backpack",
    "carrying a large handbag in the left hand",
    "and white sneakers",
    "who wears a hat, dark sunglasses and black leather boots",
    "with long dark hair, looking at a phone",
    "next to a bicycle",
    "and a scarf",
)


def descriptions(seed: int = 0) -> Iterator[str]:
    """Return 414,720 different descriptions of 8 to 22 words, in random order."""
    choices = list(product(WEARERS, COLOURS, TOPS, COLOURS, BOTTOMS, ENDS))
    random.Random(seed).shuffle(choices)  # noqa: S311 - reproducible, no secret
    for wearer, colour, top, other, bottom, end in choices:
        yield f"a {wearer} in a {colour} {top} and {other} {bottom} {end}".strip()


@dataclass
class Answers:
    """What came back: how often each status, and the seconds of each answer that was 200."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong_problems: int = 0
    elapsed_s: float = 0.0


class Client:
    """One kept connection that sends searches one after the other."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def search(self, text: str) -> tuple[int, bytes, bytes]:
        """Return status, head and body of the answer; the connection stays open."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        body = json.dumps({"text": text}).encode()
        writer.write(
            b"POST /search HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), head, answer

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def load(
    address: tuple[str, int], clients: int, seconds: float, texts: Iterator[str]
) -> Answers:
    """Have so many clients search as fast as they are answered, refused or not."""
    answers = Answers()
    began = time.perf_counter()

    async def ask_on() -> None:
        client = Client(*address)
        while time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            status, head, body = await client.search(next(texts))
            answers.statuses[status] += 1
            if status == 200:
                answers.seconds.append(time.perf_counter() - sent)
            elif not _is_refusal(head, body):
                answers.wrong_problems += 1
        client.close()

    await asyncio.gather(*(ask_on() for _ in range(clients)))
    answers.elapsed_s = time.perf_counter() - began
    return answers


def _is_refusal(head: bytes, body: bytes) -> bool:
    problem = json.loads(body)
    return b"retry-after:" in head and problem["type"] == "urn:descry:problem:overloaded"
