import pytest
import torch

from models.devices import choose_device, choose_dtype, number_format
from models.errors import ConfigurationInvalid


def test_auto_is_a_device_that_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "", "meta", "cuda:99", "cpu cpu", "mps"])
def test_a_device_that_cannot_be_used_is_named(device: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"{device!r}.*use auto"):
        choose_device(device)


def test_precisions_are_types() -> None:
    cpu = torch.device("cpu")
    assert choose_dtype("fp32", cpu) is torch.float32
    assert choose_dtype("bf16", cpu) is torch.bfloat16
    assert choose_dtype("auto", cpu) in (torch.float32, torch.bfloat16)


def test_types_have_the_names_of_precisions() -> None:
    assert number_format(torch.float32) == "fp32"
    assert number_format(torch.bfloat16) == "bf16"


@pytest.mark.parametrize("precision", ["fp16", "", "float32"])
def test_an_unknown_precision_is_named(precision: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"{precision!r}.*use auto"):
        choose_dtype(precision, torch.device("cpu"))
