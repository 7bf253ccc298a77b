import resource
from pathlib import Path

import pytest

from indexer.journal import Journal, JournalHeader, remove_journal
from tests.indexer.stored_crops import WIDTH, digest, stored

HEADER = JournalHeader(
    model_fingerprint="a" * 64, precision="fp32", batch_size=2, keeps_contents=True
)


def journal(index: Path, shard_crops: int = 4, header: JournalHeader = HEADER) -> Journal:
    return Journal(index, header, WIDTH, shard_crops)


def write(index: Path, numbers: range, shard_crops: int = 4) -> None:
    """Append crops and die without a flush: only whole shards stay."""
    with journal(index, shard_crops) as writing:
        for number in numbers:
            writing.append(stored(number))


def shards(index: Path) -> list[str]:
    return sorted(path.name for path in (index / ".journal").glob("shard-*"))


def test_crops_come_back_as_they_were_appended(tmp_path: Path) -> None:
    with journal(tmp_path) as writing:
        for number in range(6):
            writing.append(stored(number))
            assert digest(number) in writing
        writing.flush()
        writing.flush()  # there is nothing more
        for number in range(6):
            back, expected = writing.stored(digest(number)), stored(number)
            assert back.crop == expected.crop
            assert (back.thumbnail, back.content) == (expected.thumbnail, expected.content)
            assert back.vector.tolist() == expected.vector.tolist()
        assert digest(6) not in writing
        with pytest.raises(KeyError):
            writing.stored(digest(6))
    assert shards(tmp_path) == ["shard-000000", "shard-000001"]


def test_whole_shards_outlive_the_build_and_the_one_being_written_does_not(tmp_path: Path) -> None:
    write(tmp_path, range(11))
    with journal(tmp_path) as again:
        known = [number for number in range(11) if digest(number) in again]
        assert known == [0, 1, 2, 3, 4, 5, 6, 7]
        assert not again.discarded
        again.append(stored(8))
        again.flush()
        assert [again.is_resumed(digest(number)) for number in (0, 7, 8)] == [True, True, False]
        assert again.stored(digest(3)).content == b"3"
        assert again.stored(digest(8)).content == b"8"


def test_a_shard_holds_whole_batches(tmp_path: Path) -> None:
    write(tmp_path, range(7), shard_crops=3)  # with batches of 2: 2 crops
    assert len(shards(tmp_path)) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"model_fingerprint": "b" * 64},
        {"precision": "bf16"},
        {"batch_size": 4},
        {"keeps_contents": False},
    ],
)
def test_what_was_encoded_otherwise_is_thrown_away_and_told(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    write(tmp_path, range(4))
    other = HEADER.model_copy(update=changed)
    with journal(tmp_path, header=other) as again:
        assert again.discarded
        assert digest(0) not in again
    with journal(tmp_path, header=other) as again:
        assert not again.discarded


def test_a_header_that_was_never_written_whole_is_of_another_build(tmp_path: Path) -> None:
    write(tmp_path, range(4))
    (tmp_path / ".journal" / "journal.json").write_text('{"model_finger')
    with journal(tmp_path) as again:
        assert again.discarded


@pytest.mark.parametrize(
    "name",
    ["crops.arrow", "vectors.npy", "thumbnails.pack", "thumbnails.npy", "contents.pack",
     "contents.npy", "sums.json"],
)  # fmt: skip
def test_a_shard_with_a_flipped_bit_is_thrown_away_and_the_others_stay(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path, range(12))
    path = tmp_path / ".journal" / "shard-000001" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with journal(tmp_path) as again:
        known = [number for number in range(12) if digest(number) in again]
        assert known == [0, 1, 2, 3, 8, 9, 10, 11]
        for number in range(20, 25):
            again.append(stored(number))
        again.flush()
        assert again.stored(digest(24)).content == b"24"
        assert again.stored(digest(11)).content == b"11"


def test_a_shard_half_removed_leaves_a_gap_that_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path, range(12))
    (tmp_path / ".journal" / "shard-000000" / "sums.json").unlink()
    with journal(tmp_path):
        assert shards(tmp_path) == ["shard-000001", "shard-000002"]
    write(tmp_path, range(100, 108))
    with journal(tmp_path) as again:
        assert digest(107) in again
        assert again.stored(digest(4)).content == b"4"


def test_any_number_of_shards_needs_few_open_files(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    write(tmp_path, range(110), shard_crops=2)
    assert len(shards(tmp_path)) == 55
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 250, limits[1]))
    try:
        with journal(tmp_path) as again:
            for number in (*range(110), *range(110)):
                assert again.stored(digest(number)).content == b"%d" % number
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, range(4))
    remove_journal(tmp_path)
    remove_journal(tmp_path)
    assert list(tmp_path.iterdir()) == []
