from pathlib import Path

import pytest
import torch

from models.errors import ConfigurationInvalid
from training.batch_source import as_dictionaries
from training.compact import rendered_batches
from training.compact.config import CompactDualConfig, Phase
from training.compact.corpus import Corpus
from training.compact.rendered_batches import RenderedBatches
from training.config import RenderedRunConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.preparation import prepare_corpus


@pytest.fixture
def corpus(config: RenderedRunConfig, crops: RenderedCrops, tmp_path: Path) -> Corpus:
    return prepare_corpus(config, crops, tmp_path)


def with_phases(config: RenderedRunConfig, *phases: tuple[int, int, int]) -> CompactDualConfig:
    """Phases of a height, people a batch, and samples."""
    chosen = tuple(
        Phase(height=height, width=8, people_per_batch=people, samples=samples)
        for height, people, samples in phases
    )
    return config.method.model_copy(update={"phases": chosen})


def same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    assert isinstance(one, torch.Tensor)
    assert isinstance(other, torch.Tensor)
    return torch.equal(one, other)


def test_a_run_has_the_batches_of_its_phases_in_order(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    source = RenderedBatches(corpus, with_phases(config, (24, 4, 20), (36, 2, 12)), seed=3)
    # Of 20 samples in batches of 8 the third goes beyond; of the 12 others 8 are left, in 4s.
    heights = [source[step].batch.pixels.shape[2] for step in range(len(source))]
    assert heights == [24, 24, 24, 36, 36]
    assert [source[step].size for step in range(len(source))] == [8, 8, 8, 4, 4]
    assert source.samples == 32
    assert [source.samples_before(step) for step in range(6)] == [0, 8, 16, 24, 28, 32]


def test_an_epoch_is_over_when_as_many_crops_as_there_are_were_seen(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    source = RenderedBatches(corpus, with_phases(config, (24, 4, 64)), seed=3)
    assert corpus.people.size == 24
    assert [source.epoch(step) for step in range(8)] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_batch_depends_on_the_seed_and_its_number_alone(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    one, other = (RenderedBatches(corpus, config.method, seed) for seed in (3, 4))
    last = as_dictionaries(one[5].batch)
    assert same(as_dictionaries(RenderedBatches(corpus, config.method, 3)[5].batch), last)
    assert not torch.equal(one[5].batch.pixels, other[5].batch.pixels)
    assert not torch.equal(one[5].batch.pixels, one[6].batch.pixels)


def test_more_people_a_batch_than_there_are_is_refused(
    config: RenderedRunConfig, corpus: Corpus
) -> None:
    method = with_phases(config, (24, 4, 20), (24, 13, 20))
    with pytest.raises(ConfigurationInvalid, match="13 is more than the 12 people"):
        RenderedBatches(corpus, method, seed=3)


def test_several_processes_are_refused(
    config: RenderedRunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered_batches, "processes", lambda: 2)
    with pytest.raises(ConfigurationInvalid, match="2 processes were started"):
        RenderedBatches(corpus, config.method, seed=3)
