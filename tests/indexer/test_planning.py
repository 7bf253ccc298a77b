import pytest

from indexer.planning import Plan, Resources, parse_size, plan
from indexer.wishes import IndexWishes
from models.errors import ConfigurationInvalid

GB = 10**9
ROOMY = Resources(memory_free=64 * GB, disk_free=500 * GB, threads=2)


@pytest.mark.parametrize(
    ("rows", "wishes", "kind", "reason"),
    [
        (1, IndexWishes(), "scalar-fp16", "scanned in milliseconds"),
        (100_000, IndexWishes(), "scalar-fp16", "scanned in milliseconds"),
        (100_001, IndexWishes(), "ivf-sq8", "more than 100,000"),
        (100, IndexWishes(kind="ivf"), "ivf-sq8", "as asked for"),
        (2_000_000, IndexWishes(kind="flat"), "scalar-fp16", "as asked for"),
        (2_000_000, IndexWishes(recall=1), "scalar-fp16", "recall of 1"),
    ],
)
def test_the_kind_follows_size_and_wishes(
    rows: int, wishes: IndexWishes, kind: str, reason: str
) -> None:
    chosen = plan(rows, 512, ROOMY, wishes)
    assert chosen.kind == kind
    assert reason in chosen.reason


def test_bytes_on_disk_are_those_of_the_formats() -> None:
    exact = plan(50_000, 512, ROOMY)
    assert exact.vector_bytes == 50_000 * 512 * 4
    assert exact.index_bytes == 50_000 * 512 * 2
    lists = plan(1_000_000, 512, ROOMY)
    # A byte a direction and an id of 8 bytes a row; 2,048 centroids of float32.
    assert lists.index_bytes == 1_000_000 * 520 + 2048 * 512 * 4
    assert lists.disk_bytes == lists.vector_bytes + lists.index_bytes


def test_more_threads_build_faster_and_encoding_is_added() -> None:
    one, two = (plan(10**6, 512, Resources(64 * GB, 64 * GB, n, 50.0)) for n in (1, 2))
    assert one.build_s > two.build_s > one.build_s / 2
    assert one.encode_s == two.encode_s == 20_000
    assert plan(10**6, 512, ROOMY).encode_s is None


def test_a_build_that_does_not_fit_the_disk_is_refused() -> None:
    little = Resources(memory_free=64 * GB, disk_free=2 * GB)
    with pytest.raises(ConfigurationInvalid, match=r"2\.6GB of disk, 2\.0GB are free: make room"):
        plan(1_000_000, 512, little)


def test_a_build_that_does_not_fit_the_memory_is_refused() -> None:
    little = Resources(memory_free=GB // 10, disk_free=500 * GB)
    with pytest.raises(ConfigurationInvalid, match=r"100\.0MB are free: build on a machine"):
        plan(1_000_000, 512, little)
    with pytest.raises(ConfigurationInvalid, match=r"--memory allows 300\.0MB: allow more"):
        plan(1_000_000, 512, ROOMY, IndexWishes(memory=300_000_000))


def test_a_refused_scan_names_lists_where_those_fit() -> None:
    wishes = IndexWishes(kind="flat", memory=2 * GB)
    with pytest.raises(ConfigurationInvalid, match="or choose --kind ivf, which needs at most"):
        plan(2_000_000, 512, ROOMY, wishes)
    assert plan(2_000_000, 512, ROOMY, wishes.model_copy(update={"kind": "ivf"})).kind == "ivf-sq8"
    with pytest.raises(ConfigurationInvalid) as none_fits:
        plan(2_000_000, 512, ROOMY, IndexWishes(kind="flat", memory=GB // 10))
    assert "--kind ivf" not in str(none_fits.value)


def test_little_disk_makes_a_small_gallery_one_of_lists() -> None:
    disk = 100_000 * (2048 + 800)  # room for the vectors and a byte a direction, not two
    chosen = plan(100_000, 512, Resources(memory_free=64 * GB, disk_free=disk))
    assert chosen.kind == "ivf-sq8"
    assert "than there is" in chosen.reason


def test_lists_that_should_find_everything_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"--recall 0\.99, or --kind flat"):
        plan(1_000, 512, ROOMY, IndexWishes(kind="ivf", recall=1))


def test_lines_say_kind_disk_memory_and_time() -> None:
    chosen = Plan(
        rows=1_000_000,
        width=512,
        kind="ivf-sq8",
        reason="as asked for",
        vector_bytes=2_048_000_000,
        index_bytes=524_000_000,
        build_memory=800_000_000,
        serving_memory=50_000_000,
        build_s=59.4,
        encode_s=20_000.0,
    )
    memory = (
        "memory: at most 800.0MB while building, 50.0MB of its own while serving; searches are "
        "fast while 524.0MB stay in the page cache"
    )
    assert chosen.lines() == [
        "index: 1,000,000 crops of width 512 as ivf-sq8, as asked for",
        "disk: 2.0GB of vectors, at most 524.0MB of index",
        memory,
        "time: about 5:33:20 to encode, then up to 59 s to build the index",
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * GB), ("512 MiB", 512 * 2**20), ("1000", 1000), ("1.5kb", 1500)]
)
def test_sizes_are_read_in_their_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "four", "4 apples", "-1GB", "0", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="is no"):
        parse_size(text)
