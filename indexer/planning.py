"""What an index of a given size will take in disk, memory and time, before anything is written."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from pydantic import ByteSize, TypeAdapter, ValidationError

from indexer.ann import EXACT_KIND, IVF_KIND, IndexKind, faiss_threads
from indexer.ann.calibration import QUERIES
from indexer.ann.ivf_building import ROUNDS, number_of_lists, training_rows
from indexer.wishes import DEFAULT_WISHES, IndexWishes
from models.errors import ConfigurationInvalid

# One thread scans this many rows of width 512 in 4 ms, and ten times as many in 40.
MOST_ROWS_TO_SCAN = 100_000
_FLOAT, _HALF, _CODE, _ROW_ID = 4, 2, 1, 8
# Multiplications and additions a thread does each second in the products of training and adding,
# and the bytes it rounds and writes; measured on one AVX-512 core.
_OPERATIONS_PER_S = 4e10
_BYTES_PER_S = 5e8
_ROWS_IN_WORK = 3 * 32_768
# Lists grow by doubling: while they are filled, up to half of their memory may be spare.
_SPARE = 1.5
_FIXED_BYTES = 50_000_000


@dataclass(frozen=True)
class Resources:
    """What there is: free bytes, threads, and crops a second if that was measured."""

    memory_free: int
    disk_free: int
    threads: int = 1
    encode_rate: float | None = None


def resources_at(folder: Path, encode_rate: float | None = None) -> Resources:
    """Return what this machine has for an index below a folder, which need not exist yet."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return Resources(
        memory_free=psutil.virtual_memory().available,
        disk_free=psutil.disk_usage(str(there)).free,
        threads=faiss_threads(),
        encode_rate=encode_rate,
    )


@dataclass(frozen=True)
class Plan:
    """The kind of index, why, and what it takes; sizes, in bytes, and ``build_s`` are upper bounds.

    ``build_memory`` and ``serving_memory`` are the process's own; ``index_bytes`` should also fit
    the page cache for searches to be fast. ``build_s`` is without encoding.
    """

    rows: int
    width: int
    kind: IndexKind
    reason: str
    vector_bytes: int
    index_bytes: int
    build_memory: int
    serving_memory: int
    build_s: float
    encode_s: float | None

    @property
    def disk_bytes(self) -> int:
        """What vectors and index take on the disk."""
        return self.vector_bytes + self.index_bytes

    def lines(self) -> list[str]:
        """Return the plan for a reader."""
        encoding = "" if self.encode_s is None else f"about {_time(self.encode_s)} to encode, then "
        index_size = _size(self.index_bytes)
        memory = (
            f"at most {_size(self.build_memory)} while building, {_size(self.serving_memory)} of "
            f"its own while serving; searches are fast while {index_size} stay in the page cache"
        )
        return [
            f"index: {self.rows:,} crops of width {self.width} as {self.kind}, {self.reason}",
            f"disk: {_size(self.vector_bytes)} of vectors, at most {index_size} of index",
            f"memory: {memory}",
            f"time: {encoding}up to {_time(self.build_s)} to build the index",
        ]


def parse_size(text: str) -> int:
    """Return the bytes of a size such as ``4GB`` or ``512 MiB``.

    Raises:
        ConfigurationInvalid: If it is none, or not at least one byte.
    """
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise ConfigurationInvalid(
            f"{text!r} is no size in bytes: write it like 4GB or 512MiB"
        ) from error
    if size < 1:
        raise ConfigurationInvalid(f"{text!r} is no room at all: give at least some MB")
    return size


def plan(rows: int, width: int, resources: Resources, wishes: IndexWishes = DEFAULT_WISHES) -> Plan:
    """Choose the kind of index of ``rows`` vectors and say what it takes.

    Raises:
        ConfigurationInvalid: If the wishes exclude each other, or it does not fit the disk, the
            free memory or the memory that was allowed.
    """
    kind, reason = _choice(rows, width, resources, wishes)
    chosen = _estimate(rows, width, kind, reason, resources)
    problem = _shortage(chosen, resources, wishes)
    if problem is not None:
        smaller = _estimate(rows, width, IVF_KIND, "", resources)
        if kind == EXACT_KIND and _shortage(smaller, resources, wishes) is None:
            problem += f", or choose --kind ivf, which needs at most {_needs(smaller)}"
        raise ConfigurationInvalid(problem)
    return chosen


def _choice(
    rows: int, width: int, resources: Resources, wishes: IndexWishes
) -> tuple[IndexKind, str]:
    if wishes.kind == "ivf" and wishes.recall == 1:
        raise ConfigurationInvalid(
            "lists cannot promise a recall of 1: ask for less, as --recall 0.99, or --kind flat"
        )
    if wishes.kind != "auto":
        return (EXACT_KIND if wishes.kind == "flat" else IVF_KIND), "as asked for"
    if wishes.recall == 1:
        return EXACT_KIND, "because only exact search has a recall of 1"
    if rows > MOST_ROWS_TO_SCAN:
        return IVF_KIND, f"because scanning more than {MOST_ROWS_TO_SCAN:,} takes too long"
    exact = _estimate(rows, width, EXACT_KIND, "", resources)
    lists = _estimate(rows, width, IVF_KIND, "", resources)
    if _shortage(exact, resources, wishes) and not _shortage(lists, resources, wishes):
        return IVF_KIND, "because exact search takes more memory or disk than there is"
    return EXACT_KIND, "because so few are scanned in milliseconds, exactly"


def _estimate(rows: int, width: int, kind: IndexKind, reason: str, there: Resources) -> Plan:
    vector_bytes = rows * width * _FLOAT
    in_work = min(_ROWS_IN_WORK, rows) * width * _FLOAT + _FIXED_BYTES
    rate = _OPERATIONS_PER_S * there.threads
    if kind == EXACT_KIND:
        index_bytes = rows * width * _HALF
        build_memory = index_bytes + in_work
        serving = _FIXED_BYTES
        seconds = vector_bytes / _BYTES_PER_S
    else:
        lists, sample = number_of_lists(rows), training_rows(rows)
        index_bytes = rows * (width * _CODE + _ROW_ID) + lists * width * _FLOAT
        trained = 2 * sample * width * _FLOAT
        build_memory = int(max(_SPARE * index_bytes, trained)) + in_work
        serving = rows * _FLOAT + lists * width * _FLOAT + _FIXED_BYTES
        products = lists * (sample * ROUNDS + rows) + rows * (width + QUERIES)
        seconds = width * products / rate + vector_bytes / _BYTES_PER_S
    encode_s = None if there.encode_rate is None else rows / there.encode_rate
    return Plan(
        rows, width, kind, reason, vector_bytes, index_bytes, build_memory, serving, seconds,
        encode_s,
    )  # fmt: skip


def _shortage(chosen: Plan, there: Resources, wishes: IndexWishes) -> str | None:
    if chosen.disk_bytes > there.disk_free:
        return (
            f"{chosen.kind} of {chosen.rows:,} crops needs {_size(chosen.disk_bytes)} of disk, "
            f"{_size(there.disk_free)} are free: make room or build on another disk"
        )
    allowed = there.memory_free if wishes.memory is None else wishes.memory
    if chosen.build_memory <= min(allowed, there.memory_free):
        return None
    if chosen.build_memory > allowed and wishes.memory is not None:
        return (
            f"{chosen.kind} of {chosen.rows:,} crops takes up to {_size(chosen.build_memory)} of "
            f"memory to build, --memory allows {_size(allowed)}: allow more"
        )
    return (
        f"{chosen.kind} of {chosen.rows:,} crops takes up to {_size(chosen.build_memory)} of "
        f"memory to build, {_size(there.memory_free)} are free: build on a machine with more"
    )


def _needs(chosen: Plan) -> str:
    return f"{_size(chosen.disk_bytes)} of disk and {_size(chosen.build_memory)} of memory"


def _size(size: int) -> str:
    return ByteSize(size).human_readable(decimal=True)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
