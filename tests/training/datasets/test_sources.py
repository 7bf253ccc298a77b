from pathlib import Path

import pytest
from pydantic import TypeAdapter

from models.errors import ConfigurationInvalid, MetadataInvalid
from tests.training.captioned_people import write_captioned_people
from tests.training.datasets.made_up import record, whole_records, write_cuhk, write_json
from training.contracts import Sample
from training.datasets import captioned_folder, cuhk_pedes
from training.datasets.captioned_crops import CaptionedCrop, CaptionedCrops
from training.datasets.catalogue import CATALOGUE
from training.datasets.sources import (
    CaptionedDataConfig,
    gallery_of,
    read_data,
    training_samples,
)

READ_CONFIG = TypeAdapter[CaptionedDataConfig](CaptionedDataConfig)
CROPS = CaptionedCrops(
    name="made up",
    image_root=Path("images"),
    train=(
        CaptionedCrop("a.png", 12, ("one", "two"), (("first",), ())),
        CaptionedCrop("b.png", 7, ("three",), (("third", "more"),)),
    ),
    val=(),
    test=(
        CaptionedCrop("c.png", 5, ("four",)),
        CaptionedCrop("d.png", 3, ("five", "six")),
        CaptionedCrop("e.png", 5, ()),
    ),
)


def read(**content: object) -> CaptionedCrops:
    return read_data(READ_CONFIG.validate_python(content))


def test_configurations_know_every_data_set_of_the_catalogue(tmp_path: Path) -> None:
    sizes = {"train_people": 2, "val_people": 0, "test_people": 0, "sightings": 1, "captions": 1}
    for name in CATALOGUE:
        rendered = {**sizes, "seed": 1} if name == "rendered-captions" else {}
        config = READ_CONFIG.validate_python({"name": name, "root": tmp_path, **rendered})
        assert config.name == name


def test_a_published_data_set_is_read_as_by_its_module(tmp_path: Path) -> None:
    root = write_cuhk(tmp_path, whole_records())
    assert read(name="cuhk-pedes", root=root) == cuhk_pedes.read(root)


def test_noun_phrases_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    root = write_cuhk(tmp_path, whole_records())
    with pytest.raises(MetadataInvalid, match="noun"):
        read(name="cuhk-pedes", root=root, noun_phrases=True)
    records = [
        record(n, 1 + n // 2, "train", ["a red coat"]) | {"cap_noun_phrases": [["red coat"]]}
        for n in range(4)
    ]
    write_json(root / "CUHK-PEDES" / "reid_raw_noun.json", records)
    data = read(name="cuhk-pedes", root=root, noun_phrases=True)
    assert training_samples(data)[0].phrases == ("red coat",)


def test_a_captioned_folder_may_have_its_images_elsewhere(tmp_path: Path) -> None:
    root = write_captioned_people(tmp_path / "people")
    assert read(name="captioned-folder", root=root) == captioned_folder.read(root)
    table = tmp_path / "captions.csv"
    (root / "captions.csv").rename(table)
    moved = read(name="captioned-folder", root=table, images=root)
    assert moved.image_root == root
    assert all(path.is_file() for path in gallery_of(moved, "test").crops)


def test_rendered_captions_are_rendered_once_in_the_size_and_numbers_asked_for(
    tmp_path: Path,
) -> None:
    content = {
        "name": "rendered-captions", "root": tmp_path / "people", "train_people": 2,
        "val_people": 1, "test_people": 1, "sightings": 2, "captions": 3, "height": 48,
        "width": 16, "seed": 3,
    }  # fmt: skip
    told: list[tuple[int, int]] = []
    config = READ_CONFIG.validate_python(content)
    data = read_data(config, lambda done, whole: told.append((done, whole)))
    assert [len(split) for split in (data.train, data.val, data.test)] == [4, 2, 2]
    assert {len(crop.captions) for crop in data.train} == {3}
    assert told[-1] == (8, 8)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    assert len(written) == 8
    assert read_data(config) == data
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    with pytest.raises(ConfigurationInvalid, match="holds another export"):
        read(**{**content, "height": 96})


def test_there_is_a_sample_for_each_caption_with_dense_labels_in_the_order_of_ids() -> None:
    assert training_samples(CROPS) == [
        Sample(Path("images/a.png"), "one", ("first",), 1, 0),
        Sample(Path("images/a.png"), "two", (), 1, 0),
        Sample(Path("images/b.png"), "three", ("third", "more"), 0, 1),
    ]


def test_a_gallery_has_all_crops_of_a_split_and_knows_where_captions_come_from() -> None:
    gallery = gallery_of(CROPS, "test")
    assert [path.name for path in gallery.crops] == ["c.png", "d.png", "e.png"]
    assert gallery.person_ids.tolist() == [1, 0, 1]
    assert gallery.captions == ("four", "five", "six")
    assert gallery.caption_person_ids.tolist() == [1, 0, 0]
    assert gallery.source_crops.tolist() == [0, 1, 1]


def test_an_empty_split_is_no_gallery() -> None:
    with pytest.raises(MetadataInvalid, match="0 crops"):
        gallery_of(CROPS, "val")
