"""Load the service: python -m tests.performance.load, part of `make bench`.

A real server in a process of its own, with the default model and a gallery of the demo's size. It
takes turns with the text encoder alone, in this process; every description is new to the server.
The clients run on the same processors, so that what tells is the server's processor time: the
seconds it takes for a search beside the seconds the encoder alone takes for a text.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from indexer.build import build
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions
from models.contracts import PersonEncoder
from models.loading import load_encoder
from service.encoding import EncodingLimits, EncodingQueue
from tests.performance.__main__ import draw_crops
from tests.performance.load_clients import Answers, Client, descriptions, load

CLIENTS = 64
BATCH = 32
OVERLOADING = 640
NORMAL_WITHIN_S = 5
_READY = "Descry is ready at http://"
_MB = 1e6


@dataclass(frozen=True)
class Server:
    """A server that is running."""

    address: tuple[str, int]
    process: psutil.Process

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        return int(self.process.memory_info().rss)


@dataclass(frozen=True)
class Turn:
    """One turn of the encoder alone and of the loaded server."""

    texts_per_s: float
    texts_per_cpu_s: float
    queued_per_s: float
    queued_per_cpu_s: float
    requests_per_s: float
    requests_per_cpu_s: float
    p50_s: float
    p99_s: float


@contextmanager
def serving(index: Path) -> Iterator[Server]:
    """Run the service until the block ends."""
    command = [sys.executable, "-m", "service", "--index", str(index), "--port", "0"]
    environment = {**os.environ, "DESCRY_LOG_FORMAT": "json"}
    with (
        Path(index.parent / "service.log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if not ready.startswith(_READY):
                raise RuntimeError(f"the service did not start: {ready!r}")
            host, _, port = ready.removeprefix(_READY).strip().partition(":")
            yield Server((host, int(port)), psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def encode_alone(
    encoder: PersonEncoder, texts: Iterator[str], seconds: float
) -> tuple[float, float]:
    """Return texts a second, and a second of processor time, in batches sorted by length."""
    encoded, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        encoder.encode_texts(sorted(islice(texts, BATCH), key=len))
        encoded += BATCH
    return encoded / (time.perf_counter() - began), encoded / (time.process_time() - cpu)


async def encode_queued(
    encoder: PersonEncoder, texts: Iterator[str], seconds: float
) -> tuple[float, float]:
    """Return the same of 64 coroutines that await the encoding queue, without HTTP."""
    queue = EncodingQueue(encoder, limits=EncodingLimits(cached_texts=0))
    queue.start()
    began, cpu, encoded = time.perf_counter(), time.process_time(), 0

    async def ask_on() -> None:
        nonlocal encoded
        while time.perf_counter() - began < seconds:
            await queue.encode(next(texts))
            encoded += 1

    await asyncio.gather(*(ask_on() for _ in range(CLIENTS)))
    rates = encoded / (time.perf_counter() - began), encoded / (time.process_time() - cpu)
    queue.close()
    return rates


def take_turn(server: Server, encoder: PersonEncoder, texts: Iterator[str], seconds: float) -> Turn:
    """Measure the encoder alone, the queue, then the server with 64 clients."""
    alone = encode_alone(encoder, texts, seconds)
    queued = asyncio.run(encode_queued(encoder, texts, seconds))
    cpu = server.cpu_s()
    answers = asyncio.run(load(server.address, CLIENTS, seconds, texts))
    cpu = server.cpu_s() - cpu
    if set(answers.statuses) != {200}:
        raise RuntimeError(f"{CLIENTS} clients were answered {dict(answers.statuses)}")
    number = len(answers.seconds)
    p50, p99 = np.quantile(answers.seconds, [0.5, 0.99])
    return Turn(*alone, *queued, number / answers.elapsed_s, number / cpu, float(p50), float(p99))


def throughput_lines(turns: list[Turn]) -> list[str]:
    """Return a table of rates, and of their medians of ratios to the encoder alone."""
    alone = [(turn.texts_per_s, turn.texts_per_cpu_s) for turn in turns]
    sides = {
        f"encoder alone, batches of {BATCH}": alone,
        f"its queue, {CLIENTS} coroutines": [(t.queued_per_s, t.queued_per_cpu_s) for t in turns],
        f"the server, {CLIENTS} clients": [(t.requests_per_s, t.requests_per_cpu_s) for t in turns],
    }
    lines = [f"{'':<32}{'a s':>8}{'ratio':>8}{'a CPU s':>10}{'ratio':>8}   (aim 0.90)"]
    for name, rates in sides.items():
        cells = [
            (median(rate[at] for rate in rates),
             median(rate[at] / own[at] for rate, own in zip(rates, alone, strict=True)))
            for at in (0, 1)
        ]  # fmt: skip
        (clock, of_clock), (cpu, of_cpu) = cells
        lines.append(f"{name:<32}{clock:>8.0f}{of_clock:>8.2f}{cpu:>10.0f}{of_cpu:>8.2f}")
    p50, p99 = median(turn.p50_s for turn in turns), median(turn.p99_s for turn in turns)
    ratio = median(turn.p99_s / turn.p50_s for turn in turns)
    lines.append(f"  p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, ratio {ratio:.1f} (aim 3)")
    return lines


async def one_client(
    server: Server, encoder: PersonEncoder, index: Path, texts: Iterator[str], number: int
) -> str:
    """Have one client search, in turns with encoding and searching here."""
    client = Client(*server.address)
    served, direct = [], []
    here_s, there_s = 0.0, server.cpu_s()
    with closing(open_gallery(index, encoder.card)) as gallery:
        for text in islice(texts, number):
            began = time.perf_counter()
            await client.search(text)
            between, cpu = time.perf_counter(), time.process_time()
            gallery.search(encoder.encode_texts([text])[0], 20)
            here_s += time.process_time() - cpu
            direct.append(time.perf_counter() - between)
            served.append(between - began)
    client.close()
    overhead = median(a - b for a, b in zip(served, direct, strict=True))
    cpu_overhead = (server.cpu_s() - there_s - here_s) / number
    return (
        f"one client: p50 {1000 * median(served):.2f} ms; encoding and searching alone "
        f"{1000 * median(direct):.2f} ms; overhead {1000 * overhead:.2f} ms (aim 2), "
        f"{1000 * cpu_overhead:.2f} ms of CPU"
    )


async def overload(server: Server, texts: Iterator[str], seconds: float) -> list[str]:
    """Load the server with ten times the clients, who never wait; then see it recover."""
    usual = await load(server.address, 1, 2, texts)
    usual_s = median(usual.seconds)
    before = server.resident_bytes()
    halfway = await load(server.address, OVERLOADING, seconds / 2, texts)
    middle = server.resident_bytes()
    rest = await load(server.address, OVERLOADING, seconds / 2, texts)
    ended = time.perf_counter()
    after = server.resident_bytes()
    recovered = await _recovery(server, texts, 2 * usual_s, ended)
    statuses = halfway.statuses + rest.statuses
    wrong = halfway.wrong_problems + rest.wrong_problems
    memory = [f"{each / _MB:.0f}" for each in (before, middle, after)]
    return [
        f"{OVERLOADING} clients without a pause for {seconds:.0f} s: "
        + ", ".join(f"{number} times {status}" for status, number in sorted(statuses.items()))
        + f"; {wrong} refusals without a problem and Retry-After (aim 0)",
        f"  {_answered(halfway, rest):.0f} answers a s; MB before, halfway, after: {memory}",
        f"  normal again (within twice {1000 * usual_s:.1f} ms) "
        + (f"after {recovered:.1f} s" if recovered is not None else "not")
        + f" (aim {NORMAL_WITHIN_S} s)",
    ]


def _answered(*parts: Answers) -> float:
    return sum(len(each.seconds) for each in parts) / sum(each.elapsed_s for each in parts)


async def _recovery(
    server: Server, texts: Iterator[str], normal_s: float, ended: float
) -> float | None:
    """Return the seconds until the median of ten searches of one client is usual."""
    client = Client(*server.address)
    while time.perf_counter() - ended < 4 * NORMAL_WITHIN_S:
        took = []
        for text in islice(texts, 10):
            began = time.perf_counter()
            status = (await client.search(text))[0]
            took.append(time.perf_counter() - began if status == 200 else float("inf"))
        if median(took) <= normal_s:
            return time.perf_counter() - ended
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default", help="model to encode with")
    parser.add_argument("--crops", type=int, default=2400, help="size of the gallery")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each side of a turn")
    parser.add_argument("--overload", type=float, default=60, help="seconds of overload")
    arguments = parser.parse_args()
    encoder, texts = load_encoder(arguments.model), descriptions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "crops").mkdir()
        draw_crops(folder / "crops", arguments.crops)
        index = folder / "index"
        build(
            folder / "crops",
            index,
            encoder,
            BuildOptions(name="load", model_source=arguments.model),
        )
        cores = len(psutil.Process().cpu_affinity())
        print(f"model {arguments.model}, {arguments.crops} crops; server, clients on {cores} cores")
        with serving(index) as server:
            encode_alone(encoder, texts, 1)
            asyncio.run(load(server.address, CLIENTS, 1, texts))
            turns = [
                take_turn(server, encoder, texts, arguments.seconds) for _ in range(arguments.turns)
            ]
            print("\n".join(throughput_lines(turns)), flush=True)
            print(asyncio.run(one_client(server, encoder, index, texts, 200)), flush=True)
            print("\n".join(asyncio.run(overload(server, texts, arguments.overload))))


if __name__ == "__main__":
    main()
