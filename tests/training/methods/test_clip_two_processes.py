"""Two processes that share a batch do what one does with all of it."""

import os
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from tests.training.methods.recorded_clip import RECORDED_SGIHA, recorded_sgiha_batch
from training.clip.rates import IRRA_OPTIMISER
from training.methods.sg_iha import SgIhaBatch, SgIhaConfig, SgIhaNetwork, build

WORLD = 2
ASKED = (True, True, False, True)


def network() -> SgIhaNetwork:
    config = SgIhaConfig.model_validate(RECORDED_SGIHA)
    return build(config, IRRA_OPTIMISER, classes=20, seed=0).network


def whole_batch() -> SgIhaBatch:
    batch = recorded_sgiha_batch()
    return SgIhaBatch(batch.captions, batch.questions, torch.tensor(ASKED))


def part(value: Any, rows: slice) -> Any:  # noqa: ANN401 - any nesting of tensors
    if isinstance(value, torch.Tensor):
        return value[rows]
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(*(part(getattr(value, f.name), rows) for f in fields(value)))
    return type(value)(*(part(item, rows) for item in value))


def train_share(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        rank=rank,
        world_size=WORLD,
        timeout=timedelta(seconds=120),
    )
    trained = network()
    shared = DistributedDataParallel(trained)  # averages gradients for as long as it is there
    terms = shared(part(whole_batch(), slice(2 * rank, 2 * rank + 2)))
    terms.total().backward()
    gradients = {n: p.grad for n, p in trained.named_parameters() if p.grad is not None}
    torch.save({"values": terms.values(), "gradients": gradients}, folder / f"{rank}.pt")
    distributed.destroy_process_group()
    os._exit(0)  # gloo's threads may outlive the group and complain


@pytest.mark.slow
def test_losses_and_gradients_of_two_processes_are_those_of_one(tmp_path: Path) -> None:
    spawn(train_share, (tmp_path,), nprocs=WORLD)  # type: ignore[no-untyped-call]
    one = network()
    terms = one(whole_batch())
    terms.total().backward()
    shares = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    for name, value in terms.values().items():
        found = [share["values"][name] for share in shares]
        # Masked words stay with their process, weighted so that the mean is that of all.
        assert sum(found) / WORLD == pytest.approx(value, rel=1e-5)
        assert name == "mlm" or found[0] == found[1]
    masked = (whole_batch().captions.targets != 0).sum(1)
    assert masked[:2].sum() != masked[2:].sum()  # else any weighting would do
    gradients = {n: p.grad for n, p in one.named_parameters() if p.grad is not None}
    for share in shares:
        assert share["gradients"].keys() == gradients.keys()
        for name, gradient in gradients.items():
            assert torch.allclose(share["gradients"][name], gradient, rtol=1e-4, atol=1e-5)
