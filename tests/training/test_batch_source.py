from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from models.errors import CropUnreadable
from training.batch_source import Drawn, as_dictionaries, draw_from, to_device

CPU, META = torch.device("cpu"), torch.device("meta")


class Pair(NamedTuple):
    ids: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Inner:
    labels: torch.Tensor
    name: str


@dataclass(frozen=True)
class Outer:
    inner: Inner
    pair: Pair
    several: tuple[torch.Tensor, Inner]
    nothing: None = None


def nested() -> Outer:
    one, two, three, four, five = (torch.full((2,), float(n)) for n in range(5))
    return Outer(Inner(one, "a"), Pair(two, three), (four, Inner(five, "b")))


@dataclass
class Numbers:
    """Batches that are their own step."""

    bad: int | None = None

    def __len__(self) -> int:
        return 6

    def __getitem__(self, step: int) -> Drawn[Pair]:
        if step == self.bad:
            raise CropUnreadable("crop lost.png cannot be read")
        number = torch.tensor([step])
        return Drawn(Pair(number, torch.randint(99, (1,), generator=_seeded(step))), 1)

    @property
    def samples(self) -> int:
        return 6

    def epoch(self, step: int) -> int:
        return step // 3


def _seeded(step: int) -> torch.Generator:
    return torch.Generator().manual_seed(step)


def test_every_tensor_of_a_batch_is_moved_and_the_rest_stays() -> None:
    batch = nested()
    moved = to_device(batch, META)
    assert isinstance(moved, Outer)
    assert isinstance(moved.pair, Pair)
    tensors = [moved.inner.labels, *moved.pair, moved.several[0], moved.several[1].labels]
    assert {tensor.device for tensor in tensors} == {META}
    assert (moved.inner.name, moved.several[1].name, moved.nothing) == ("a", "b", None)
    assert batch.inner.labels.device == CPU


def test_moving_to_where_they_are_keeps_the_numbers_in_their_places() -> None:
    moved = to_device(nested(), CPU)
    tensors = [
        moved.inner.labels,
        moved.pair.ids,
        moved.pair.mask,
        moved.several[0],
        moved.several[1].labels,
    ]
    assert [float(tensor[0]) for tensor in tensors] == [0, 1, 2, 3, 4]


def test_a_batch_becomes_dictionaries_by_the_names_of_its_fields() -> None:
    found = as_dictionaries(nested())
    assert isinstance(found, dict)
    assert found.keys() == {"inner", "pair", "several", "nothing"}
    assert found["inner"]["name"] == "a"
    assert found["pair"]["mask"].tolist() == [2, 2]
    assert found["several"][1]["labels"].tolist() == [4, 4]


def test_batches_come_in_order_from_the_step_a_run_goes_on_from() -> None:
    assert [int(drawn.batch.ids) for drawn in draw_from(Numbers(), 0, workers=0)] == [*range(6)]
    assert [int(drawn.batch.ids) for drawn in draw_from(Numbers(), 4, workers=0)] == [4, 5]
    assert list(draw_from(Numbers(), 6, workers=0)) == []


def test_drawing_leaves_the_generator_of_the_run_alone() -> None:
    before = torch.get_rng_state()
    assert len(list(draw_from(Numbers(), 0, workers=0))) == 6
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_loader_processes_change_neither_batches_nor_errors() -> None:
    alone = [drawn.batch for drawn in draw_from(Numbers(), 1, workers=0)]
    helped = []
    with pytest.raises(CropUnreadable) as error:
        for drawn in draw_from(Numbers(bad=4), 1, workers=2):
            helped.append(drawn.batch)
    assert str(error.value) == "crop lost.png cannot be read"
    assert [tuple(map(int, batch)) for batch in helped] == [
        tuple(map(int, batch)) for batch in alone[:3]
    ]
