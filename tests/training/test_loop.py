import json
from pathlib import Path

import pytest
import torch

from training.checkpoints import LAST_FILE, TrainingState, restore_state
from training.config import TrainConfig
from training.corpus import Corpus
from training.datasets.rendered_people.shards import RenderedCrops
from training.loop import METRICS_FILE, start_state, take_step, train
from training.methods.compact_dual import CompactDualMethod
from training.preparation import build_method, prepare_corpus


def ignore_progress(*_: int) -> None:
    """Steps are not shown in a test."""


Prepared = tuple[Corpus, CompactDualMethod, TrainingState]


def prepare(config: TrainConfig, crops: RenderedCrops, folder: Path) -> Prepared:
    corpus, sizes = prepare_corpus(config, crops, folder)
    method = build_method(config, sizes)
    return corpus, method, start_state(method, config.optimiser)


def tensors(state: TrainingState) -> dict[str, torch.Tensor]:
    return {
        **state.method.state_dict(),
        **{f"average {k}": v for k, v in state.average.tensors.items()},
    }


def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    config: TrainConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    corpus, method, whole = prepare(config, crops, tmp_path)
    train(whole, method, corpus, config, tmp_path, ignore_progress)
    assert whole.samples == config.samples

    half = tmp_path / "half"
    half.mkdir()
    corpus, method, first = prepare(config, crops, half)
    # Saved after every step, and stopped from outside before the sixth is saved.
    often = config.model_copy(update={"checkpoint_seconds": 1e-9})

    def stop(samples: int, total: int) -> None:
        assert total == config.samples
        if samples == 6 * 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(first, method, corpus, often, half, stop)
    corpus, method, second = prepare(config, crops, half)
    restore_state(second, half / LAST_FILE)
    assert second.step == 5
    train(second, method, corpus, config, half, ignore_progress)
    expected, found = tensors(whole), tensors(second)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_training_lowers_the_loss_and_reports_it(
    config: TrainConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    corpus, method, state = prepare(config, crops, tmp_path)
    first = take_step(state, method, corpus, config, torch.float32).total().item()
    train(state, method, corpus, config, tmp_path, ignore_progress)
    last = take_step(state, method, corpus, config, torch.float32).total().item()
    assert last < 0.8 * first
    records = [json.loads(line) for line in (tmp_path / METRICS_FILE).read_text().splitlines()]
    assert [record["step"] for record in records] == [20]
    assert {"text_to_image", "attributes", "samples_per_second"} <= records[0].keys()
