import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.sources.local_folder import LocalFolder
from indexer.sources.locations import open_source
from indexer.sources.parquet_files import ParquetFiles
from indexer.sources.stored_folder import StoredFolder
from indexer.sources.tar_archives import TarArchives
from models.errors import ConfigurationInvalid
from tests.indexer.conftest import draw
from tests.indexer.sources.conftest import contents_of, entries_of, pack, picture

Put = Callable[[str, bytes], None]
RED, BLUE = picture("red"), picture("blue")


def table(path: Path, *contents: bytes) -> Path:
    pq.write_table(pa.table({"image": list(contents)}), path)
    return path


def test_a_folder_of_images_is_opened_by_path_and_by_address(crops: Path) -> None:
    for location in (str(crops), f"file://{crops}", f"{crops}/"):
        source = open_source(location)
        assert isinstance(source, LocalFolder)
        assert (source.root, source.name, source.count()) == (str(crops.resolve()), "crops", 5)


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz", "X.TAR"])
def test_one_archive_is_opened(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, {"a.png": RED})
    for location in (str(path), f"file://{path}"):
        source = open_source(location)
        assert isinstance(source, TarArchives)
        assert (source.root, source.name.lower()) == (location, "x")
        assert contents_of(source) == {f"{name}/a.png": RED}


def test_archives_are_opened_by_pattern_and_by_folder(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    pack(shards / "s-00.tar", {"a.png": RED})
    pack(shards / "s-01.tar", {"a.png": BLUE})
    (shards / "README.md").touch()
    (shards / ".hidden.png").touch()
    expected = {"s-00.tar/a.png": RED, "s-01.tar/a.png": BLUE}
    for location in (f"{shards}/s-{{00..01}}.tar", f"{shards}/*.tar", str(shards)):
        source = open_source(location)
        assert isinstance(source, TarArchives)
        assert contents_of(source) == expected
        assert source.name == "shards"


def test_tables_are_opened_by_name_pattern_and_folder(tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", RED)
    table(tmp_path / "b.parquet", BLUE)
    expected = {"a.parquet/row-1": RED, "b.parquet/row-1": BLUE}
    for location in (str(tmp_path), f"{tmp_path}/{{a,b}}.parquet", f"{tmp_path}/?.parquet"):
        source = open_source(location)
        assert isinstance(source, ParquetFiles)
        assert contents_of(source) == expected
    assert list(entries_of(open_source(str(tmp_path / "b.parquet")))) == ["b.parquet/row-1"]


@pytest.mark.parametrize("beside", ["a.jpg", "cam1/a.jpg"])
def test_a_table_beside_crops_is_not_their_source(tmp_path: Path, beside: str) -> None:
    table(tmp_path / "metadata.parquet", RED)
    draw(tmp_path / beside)
    source = open_source(str(tmp_path))
    assert isinstance(source, LocalFolder)
    assert list(entries_of(source)) == [beside]


def test_a_name_that_looks_like_a_pattern_is_taken_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "[red] {a,b}"
    draw(folder / "a.jpg")
    pack(folder / "x[1].tar", {"a.png": RED})
    assert isinstance(open_source(str(folder)), LocalFolder)
    assert isinstance(open_source(str(folder / "x[1].tar")), TarArchives)


def test_a_relative_location_is_seen_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "x.tar", {"a.png": RED})
    draw(tmp_path / "crops" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert list(entries_of(open_source("x.tar"))) == ["x.tar/a.png"]
    assert list(entries_of(open_source("*.tar"))) == ["x.tar/a.png"]
    assert open_source("crops").root == str((tmp_path / "crops").resolve())


def test_a_store_holds_folders_archives_and_tables(store: Put, tmp_path: Path) -> None:
    store("/crops/cam/a.png", RED)
    archive = pack(tmp_path / "x.tar.gz", {"a.png": RED}).read_bytes()
    store("/shards/0.tar.gz", archive)
    store("/shards/1.tar.gz", archive)
    store("/tables/t.parquet", table(tmp_path / "t.parquet", BLUE).read_bytes())
    folder = open_source("memory://crops")
    assert isinstance(folder, StoredFolder)
    assert (folder.name, contents_of(folder)) == ("crops", {"cam/a.png": RED})
    paths = ["0.tar.gz/a.png", "1.tar.gz/a.png"]
    for location in ("memory://shards", "memory://shards/{0..1}.tar.gz", "memory://shards/*.gz"):
        source = open_source(location)
        assert (list(entries_of(source)), source.name) == (paths, "shards")
    assert list(entries_of(open_source("memory://shards/1.tar.gz"))) == ["1.tar.gz/a.png"]
    for location in ("memory://tables", "memory://tables/t.parquet"):
        assert contents_of(open_source(location)) == {"t.parquet/row-1": BLUE}


def test_a_file_of_another_kind_is_refused(tmp_path: Path, store: Put) -> None:
    store("/crops/a.png", RED)
    kinds = r"a folder of images, \.tar, \.tar\.gz or \.tgz archives, or \.parquet files"
    for location in (str(draw(tmp_path / "a.jpg")), "memory://crops/a.png"):
        with pytest.raises(ConfigurationInvalid, match=f"is a file of another kind: name {kinds}"):
            open_source(location)


def test_what_is_not_there_is_refused(tmp_path: Path, store: Put) -> None:
    store("/crops/a.png", RED)
    locations = (
        *(str(tmp_path / "nothing"), str(tmp_path / "nothing.tar")),
        *("memory://nothing", "memory://nothing.tar", f"file://{tmp_path}/nothing"),
    )
    for location in locations:
        with pytest.raises(ConfigurationInvalid, match="does not exist"):
            open_source(location)


@pytest.mark.parametrize("location", ["", "a\0b"])
def test_a_location_that_is_no_name_is_refused(location: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read: name a folder"):
        open_source(location)


def test_files_of_several_kinds_are_refused(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", {})
    table(tmp_path / "b.parquet", RED)
    with pytest.raises(ConfigurationInvalid, match="names files of several kinds"):
        open_source(f"{tmp_path}/*")
    assert isinstance(open_source(str(tmp_path)), LocalFolder)


def test_a_folder_without_anything_is_a_folder_of_no_crops(tmp_path: Path) -> None:
    assert open_source(str(tmp_path)).count() == 0


def test_a_link_that_leads_round_in_a_loop_does_not_hide_the_archives(tmp_path: Path) -> None:
    pack(tmp_path / "x.tar", {"a.png": RED})
    (tmp_path / "loop").symlink_to("loop")
    assert list(entries_of(open_source(str(tmp_path)))) == ["x.tar/a.png"]


@pytest.mark.timeout(10)
def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tar")
    with pytest.raises(ConfigurationInvalid):
        open_source(str(tmp_path / "x.tar"))
