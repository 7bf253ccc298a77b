from pathlib import Path

import pytest

from models.errors import ConfigurationInvalid
from tests.training.datasets.made_up import whole_records, write_cuhk
from training.datasets.catalogue import CATALOGUE, reader_of


def test_every_module_of_a_data_set_is_in_the_catalogue() -> None:
    modules = {reader.read.__module__.rpartition(".")[2] for reader in CATALOGUE.values()}
    assert modules == {
        "cuhk_pedes",
        "icfg_pedes",
        "rstp_reid",
        "wider_person_search",
        "captioned_folder",
        "rendered_captions",
    }
    assert all(reader.read.__module__ == reader.survey.__module__ for reader in CATALOGUE.values())


def test_a_data_set_is_read_by_its_name(tmp_path: Path) -> None:
    reader = reader_of("cuhk-pedes")
    root = write_cuhk(tmp_path, whole_records())
    assert reader.read(root) == reader.survey(root).crops


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"'cuhk': use cuhk-pedes, icfg-pedes"):
        reader_of("cuhk")
