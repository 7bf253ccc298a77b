from pathlib import Path

import numpy as np
import torch

from models.encoders.compact_dual import VOCABULARY_FILE
from training.config import TrainConfig
from training.datasets.rendered_people.shards import RenderedCrops
from training.preparation import build_method, prepare_corpus, prepare_people


def test_people_are_rendered_once_and_read_afterwards(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, whole: int) -> None:
        told.append((done, whole))

    first = prepare_people(tmp_path, people=2, sightings=2, seed=6, on_progress=tell)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    again = prepare_people(tmp_path, people=2, sightings=2, seed=6, on_progress=tell)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert np.array_equal(first.images, again.images)
    assert told[-1] == (4, 4)


def test_vocabulary_of_a_run_is_kept_when_it_resumes(
    config: TrainConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    _, sizes = prepare_corpus(config, crops, tmp_path)
    written = (tmp_path / VOCABULARY_FILE).read_bytes()
    other = config.model_copy(
        update={"people": config.people.model_copy(update={"captions_per_crop": 1})}
    )
    _, again = prepare_corpus(other, crops, tmp_path)
    assert (tmp_path / VOCABULARY_FILE).read_bytes() == written
    assert again == sizes


def test_same_seed_builds_the_same_network(
    config: TrainConfig, crops: RenderedCrops, tmp_path: Path
) -> None:
    _, sizes = prepare_corpus(config, crops, tmp_path)
    first, second = (build_method(config, sizes).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
