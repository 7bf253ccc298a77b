from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn

import training.nafs.network
from models.layers.nafs_network import ImageOutputs, TextOutputs
from tests.models.det_weights import det_input
from tests.training.small_nafs import batch, config, small, some
from training.losses.part_alignment import pairwise_alignment
from training.methods.nafs import NafsMethod
from training.nafs.network import LENGTH_BEYOND, NafsTrainingNetwork, bounded_alignment

Gradients = Mapping[str, torch.Tensor]


def outputs() -> tuple[ImageOutputs, TextOutputs, torch.Tensor]:
    queries, values, keys, text_values = (
        torch.from_numpy(det_input(name, shape)).requires_grad_()
        for name, shape in (
            ("queries", (5, 6, 16)),
            ("values", (5, 6, 16)),
            ("keys", (7, 9, 16)),
            ("text_values", (7, 9, 16)),
        )
    )
    crops = ImageOutputs(queries[:, 0], queries, values)
    return crops, TextOutputs(keys[:, 0], keys, text_values), torch.tensor([3, 9, 11, 4, 5, 6, 7])


@pytest.mark.parametrize("pairs", [1, 14, 34])
def test_many_pairs_are_compared_in_parts_with_the_same_gradients(
    pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, texts, lengths = outputs()
    whole = pairwise_alignment(crops.queries, crops.values, texts.keys, texts.values, lengths)
    inputs = (crops.queries, crops.values, texts.keys, texts.values)
    expected = torch.autograd.grad(whole.square().sum(), inputs)
    monkeypatch.setattr(training.nafs.network, "_PAIRS_AT_ONCE", pairs)
    found = bounded_alignment(crops, texts, lengths, "none")
    assert torch.allclose(found, whole, atol=1e-6)
    for left, right in zip(
        torch.autograd.grad(found.square().sum(), inputs), expected, strict=True
    ):
        assert torch.allclose(left, right, atol=1e-6)


def test_norms_of_global_features_keep_their_biases(tmp_path: Path) -> None:
    network = small(tmp_path).network
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert frozen == ["bottleneck_image.bias", "bottleneck_text.bias"]


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.3])
def test_dropout_is_the_configured_one_everywhere_in_bert(tmp_path: Path, dropout: float) -> None:
    network = small(tmp_path, text_dropout=dropout).network
    rates = [m.p for m in network.language_model.modules() if isinstance(m, nn.Dropout)]
    assert len(rates) == 4  # of the embeddings, attention, its output, and the layer's output
    assert set(rates) == {dropout}
    drawn = batch(small(tmp_path / "again"))
    totals = [float(network.train()(drawn).total().detach()) for _ in range(2)]
    assert (totals[0] == totals[1]) == (dropout == 0)


def test_as_many_rows_of_a_caption_are_compared_as_the_encoder_attends(tmp_path: Path) -> None:
    method = small(tmp_path, text_dropout=0)
    encoder = method.encoder()
    caption = "a man in red"
    drawn = encoder.part_scorer.prepare(caption)
    pieces = method.batch_maker.phrases.captions([caption], honour_special=False)
    assert len(drawn.keys) == int(pieces.counts[0]) + LENGTH_BEYOND


def test_bf16_towers_give_nearly_the_same_terms_in_float32(tmp_path: Path) -> None:
    method = small(tmp_path, text_dropout=0)
    exact = method.network(batch(method))
    with torch.autocast("cpu", torch.bfloat16):
        reduced = method.network(batch(method))
    assert reduced.total().dtype is torch.float32
    reduced.total().backward()
    for name, value in exact.values().items():
        assert reduced.values()[name] == pytest.approx(value, rel=0.05, abs=0.05)


def gradients(network: NafsTrainingNetwork) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


def share(rank: int, folder: Path) -> None:
    """One of two processes: the gradient of the loss of all, in eval mode for equal norms."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    store = f"file://{folder / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    method = small(folder / f"rank-{rank}", lambda_cont=1.0)
    rows = slice(0, 3) if rank == 0 else slice(3, 6)
    terms = method.network.eval()(some(batch(method), rows))
    terms.total().backward()
    found = gradients(method.network)
    for gradient in found.values():  # as DistributedDataParallel does
        distributed.all_reduce(gradient)
        gradient /= 2
    torch.save({"terms": terms.values(), "gradients": found}, folder / f"rank-{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_loss_and_the_gradient_of_one_with_all_crops(
    tmp_path: Path,
) -> None:
    method: NafsMethod = small(tmp_path / "whole", lambda_cont=1.0)
    assert config().lambda_cont == 0.1
    terms = method.network.eval()(batch(method))
    terms.total().backward()
    expected = gradients(method.network)
    spawn(share, args=(tmp_path,), nprocs=2)  # type: ignore[no-untyped-call]
    for rank in range(2):
        found = torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True)
        assert found["terms"] == pytest.approx(terms.values(), abs=1e-5)
        assert found["gradients"].keys() == expected.keys()
        for name, gradient in expected.items():
            difference = (found["gradients"][name] - gradient).norm()
            assert difference <= 1e-4 * (gradient.norm() + 1e-3), name
