from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from indexer.sources.shards import (
    as_shards,
    expanded,
    file_system,
    is_pattern,
    suffix_of,
    told,
)
from models.errors import ConfigurationInvalid

Put = Callable[[str, bytes], None]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_of(location: str) -> list[str]:
    return [shard.name for shard in expanded(location)]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("s-{000..002}.tar", ["s-000.tar", "s-001.tar", "s-002.tar"]),
        ("s-{8..10}.tar", ["s-8.tar", "s-9.tar", "s-10.tar"]),
        ("s-{08..10}.tar", ["s-08.tar", "s-09.tar", "s-10.tar"]),
        ("{b,a}.tar", ["b.tar", "a.tar"]),
        ("{b,a}{0..1}.tar", ["b0.tar", "b1.tar", "a0.tar", "a1.tar"]),
        ("s{,-x}.tar", ["s.tar", "s-x.tar"]),
        ("one.tar", ["one.tar"]),
    ],
)
def test_braces_count_and_list(tmp_path: Path, pattern: str, names: list[str]) -> None:
    touch(tmp_path, *names)
    assert names_of(str(tmp_path / pattern)) == names


def test_wildcards_match_what_is_there_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.tar", "a.tar", "c.tgz", "x/d.tar")
    assert names_of(str(tmp_path / "*.tar")) == ["a.tar", "b.tar"]
    assert names_of(str(tmp_path / "[bc].*")) == ["b.tar", "c.tgz"]
    assert names_of(str(tmp_path / "{x/*,a}.tar")) == ["d.tar", "a.tar"]


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "north/0.tar", "south/0.tar")
    assert names_of(str(tmp_path / "*" / "0.tar")) == ["north/0.tar", "south/0.tar"]


def test_a_store_is_expanded_as_a_disk_is(store: Put) -> None:
    for name in ("/s/0.tar", "/s/1.tar", "/s/2.txt"):
        store(name, b"content")
    assert names_of("memory://s/{0..1}.tar") == ["0.tar", "1.tar"]
    assert names_of("memory://s/*.tar") == ["0.tar", "1.tar"]
    with expanded("memory://s/0.tar")[0].open() as file:
        assert file.read() == b"content"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{0..2}.tar", r"does not exist: .*/1\.tar, .*/2\.tar: name files that are there"),
        ("*.parquet", "matches nothing"),
        ("{0,0}.tar", r"names twice: .*/0\.tar"),
        ("{2..0}.tar", "counts down from 2 to 0: write the smaller number first"),
    ],
)
def test_a_pattern_that_names_no_files_is_refused(
    tmp_path: Path, pattern: str, message: str
) -> None:
    touch(tmp_path, "0.tar")
    with pytest.raises(ConfigurationInvalid, match=message):
        expanded(str(tmp_path / pattern))


def test_a_pattern_without_end_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="names more than 100,000 files"):
        expanded("{0..999999999999}.tar")


@pytest.mark.parametrize(
    ("location", "suffix"),
    [
        ("a/b.TAR", "tar"),
        ("b.tar.gz", "tar"),
        ("b.tgz", "tar"),
        ("b.gz", ""),
        ("https://host/b.tar?key=1.parquet", "tar"),
        ("s3://bucket/b.parquet", "parquet"),
        ("b.parquet/c", ""),
    ],
)
def test_the_end_of_a_name_tells_the_kind(location: str, suffix: str) -> None:
    assert suffix_of(location) == suffix


def test_the_query_of_a_web_address_is_no_wildcard() -> None:
    assert not is_pattern("https://host/a.tar?key=1")
    assert is_pattern("https://host/{0..9}.tar?key=1")
    assert is_pattern("s3://bucket/?.tar")


@pytest.mark.parametrize(
    ("protocol", "error", "remedy"),
    [
        ("s3", "Install s3fs to access S3", "pip install s3fs"),
        ("gs", "Please install gcsfs", "pip install gcsfs"),
        ("https", "requires", r"pip install 'fsspec\[http\]'"),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, protocol: str, error: str, remedy: str
) -> None:
    def lack(_: str) -> None:
        raise ImportError(f"{error} ...")

    # Here the packages may be installed; what fsspec says without them is written out above.
    monkeypatch.setattr(fsspec.core, "url_to_fs", lack)
    with pytest.raises(ConfigurationInvalid, match=f"{error} .*: {remedy}$"):
        file_system(f"{protocol}://bucket/a.tar")


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"'nope://a' cannot be opened: .*nope"):
        file_system("nope://a")


def test_a_local_name_with_colons_is_no_chain_of_addresses(tmp_path: Path) -> None:
    touch(tmp_path, "zip::a.tar")
    assert names_of(str(tmp_path / "zip::a.tar")) == ["zip::a.tar"]


def test_a_store_that_cannot_be_asked_is_named() -> None:
    def refuse(_: str) -> bool:
        raise PermissionError("Forbidden")

    with pytest.raises(ConfigurationInvalid, match="'s3://b' cannot be looked at: Forbidden"):
        told("s3://b", refuse, "b")


def test_no_files_at_all_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="matches nothing"):
        as_shards("somewhere", [])
