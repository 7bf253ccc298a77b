import torch

from training.compact.crop_memory import CropMemory


def remember(memory: CropMemory, *numbers: int) -> None:
    rows = torch.tensor([[float(number), 0.0] for number in numbers])
    memory.remember(rows, torch.tensor([[number] for number in numbers]))


def held(memory: CropMemory) -> list[int]:
    rows, values = memory.recall()
    assert rows[:, 0].tolist() == values[:, 0].tolist()
    return sorted(values[:, 0].tolist())


def test_memory_is_empty_at_first_and_never_gives_back_what_it_has_not_seen() -> None:
    memory = CropMemory(4, 2, 1)
    assert held(memory) == []
    remember(memory, 1, 2, 3)
    assert held(memory) == [1, 2, 3]


def test_newer_crops_take_the_place_of_the_oldest() -> None:
    memory = CropMemory(4, 2, 1)
    remember(memory, 1, 2, 3)
    remember(memory, 4, 5)
    assert held(memory) == [2, 3, 4, 5]


def test_more_crops_than_it_holds_leave_the_last() -> None:
    memory = CropMemory(2, 2, 1)
    remember(memory, 1, 2, 3)
    assert held(memory) == [2, 3]


def test_memory_of_no_size_remembers_nothing() -> None:
    memory = CropMemory(0, 2, 1)
    remember(memory, 1)
    assert held(memory) == []


def test_rows_are_remembered_without_their_gradient_and_what_was_recalled_stays() -> None:
    memory = CropMemory(1, 2, 1)
    rows = torch.ones(1, 2, requires_grad=True)
    memory.remember(rows * 2, torch.tensor([[7]]))
    recalled, _ = memory.recall()
    assert not recalled.requires_grad
    remember(memory, 9)
    assert recalled.tolist() == [[2, 2]]


def test_memory_is_part_of_a_stored_state() -> None:
    memory = CropMemory(3, 2, 1)
    remember(memory, 5, 6)
    restored = CropMemory(3, 2, 1)
    restored.load_state_dict(memory.state_dict())
    remember(restored, 7, 8)
    assert held(restored) == [6, 7, 8]
