import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from training.data_fingerprints import (
    DATA_FILE,
    fingerprint_of,
    fingerprint_of_rendered,
    keep_fingerprint,
    read_fingerprint,
)
from training.datasets.captioned_crops import CaptionedCrop, CaptionedCrops
from training.datasets.rendered_people.shards import RenderedCrops

CROPS = CaptionedCrops(
    name="made up",
    image_root=Path("images"),
    train=(CaptionedCrop("a.png", 1, ("A man.", "Über him.")), CaptionedCrop("b.png", 2, ("x",))),
    val=(),
    test=(CaptionedCrop("c.png", 3, ("y",)),),
)


def test_the_digest_is_of_splits_paths_people_and_captions_in_order() -> None:
    lines = (
        '["train", "a.png", 1, ["A man.", "\\u00dcber him."]]\n'
        '["train", "b.png", 2, ["x"]]\n'
        '["test", "c.png", 3, ["y"]]\n'
    )
    found = fingerprint_of(CROPS)
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert found.noun_phrases_sha256 is None
    assert found.crops == {"train": 2, "val": 0, "test": 1}
    assert found.captions == {"train": 3, "val": 0, "test": 1}
    assert found.people == {"train": 2, "val": 0, "test": 1}


def changed(**fields: object) -> CaptionedCrops:
    first, second = CROPS.train
    return replace(CROPS, train=(replace(first, **fields), second))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        changed(path="d.png"),
        changed(person_id=4),
        changed(person_id="1"),
        changed(captions=("A man.", "Uber him.")),
        changed(captions=("A man.Über him.",)),
        replace(CROPS, train=CROPS.train[::-1]),
        replace(CROPS, train=CROPS.train[:1], val=CROPS.train[1:]),
    ],
)
def test_any_change_of_the_annotations_changes_the_digest(other: CaptionedCrops) -> None:
    assert fingerprint_of(other).sha256 != fingerprint_of(CROPS).sha256


def test_where_the_images_lie_changes_nothing() -> None:
    assert fingerprint_of(replace(CROPS, image_root=Path("elsewhere"))) == fingerprint_of(CROPS)


def test_noun_phrases_have_a_digest_of_their_own() -> None:
    phrases = [fingerprint_of(changed(phrases=(("man",), own))) for own in ((), ("him",))]
    assert phrases[0].sha256 == phrases[1].sha256 == fingerprint_of(CROPS).sha256
    assert phrases[0].noun_phrases_sha256 != phrases[1].noun_phrases_sha256


def test_rendered_people_are_known_by_what_their_crops_show() -> None:
    crops = RenderedCrops(
        images=np.zeros((4, 2, 1, 3), np.uint8),
        values=np.arange(8, dtype=np.int8).reshape(4, 2),
        person_ids=np.array([0, 0, 1, 1]),
    )
    found = fingerprint_of_rendered(crops)
    assert (found.crops, found.people, found.captions) == ({"train": 4}, {"train": 2}, None)
    other = replace(crops, values=crops.values[::-1].copy())
    assert fingerprint_of_rendered(other).sha256 != found.sha256


def test_a_new_run_keeps_the_fingerprint_and_a_resumed_one_compares_it(tmp_path: Path) -> None:
    assert read_fingerprint(tmp_path) is None
    keep_fingerprint(fingerprint_of(CROPS), tmp_path)
    assert read_fingerprint(tmp_path) == fingerprint_of(CROPS)
    keep_fingerprint(fingerprint_of(CROPS), tmp_path)
    other = fingerprint_of(replace(CROPS, test=()))
    with pytest.raises(ConfigurationInvalid, match=r"sha256: .* became .*; crops: .*'test': 1"):
        keep_fingerprint(other, tmp_path)
    assert read_fingerprint(tmp_path) == fingerprint_of(CROPS)
    assert [path.name for path in tmp_path.iterdir()] == [DATA_FILE]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).write_text(json.dumps({"name": "x"}))
    with pytest.raises(ConfigurationInvalid, match=r"data\.json is no fingerprint"):
        read_fingerprint(tmp_path)
