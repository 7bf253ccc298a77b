"""Two processes that share a batch, as torchrun starts them, do what one does with all of it."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from tests.training.captioned_people import run_config, write_captioned_people
from training import loop
from training.batch_source import BatchSource, Drawn
from training.captioned_batches import Share
from training.checkpoints import LAST_FILE, read_weights
from training.clip.batches import IrraBatch
from training.gathering import gather_rows, processes
from training.loop import Recipe, make_accelerator, start_state, train
from training.preparation import prepare
from training.tracking import METRICS_FILE

WORLD = 2
Gradients = dict[str, torch.Tensor]


@dataclass
class Told:
    """What a process drew, and what it learned from its first batch."""

    batches: list[dict[str, torch.Tensor]]
    terms: list[dict[str, float]]
    gradients: list[Gradients]


class Merged:
    """The shares of all processes, one after the other."""

    def __init__(self, shares: list[BatchSource[IrraBatch]]) -> None:
        self._shares = shares

    def __len__(self) -> int:
        return len(self._shares[0])

    def __getitem__(self, step: int) -> Drawn[IrraBatch]:
        parts = [share[step].batch for share in self._shares]
        names = [field.name for field in fields(IrraBatch)]
        whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        return Drawn(IrraBatch(**whole), len(whole["labels"]))

    @property
    def samples(self) -> int:
        return self._shares[0].samples

    def epoch(self, step: int) -> int:
        return self._shares[0].epoch(step)


class Remembered(Merged):
    """Remembers what was drawn."""

    def __init__(self, source: BatchSource[IrraBatch], told: Told) -> None:
        super().__init__([source])
        self._told = told

    def __getitem__(self, step: int) -> Drawn[IrraBatch]:
        drawn = super().__getitem__(step)
        self._told.batches.append(vars(drawn.batch))
        return drawn


def no_progress(done: int, total: int) -> None:
    """Nothing is rendered."""


def prepared(root: Path, folder: Path, rank: int, world: int) -> Recipe[IrraBatch]:
    config = run_config(
        root,
        optimiser={"kind": "sgd", "learning_rate": 0.01},
        batches={"size": 8, "epochs": 1, "accumulate": 2},
        gradient_norm=5.0,
        average_decay=0.5,
    )
    return prepare(config, folder, Share(rank, world), no_progress)


def followed(recipe: Recipe[IrraBatch], folder: Path) -> Told:
    """Train to the end, and remember the gradient of every optimiser step."""
    told = Told([], [], [])
    recipe = replace(recipe, source=Remembered(recipe.source, told))
    state = start_state(recipe)
    names = {id(p): name for name, p in recipe.method.network.named_parameters()}

    def keep(optimiser: torch.optim.Optimizer, *_: object) -> None:
        trained = [p for group in optimiser.param_groups for p in group["params"]]
        told.gradients.append({names[id(p)]: p.grad.clone() for p in trained if p.grad is not None})

    def listen(done: int, total: int, values: Mapping[str, float]) -> None:
        assert done <= total
        told.terms.append({name: value for name, value in values.items() if name != "crops/s"})

    state.optimiser.register_step_pre_hook(keep)
    train(recipe, state, folder, make_accelerator("fp32"), listen)
    return told


def train_share(rank: int, root: Path, folder: Path, port: int) -> None:
    """Be one of the processes of torchrun."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(WORLD),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    accelerator = make_accelerator("fp32")
    assert (accelerator.process_index, processes()) == (rank, WORLD)
    pytest.MonkeyPatch().setattr(loop, "draw_curves", lambda _: None)
    told = vars(followed(prepared(root, folder, rank, WORLD), folder))
    own = torch.tensor([[rank, 7], [rank, 8]])
    told["gathered"] = gather_rows(own)
    torch.save(told, folder / f"{rank}.pt")
    distributed.destroy_process_group()
    os._exit(0)  # gloo's threads may outlive the group and complain


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@dataclass(frozen=True)
class Runs:
    """What two processes told, what one did, and their folders."""

    two: list[dict[str, Any]]
    one: Told
    folder_of_two: Path
    folder_of_one: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    root = write_captioned_people(tmp_path_factory.mktemp("people"))
    two, one = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    spawn(  # type: ignore[no-untyped-call]
        train_share, (root, two, free_port()), nprocs=WORLD
    )
    shares = [prepared(root, one, rank, WORLD) for rank in range(WORLD)]
    whole = replace(shares[0], source=Merged([share.source for share in shares]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each of the two has
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", lambda _: None)
        told = followed(whole, one)
    torch.set_num_threads(threads)
    loaded = [torch.load(two / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    return Runs(loaded, told, two, one)


@pytest.mark.slow
def test_losses_of_two_processes_are_those_of_one(runs: Runs) -> None:
    assert len(runs.one.terms) == 3
    for step, expected in enumerate(runs.one.terms):
        found = [told["terms"][step] for told in runs.two]
        assert expected.keys() == {"sdm", "id", "mlm"}
        for name, value in expected.items():
            # Masked words stay with their process, weighted so that the mean is that of all.
            mean = sum(terms[name] for terms in found) / WORLD
            # The third batch is seen by weights that rounding has moved apart.
            assert mean == pytest.approx(value, rel=1e-6 if step < 2 else 1e-5)
            assert name == "mlm" or found[0][name] == found[1][name]


@pytest.mark.slow
def test_gradients_of_two_processes_are_those_of_one(runs: Runs) -> None:
    assert len(runs.one.gradients) == 2  # of two batches, and of the one that is left
    for update, expected in enumerate(runs.one.gradients):
        for told in runs.two:
            found = told["gradients"][update]
            assert found.keys() == expected.keys()
            worst = max(float((found[name] - expected[name]).abs().max()) for name in expected)
            # From the second on, they are taken at weights that rounding has moved apart.
            assert worst <= (1e-5 if update else 1e-6)


@pytest.mark.slow
def test_weights_of_two_processes_end_as_those_of_one(runs: Runs) -> None:
    one, two = (
        read_weights(folder / LAST_FILE) for folder in (runs.folder_of_one, runs.folder_of_two)
    )
    assert (one.step, one.samples) == (two.step, two.samples) == (3, 24)
    worst = max(float((one.tensors[n] - two.tensors[n]).abs().max()) for n in one.tensors)
    assert worst <= 1e-6


@pytest.mark.slow
def test_nobody_sees_a_sample_twice_in_an_epoch(runs: Runs) -> None:
    seen = [
        (int(label), tuple(ids.tolist()))
        for told in runs.two
        for batch in told["batches"]
        for label, ids in zip(batch["labels"], batch["caption_ids"], strict=True)
    ]
    assert len(seen) == len(set(seen)) == 24
    # Two crops of each of six people, with two captions each.
    assert sorted(label for label, _ in seen) == [n for n in range(6) for _ in range(4)]


@pytest.mark.slow
def test_the_first_process_alone_reports(runs: Runs) -> None:
    steps = [
        (record["group"], record["step"])
        for record in map(json.loads, (runs.folder_of_two / METRICS_FILE).read_text().splitlines())
    ]
    assert steps == [("train", 1), ("train", 2), ("train", 3), ("validation", 3)]


@pytest.mark.slow
def test_rows_are_gathered_in_the_order_of_the_processes(runs: Runs) -> None:
    for told in runs.two:
        assert told["gathered"].tolist() == [[0, 7], [0, 8], [1, 7], [1, 8]]


def test_one_process_keeps_its_rows() -> None:
    rows = torch.ones(2, 3, requires_grad=True)
    assert gather_rows(rows) is rows
    assert processes() == 1
