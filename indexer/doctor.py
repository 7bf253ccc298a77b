"""What this machine, a model and an index are, what would be slow here, and why."""

import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import psutil
from PIL import Image

from indexer.ann import EXACT_KIND, faiss_build
from indexer.gallery import open_gallery, read_manifest
from models.contracts import PersonEncoder
from models.machine import Machine

_GIB = 2**30
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LITTLE_MEMORY = 4 * _GIB
_LITTLE_DISK = 2 * _GIB
_BUSY = 0.5  # of the cores
_CROPS = 32
_SLOW_SEARCH_S = 0.05
_TEXT = "a woman in a red coat with a black backpack"


@dataclass(frozen=True)
class Finding:
    """A fact about one part; ``advice`` says what would be slow or fail, and what helps."""

    part: str
    fact: str
    advice: str | None = None


class _Machines(Protocol):
    """The module that asks torch, which brings torch with it."""

    def describe_machine(self) -> Machine: ...


def examine_machine(folder: Path) -> Iterator[Finding]:
    """Yield what the machine offers, and the disk that ``folder`` is or would be on."""
    machine = cast("_Machines", importlib.import_module("models.devices")).describe_machine()
    yield _processor(machine)
    yield _cores(machine)
    yield _gpu(machine)
    yield _faiss(machine)
    yield _memory()
    yield _disk(folder)


def examine_model(encoder: PersonEncoder, source: str) -> Iterator[Finding]:
    """Yield what a model is and how fast it is here, by encoding noise."""
    card = encoder.card
    second = "with a second stage" if encoder.part_scorer is not None else "of one stage"
    yield Finding(
        "model",
        f"{source!r} is {card.name}, {second}, width {card.embedding_width}, "
        f"{card.image.height} x {card.image.width} pixels",
    )
    crops = _seconds(lambda: encoder.encode_images(_noise(card.image.height, card.image.width)))
    query = _seconds(lambda: encoder.encode_texts([_TEXT]))
    yield Finding(
        "model speed",
        f"{_CROPS / crops:,.0f} crops/s without decoding; {1000 * query:.1f} ms a query",
    )


def examine_index(index: Path, encoder: PersonEncoder) -> Iterator[Finding]:
    """Yield what an index is and how fast it is searched; its checksums are not read.

    Raises:
        BundleError: If nothing is published there, or it cannot be opened with this model.
    """
    manifest = read_manifest(index)
    began = time.perf_counter()
    with closing(open_gallery(index, encoder.card, verify=False)) as gallery:
        opened = time.perf_counter() - began
        yield Finding(
            "index",
            f"{str(index)!r}, generation {manifest.generation}: {gallery.size:,} crops, "
            f"{manifest.index_kind}, opened in {1000 * opened:.0f} ms",
        )
        (row,) = encoder.encode_texts([_TEXT])
        search = _seconds(lambda: gallery.search(row, 20))
    slow = None
    if search > _SLOW_SEARCH_S:
        slow = (
            f"its {len(manifest.segments)} segments are searched one by one: "
            f"python -m indexer compact --index {index} makes one of them"
        )
        if len(manifest.segments) == 1 and manifest.index_kind == EXACT_KIND:
            slow = f"every search compares all {gallery.size:,} crops: build with --kind ivf"
    yield Finding("index speed", f"{1000 * search:.1f} ms a search", slow)


def _processor(machine: Machine) -> Finding:
    fact = f"{machine.processor}: {', '.join(machine.features) or 'no vector features known'}"
    advice = None
    if machine.precision == "fp32":
        advice = (
            "it does not multiply bfloat16 in hardware: large models are encoded in fp32, which "
            "takes twice as long as with AVX-512 BF16, and 3 to 4 times as long as with AMX"
        )
    return Finding("processor", fact, advice)


def _cores(machine: Machine) -> Finding:
    usable = len(psutil.Process().cpu_affinity()) if psutil.LINUX else psutil.cpu_count() or 1
    load = os.getloadavg()[0]
    fact = f"{usable} usable cores, {machine.threads} threads, load {load:.1f}"
    advice = None
    if machine.threads < usable:
        advice = (
            f"{usable - machine.threads} cores stay idle: OMP_NUM_THREADS is "
            f"{os.environ.get('OMP_NUM_THREADS', 'not set')}; set it to {usable} or leave it out"
        )
    elif load > _BUSY * usable:
        advice = (
            "other programs are at work: what is measured now is slower than the machine can be"
        )
    return Finding("cores", fact, advice)


def _gpu(machine: Machine) -> Finding:
    if machine.gpus:
        named = ", ".join(f"{gpu.name} ({gpu.memory_bytes / _GIB:.0f} GiB)" for gpu in machine.gpus)
        return Finding("GPU", f"{named}; torch {machine.torch_version}")
    if machine.cuda_build is None:
        fact = f"torch {machine.torch_version} is built without CUDA"
        advice = "on a machine with a GPU, install torch's CUDA build to encode on it"
        return Finding("GPU", fact, advice if Path("/dev/nvidia0").exists() else None)
    return Finding("GPU", f"none; torch {machine.torch_version} would use one")


def _faiss(machine: Machine) -> Finding:
    version, options, gpus = faiss_build()
    fact = f"FAISS {version}: {options}"
    if machine.gpus and not gpus:
        return Finding(
            "FAISS", fact, "it is built without the GPU: make FAISS=gpu installs the other"
        )
    if "AVX2" not in options and "avx2" in machine.features:
        return Finding(
            "FAISS", fact, "it uses no vector instructions: install faiss-cpu's own wheel"
        )
    return Finding("FAISS", fact)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit = _cgroup_limit()
    fact = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if limit is not None and limit < total:
        free = min(free, limit)
        fact += f", limited to {limit / _GIB:.1f} GiB for this container"
    few = free < _LITTLE_MEMORY
    return Finding("memory", fact, "a large model or gallery may not fit" if few else None)


def _cgroup_limit() -> int | None:
    try:
        text = _CGROUP_LIMIT.read_text().strip()
    except OSError:  # no cgroups of this kind here
        return None
    return int(text) if text.isdecimal() else None


def _disk(folder: Path) -> Finding:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    usage = psutil.disk_usage(str(there))
    fact = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB free at {str(there)!r}"
    few = usage.free < _LITTLE_DISK
    return Finding(
        "disk", fact, "a build may not fit: 1,000,000 crops need 4 to 6 GiB" if few else None
    )


def _noise(height: int, width: int) -> list[Image.Image]:
    pixels = np.random.default_rng(0).integers(0, 256, (_CROPS, height, width, 3), np.uint8)
    return [Image.fromarray(each) for each in pixels]


def _seconds(work: Callable[[], object]) -> float:
    work()  # the first call also allocates
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)[1]
