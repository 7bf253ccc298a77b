import os

import pytest

from models.errors import CropUnreadable
from training.datasets.rendered_people.workers import run_tasks, usable_cores


def square(number: int) -> int:
    return number * number


def refuse_three(number: int) -> int:
    if number == 3:
        raise CropUnreadable("three")
    return number


def process_and_threads(_number: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers: int) -> None:
    assert sorted(run_tasks(square, range(5), workers)) == [0, 1, 4, 9, 16]


def test_no_tasks_give_nothing() -> None:
    assert list(run_tasks(square, [], None)) == []


def test_one_worker_works_here() -> None:
    assert {pid for pid, _ in run_tasks(process_and_threads, range(2), 1)} == {os.getpid()}


def test_workers_use_one_thread_and_leave_the_environment_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    results = list(run_tasks(process_and_threads, range(4), 2))
    assert {threads for _, threads in results} == {"1"}
    assert os.getpid() not in {pid for pid, _ in results}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_reaches_the_caller(workers: int) -> None:
    with pytest.raises(CropUnreadable, match="three"):
        list(run_tasks(refuse_three, range(6), workers))


def test_there_is_a_core() -> None:
    assert usable_cores() >= 1
