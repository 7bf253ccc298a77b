import json
from pathlib import Path

from indexer.listing import Listing
from indexer.metadata import CropMetadata, Metadata
from indexer.sources.entries import Quarantined

RED = CropMetadata("c1", None, None, {"floor": 2})
BLUE = CropMetadata("c2", None, None, {"floor": 3})


def listing(folder: Path, **crops: CropMetadata) -> Listing:
    return Listing(Metadata(("path", "floor"), crops, {"floor": "integer"}), folder / "q.jsonl")


def test_a_content_is_there_once_with_all_its_paths(tmp_path: Path) -> None:
    listed = listing(tmp_path)
    for path, content in (("b", "1"), ("c", "2"), ("a", "1"), ("d", "1")):
        listed.take(path, content, None)
    assert {content: (crop.path, crop.other_paths) for content, crop in listed.crops.items()} == {
        "1": ("b", ["a", "d"]),
        "2": ("c", []),
    }
    assert (listed.found, listed.duplicates, listed.quarantined) == (4, 2, 0)


def test_what_the_user_says_goes_before_what_the_source_carries(tmp_path: Path) -> None:
    listed = listing(tmp_path, a=RED)
    listed.take("a", "1", BLUE)
    listed.take("b", "2", BLUE)
    listed.take("c", "3", None)
    assert [crop.metadata for crop in listed.crops.values()] == [RED, BLUE, None]
    assert listed.without_metadata == 1


def test_a_copy_may_bring_the_metadata_that_the_first_file_lacks(tmp_path: Path) -> None:
    listed = listing(tmp_path, copy=RED, late=BLUE)
    listed.take("first", "1", None)
    assert listed.without_metadata == 1
    listed.take("copy", "1", None)
    listed.take("late", "1", None)  # what came before stays
    assert listed.crops["1"].metadata == RED
    assert listed.without_metadata == 0


def test_refused_files_are_written_down_with_their_reasons(tmp_path: Path) -> None:
    listed = listing(tmp_path)
    refused = [Quarantined("ünreadable\n\udcff.jpg", "the file is empty")]
    refused += [Quarantined(f"{number}.jpg", "not an image") for number in range(99)]
    for item in refused:
        listed.refuse(item)
    lines = (tmp_path / "q.jsonl").read_text(encoding="ascii").splitlines()
    assert [Quarantined(**json.loads(line)) for line in lines] == refused
    assert (listed.found, listed.quarantined) == (100, 100)
    assert listed.examples == refused[:20]  # the others are only in the file


def test_lines_of_the_metadata_without_a_file_are_known(tmp_path: Path) -> None:
    listed = listing(tmp_path, a=RED, b=RED, gone=RED)
    listed.take("a", "1", None)
    listed.refuse(Quarantined("b", "the file is empty"))
    assert list(listed.undescribed()) == ["gone"]
