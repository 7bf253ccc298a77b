import pytest

from indexer.crop_files import MAX_FILE_BYTES
from indexer.sources.entries import HeldEntry, is_hidden, is_image, is_utf8, unusable_name
from models.errors import CropUnreadable


def test_a_held_entry_gives_its_content_unless_it_is_too_large() -> None:
    entry = HeldEntry("a.jpg", None, b"content")
    assert (entry.read(), entry.size_bytes) == (b"content", 7)
    with pytest.raises(CropUnreadable, match="too large: 67,108,865 bytes"):
        HeldEntry("a.jpg", None, bytes(MAX_FILE_BYTES + 1)).read()


def test_images_are_told_by_their_suffix_in_any_case() -> None:
    assert [is_image(name) for name in ("a.JPG", "b.c.webp", "jpg", "a.gif", "a.jpg.txt")] == [
        *(True, True),
        *(False, False, False),
    ]


def test_a_path_is_hidden_where_any_of_its_names_is() -> None:
    paths = (".a/b.jpg", "a/._b.jpg", "./.b.jpg", "./a/b.jpg", "a.b/c.jpg")
    assert [is_hidden(path) for path in paths] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/b.jpg", None),
        ("./a..b/c.jpg", None),
        ("/etc/a.jpg", "absolute"),
        ("a/../b.jpg", "contains '..'"),
        ("..", "contains '..'"),
        ("", "empty"),
        ("a\0b.jpg", "NUL"),
        ("\udcff.jpg", "not UTF-8"),
    ],
)
def test_names_that_are_no_relative_path_are_told(name: str, problem: str | None) -> None:
    said = unusable_name(name)
    assert said is None if problem is None else problem in (said or "")
    assert is_utf8(name) == (problem != "not UTF-8")
