import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.errors import ConfigurationInvalid, CropUnreadable
from training.batch_source import Drawn
from training.captioned_batches import BatchesConfig, CaptionedBatches, Share
from training.contracts import Sample
from training.identity_sampling import IdentitySampling, epoch_batches

PEOPLE = 5
ALONE = Share()


@dataclass(frozen=True)
class Seen:
    """Which samples a batch has, what their crops show, and the seed."""

    images: torch.Tensor
    pixels: torch.Tensor
    seed: int


def make(samples: Sequence[Sample], images: Sequence[Image.Image], seed: int) -> Seen:
    pixels = np.stack([np.asarray(image) for image in images])
    return Seen(torch.tensor([s.image_id for s in samples]), torch.from_numpy(pixels), seed)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Twenty-three crops of five people; each is of one grey, its number."""
    root = tmp_path_factory.mktemp("crops")
    found = []
    for number in range(23):
        path = root / f"{number}.png"
        Image.new("RGB", (2, 3), (number, number, number)).save(path)
        found.append(Sample(path, f"crop {number}", (), number % PEOPLE, number))
    return found


def batches(
    samples: Sequence[Sample],
    seed: int = 0,
    share: Share = ALONE,
    **settings: Any,  # noqa: ANN401
) -> CaptionedBatches[Seen]:
    config = BatchesConfig.model_validate({"size": 5, "epochs": 3, **settings})
    return CaptionedBatches(samples, make, config, seed, share)


def numbers(drawn: Drawn[Seen]) -> list[int]:
    found: list[int] = drawn.batch.images.tolist()
    assert drawn.size == len(found)
    return found


def epoch_of(source: CaptionedBatches[Seen], epoch: int) -> list[list[int]]:
    first = epoch * source.steps_per_epoch
    return [numbers(source[step]) for step in range(first, first + source.steps_per_epoch)]


def test_every_sample_comes_once_an_epoch_in_another_order_each_time(
    samples: list[Sample],
) -> None:
    source = batches(samples)
    epochs = [epoch_of(source, epoch) for epoch in range(3)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [5, 5, 5, 5, 3]
        assert sorted(chain(*epoch)) == list(range(23))
    assert epochs[0] != epochs[1] != epochs[2]
    assert (len(source), source.samples) == (15, 69)
    assert [source.epoch(step) for step in (0, 4, 5, 14)] == [0, 0, 1, 2]


def test_crops_stay_with_their_samples(samples: list[Sample]) -> None:
    batch = batches(samples)[3].batch
    assert (batch.pixels == batch.images[:, None, None, None]).all()


def test_a_batch_depends_on_the_seed_and_its_number_alone(samples: list[Sample]) -> None:
    one, other = batches(samples), batches(samples, seed=1)
    backwards = [(numbers(one[step]), one[step].batch.seed) for step in reversed(range(15))]
    again = pickle.loads(pickle.dumps(batches(samples)))  # noqa: S301 - our own
    assert [(numbers(again[step]), again[step].batch.seed) for step in range(15)] == backwards[::-1]
    assert epoch_of(one, 0) != epoch_of(other, 0)
    assert len({seed for _, seed in backwards}) == 15


@pytest.mark.parametrize(
    ("size", "drop", "sizes"),
    [
        (5, True, [5, 5, 5, 5]),
        (11, False, [11, 11]),  # one that is left over has nothing to be told apart from
        (23, False, [23]),
        (23, True, [23]),
        (21, False, [21, 2]),
    ],
)
def test_the_last_batch_of_an_epoch(
    samples: list[Sample], size: int, sizes: list[int], *, drop: bool
) -> None:
    source = batches(samples, size=size, drop_last=drop, epochs=2)
    assert [len(batch) for batch in epoch_of(source, 1)] == sizes
    assert (len(source), source.samples) == (2 * len(sizes), 2 * sum(sizes))


@pytest.mark.parametrize(("world", "size", "sizes"), [(2, 8, [8, 8, 6]), (3, 6, [6, 6, 6])])
def test_processes_share_each_batch_equally_and_without_overlap(
    samples: list[Sample], world: int, size: int, sizes: list[int]
) -> None:
    alone = batches(samples, size=size)
    shares = [batches(samples, share=Share(rank, world), size=size) for rank in range(world)]
    assert {len(share) for share in shares} == {3 * len(sizes)}
    assert {share.samples for share in shares} == {3 * sum(sizes)}
    seen = []
    for step in range(len(sizes)):
        parts = [numbers(share[step]) for share in shares]
        assert {len(part) for part in parts} == {sizes[step] // world}
        together = list(chain(*parts))
        assert together == numbers(alone[step])[: sizes[step]]
        seen += together
        assert len({share[step].batch.seed for share in shares}) == world
    assert len(set(seen)) == len(seen) == sum(sizes)


def test_the_identity_sampler_gives_the_batches_of_the_sampling(samples: list[Sample]) -> None:
    source = batches(samples, seed=7, size=6, sampler="identity", images_per_person=2)
    labels = [sample.label for sample in samples]
    sampling = IdentitySampling(batch_size=6, per_identity=2, seed=7)
    assert epoch_of(source, 0) == epoch_batches(labels, sampling, 0).tolist()
    for batch in epoch_of(source, 2):
        assert sorted(Counter(labels[number] for number in batch).values()) == [2, 2, 2]


@pytest.mark.parametrize(("seed", "first"), [(2, 4), (3, 5)])
def test_epochs_of_the_identity_sampler_are_equally_long_though_its_draws_are_not(
    samples: list[Sample], seed: int, first: int
) -> None:
    labels = [0] * 8 + [1] * 6 + [2] * 5 + [3] * 2 + [4] * 2
    uneven = [replace(sample, label=label) for sample, label in zip(samples, labels, strict=True)]
    sampling = IdentitySampling(batch_size=4, per_identity=2, seed=seed)
    drawn = [len(epoch_batches(labels, sampling, epoch)) for epoch in range(12)]
    source = batches(uneven, seed, size=4, sampler="identity", images_per_person=2, epochs=12)
    assert (drawn[0], {4, 5}) == (first, set(drawn))
    assert source.steps_per_epoch == first
    for epoch in range(12):
        own = epoch_batches(labels, sampling, epoch).tolist()[: drawn[0]]
        found = epoch_of(source, epoch)
        assert found[: len(own)] == own
        for batch in found:
            assert sorted(Counter(labels[number] for number in batch).values()) == [2, 2]


def spoilt(samples: list[Sample], folder: Path, which: dict[int, str]) -> list[Sample]:
    """The samples with some crops that are missing, empty, or cut off."""
    found = list(samples)
    for number, fault in which.items():
        path = folder / f"{fault}-{number}.png"
        if fault != "missing":
            whole = samples[number].image.read_bytes()
            path.write_bytes(b"" if fault == "empty" else whole[: len(whole) // 2])
        found[number] = replace(samples[number], image=path)
    return found


@pytest.mark.parametrize("fault", ["missing", "empty", "broken"])
def test_a_crop_that_cannot_be_read_stops_the_run(
    samples: list[Sample], tmp_path: Path, fault: str
) -> None:
    source = batches(spoilt(samples, tmp_path, {7: fault}))
    whole = epoch_of(batches(samples), 0)
    for step in range(5):
        if 7 not in whole[step]:
            assert numbers(source[step]) == whole[step]
            continue
        with pytest.raises(CropUnreadable, match=rf"{fault}-7\.png cannot be read"):
            source[step]


def test_crops_that_cannot_be_read_are_left_out_and_named(
    samples: list[Sample], tmp_path: Path
) -> None:
    faults = {3: "missing", 7: "empty", 20: "broken"}
    source = batches(spoilt(samples, tmp_path, faults), on_bad_image="skip")
    whole = epoch_of(batches(samples), 0)
    named: list[str] = []
    for step in range(5):
        drawn = source[step]
        assert numbers(drawn) == [number for number in whole[step] if number not in faults]
        assert (drawn.batch.pixels == drawn.batch.images[:, None, None, None]).all()
        assert len(drawn.skipped) + drawn.size == len(whole[step])
        named += drawn.skipped
    for number, fault in faults.items():
        assert sum(f"{fault}-{number}.png" in reason for reason in named) == 1


def test_a_batch_of_which_one_crop_is_left_is_not_learned_from(
    samples: list[Sample], tmp_path: Path
) -> None:
    first = epoch_of(batches(samples), 0)[0]
    faults = dict.fromkeys(first[1:], "missing")
    source = batches(spoilt(samples, tmp_path, faults), on_bad_image="skip")
    with pytest.raises(CropUnreadable, match=r"of the 5 images of step 0 only 1 .*missing-.*check"):
        source[0]
    assert source[1].size == 5


def test_one_person_alone_is_refused(samples: list[Sample]) -> None:
    with pytest.raises(ConfigurationInvalid, match="fewer than two people"):
        batches([replace(sample, label=4) for sample in samples])


@pytest.mark.parametrize("sampler", ["random", "identity"])
def test_a_batch_larger_than_the_data_is_refused(samples: list[Sample], sampler: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"batches of 24 are larger .* of 23 captions"):
        batches(samples, size=24, sampler=sampler)


def test_a_batch_of_more_people_than_there_are_is_refused(samples: list[Sample]) -> None:
    with pytest.raises(ConfigurationInvalid, match="needs 6 people, and the data has 5"):
        batches(samples, size=12, sampler="identity", images_per_person=2)


@pytest.mark.parametrize(
    ("size", "settings", "message"),
    [
        (5, {}, "batches of 5 cannot be shared by 2 processes"),
        (2, {}, "batches of 2 leave 2 processes fewer than 2 captions each"),
        (4, {"on_bad_image": "skip"}, "works in one process alone"),
    ],
)
def test_what_processes_cannot_share_is_refused(
    samples: list[Sample], size: int, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=message):
        batches(samples, share=Share(0, 2), size=size, **settings)


@pytest.mark.parametrize(
    "settings",
    [{"size": 1}, {"epochs": 0}, {"sampler": "all"}, {"accumulate": 0}, {"on_bad_image": "retry"}],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BatchesConfig.model_validate({"size": 4, "epochs": 1, **settings})
