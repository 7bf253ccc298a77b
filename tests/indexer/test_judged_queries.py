from pathlib import Path

import pytest

from indexer.judged_queries import JudgedQuery, read_judged_queries
from models.errors import MetadataInvalid

EXPECTED = [
    JudgedQuery(text="red, or nearly", relevant=("a/1.png", "x9")),
    JudgedQuery(text="blue", relevant=("a/2.png",)),
]


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "q.jsonl",
            (
                '{"text": "red, or nearly", "relevant": ["a/1.png", "x9"]}\n\n'
                '{"text": "blue", "relevant": ["a/2.png"]}\n'
            ),
        ),
        (
            "q.json",
            (
                '[{"text": "red, or nearly", "relevant": ["a/1.png", "x9"]},'
                ' {"text": "blue", "relevant": ["a/2.png"]}]'
            ),
        ),
        (
            "q.CSV",
            'text,relevant\n"red, or nearly",a/1.png\nblue,a/2.png\n"red, or nearly",x9\n',
        ),
    ],
)
def test_every_format_gives_the_same_queries(tmp_path: Path, name: str, content: str) -> None:
    assert read_judged_queries(written(tmp_path, name, content)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.txt", "", r"suffix '.txt': use .jsonl, .json, .csv"),
        ("q.jsonl", "", "hold none: give text and relevant crops"),
        ("q.json", "[]", "hold none"),
        ("q.json", "{}", "cannot be read: it is no list of queries"),
        ("q.jsonl", "{", "cannot be read"),
        ("q.jsonl", '{"text": "red"}', "line 1: relevant: Field required. Give"),
        ("q.jsonl", '\n{"text": "", "relevant": []}', "line 2: text: String should have at least"),
        ("q.json", '[{"text": "a", "relevant": [], "crop": 1}]', "entry 1: crop: Extra inputs"),
        ("q.csv", "text,crop\nred,a\n", "its columns are text, crop, not text, relevant"),
        ("q.csv", "text,relevant\nred\n", "query 'red': relevant.0: Input should be a valid"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(MetadataInvalid, match=message):
        read_judged_queries(written(tmp_path, name, content))


def test_missing_files_and_other_encodings_are_named(tmp_path: Path) -> None:
    with pytest.raises(MetadataInvalid, match=r"nowhere.json' cannot be read"):
        read_judged_queries(tmp_path / "nowhere.json")
    path = tmp_path / "q.jsonl"
    path.write_bytes(b'{"text": "r\xe9d", "relevant": []}')
    with pytest.raises(MetadataInvalid, match="not UTF-8 at byte 11"):
        read_judged_queries(path)
