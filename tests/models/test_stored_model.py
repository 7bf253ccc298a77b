from pathlib import Path

import pytest
import torch

from models.card import ImagePreprocessing, ModelCard, file_sha256
from models.errors import CheckpointMismatch, CheckpointUnreadable
from models.stored_model import StoredModel, require_finite

CARD = ModelCard(
    name="stored",
    architecture="anything",
    method="none",
    embedding_width=2,
    image=ImagePreprocessing(height=8, width=4, mean=(0, 0, 0), std=(1, 1, 1)),
    sizes={},
    weights_sha256="0" * 64,
)


def model(files: dict[str, Path], **tensors: torch.Tensor) -> StoredModel:
    return StoredModel(CARD, tensors, files, Path("somewhere") / "best.pth")


def test_a_file_is_found_by_its_name_and_checksum(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("red\n")
    assert model({"vocab.txt": path}).file("vocab.txt", file_sha256(path)) == path


def test_a_file_that_is_missing_gone_or_another_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words"
    with pytest.raises(CheckpointUnreadable, match=r"somewhere holds no vocab\.txt"):
        model({}).file("vocab.txt", "0" * 64)
    with pytest.raises(CheckpointUnreadable, match="words cannot be read"):
        model({"vocab.txt": path}).file("vocab.txt", "0" * 64)
    path.write_text("red\n")
    with pytest.raises(CheckpointUnreadable, match="words is damaged or belongs to another card"):
        model({"vocab.txt": path}).file("vocab.txt", "0" * 64)


def test_numbers_of_any_kind_are_finite() -> None:
    require_finite(model({}, weight=torch.ones(2), counter=torch.tensor(3)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_named_and_counted(value: float) -> None:
    broken = torch.ones(2, 3)
    broken[0, :2] = value
    with pytest.raises(CheckpointMismatch, match=r"in 1 tensors: head \(2 of 6 values\)"):
        require_finite(model({}, head=broken, body=torch.ones(4)))
