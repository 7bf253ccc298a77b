import os
from collections import namedtuple
from pathlib import Path

import pytest

from indexer import doctor
from indexer.build import BuildReport
from indexer.doctor import Finding, examine_index, examine_machine, examine_model
from models.devices import describe_machine
from models.errors import BundleNotFound
from models.machine import Gpu, Machine
from tests.fakes import ColourEncoder

FAST = Machine(
    processor="fast",
    torch_version="2.9",
    cuda_build="13.0",
    features=("avx2", "avx512_bf16"),
    threads=len(os.sched_getaffinity(0)),
    gpus=(Gpu("H200", 141 * 2**30),),
    device="cuda",
    precision="bf16",
)
Memory = namedtuple("Memory", ["total", "available"])
Usage = namedtuple("Usage", ["total", "free"])


def by_part(folder: Path) -> dict[str, Finding]:
    return {finding.part: finding for finding in examine_machine(folder)}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.devices.describe_machine", lambda: FAST)
    monkeypatch.setattr(doctor, "faiss_build", lambda: ("1.13", "AVX2 GPU", 1))
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory(2**36, 2**35))
    monkeypatch.setattr("psutil.disk_usage", lambda _: Usage(2**40, 2**39))
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(doctor, "_CGROUP_LIMIT", Path("/nowhere"))


def put(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    other = Machine(**{**FAST.__dict__, **changes})
    monkeypatch.setattr("models.devices.describe_machine", lambda: other)


@pytest.mark.usefixtures("machine")
def test_a_machine_with_everything_gets_no_advice(tmp_path: Path) -> None:
    found = by_part(tmp_path)
    assert list(found) == ["processor", "cores", "GPU", "FAISS", "memory", "disk"]
    assert [finding.advice for finding in found.values()] == [None] * 6
    assert found["processor"].fact == "fast: avx2, avx512_bf16"
    assert found["GPU"].fact == "H200 (141 GiB); torch 2.9"
    assert found["memory"].fact == "32.0 of 64.0 GiB free"
    assert found["disk"].fact == f"512.0 of 1024.0 GiB free at {str(tmp_path)!r}"


@pytest.mark.usefixtures("machine")
def test_what_would_be_slow_is_said_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, precision="fp32", threads=0, gpus=(), cuda_build=None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(doctor, "faiss_build", lambda: ("1.13", "GENERIC", 0))
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory(2**33, 2**31))
    monkeypatch.setattr("psutil.disk_usage", lambda _: Usage(2**40, 2**30))
    found = by_part(tmp_path / "not" / "there")
    assert "3 to 4 times as long" in (found["processor"].advice or "")
    assert "stay idle: OMP_NUM_THREADS is 1; set it to" in (found["cores"].advice or "")
    assert found["GPU"].fact == "torch 2.9 is built without CUDA"
    assert "no vector instructions" in (found["FAISS"].advice or "")
    assert "may not fit" in (found["memory"].advice or "")
    assert "a build may not fit" in (found["disk"].advice or "")
    assert found["disk"].fact.endswith(f"at {str(tmp_path)!r}")  # the disk it would be on


@pytest.mark.usefixtures("machine")
def test_other_programs_a_container_and_a_faiss_without_gpu_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{2**30}\n")
    monkeypatch.setattr(doctor, "_CGROUP_LIMIT", limit)
    monkeypatch.setattr("os.getloadavg", lambda: (100.0, 0.0, 0.0))
    monkeypatch.setattr(doctor, "faiss_build", lambda: ("1.13", "AVX2", 0))
    found = by_part(tmp_path)
    assert "other programs are at work" in (found["cores"].advice or "")
    assert "make FAISS=gpu" in (found["FAISS"].advice or "")
    assert found["memory"].fact.endswith("limited to 1.0 GiB for this container")
    assert found["memory"].advice is not None
    limit.write_text("max\n")
    assert by_part(tmp_path)["memory"].advice is None


def test_this_machine_is_described() -> None:
    here = describe_machine()
    assert here.threads >= 1
    assert here.precision in ("fp32", "bf16")
    assert ("avx512_bf16" in here.features) == (here.precision == "bf16") or here.gpus


def test_a_model_is_timed(encoder: ColourEncoder) -> None:
    what, speed = examine_model(encoder, "colours")
    assert what.fact.startswith("'colours' is ")
    assert "of one stage, width 3" in what.fact
    assert speed.fact.endswith("ms a query")


def test_an_index_is_opened_and_searched(built: BuildReport, encoder: ColourEncoder) -> None:
    index = built.folder.parents[1]
    what, speed = examine_index(index, encoder)
    assert f"{str(index)!r}, generation 1: 5 crops, scalar-fp16, opened in" in what.fact
    assert speed.fact.endswith("ms a search")
    assert speed.advice is None
    with pytest.raises(BundleNotFound):
        list(examine_index(index / "nowhere", encoder))
