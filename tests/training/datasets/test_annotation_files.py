import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import MetadataInvalid
from training.datasets.annotation_files import (
    TableRow,
    fault_of_path,
    find_annotations,
    read_json_list,
    read_table,
    shown,
)

ROWS = [{"path": "a.png", "caption": "a man, tall"}, {"path": "b.png", "caption": "zwei\nZeilen é"}]


def file_of(tmp_path: Path, content: bytes, name: str = "list.json") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"<html>not found</html>", "is not JSON: .*line 1 column 1"),
        (b'[{"id": 1},', "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"id": 1}', "holds a JSON dict, not a list of records"),
        (b'"list"', "holds a JSON str, not a list of records"),
        (b"[]", "holds no record at all"),
        (b'["\xff"]', "is not UTF-8 at byte 2"),
    ],
)
def test_a_file_that_is_no_list_of_records_is_refused(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(MetadataInvalid, match=reason) as caught:
        read_json_list(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataInvalid, match=r"list\.json is missing"):
        read_json_list(tmp_path / "list.json")
    with pytest.raises(MetadataInvalid, match=r"table\.csv is missing"):
        read_table(tmp_path / "table.csv")
    with pytest.raises(MetadataInvalid, match="cannot be read"):
        read_json_list(tmp_path)


def test_a_list_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    content = '[1, "é"]'.encode()
    for mark in (b"", b"\xef\xbb\xbf"):
        assert read_json_list(file_of(tmp_path, mark + content)) == [1, "é"]


def test_the_first_file_there_is_found(tmp_path: Path) -> None:
    second = file_of(tmp_path, b"[]", "second.json")
    folders = (tmp_path / "none", tmp_path)
    assert find_annotations(folders, ("first.json", "second.json")) == second
    with pytest.raises(MetadataInvalid, match=r"none/third\.json, .*/third\.json is a file"):
        find_annotations(folders, ("third.json",))


def test_the_three_formats_of_a_table_give_the_same_rows(tmp_path: Path) -> None:
    quoted = 'path,caption\na.png,"a man, tall"\nb.png,"zwei\nZeilen é"\n'
    lines = "\n".join(json.dumps(row) for row in ROWS)
    csv_file = file_of(tmp_path, quoted.encode(), "t.csv")
    jsonl_file = file_of(tmp_path, lines.encode(), "t.jsonl")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "t.parquet")
    for path in (csv_file, jsonl_file, tmp_path / "t.parquet"):
        table = read_table(path)
        assert [row.values for row in table.rows] == ROWS
        assert table.columns == ("path", "caption")
        assert table.problems == ()
    assert read_table(tmp_path / "t.parquet").rows[1].place == "row 2"


def test_lines_of_csv_are_numbered_by_their_beginnings(tmp_path: Path) -> None:
    text = 'path,caption\na.png,"one\ntwo"\n\nb.png,\nc.png,x,y\n'
    table = read_table(file_of(tmp_path, text.encode(), "t.csv"))
    assert table.rows == (
        TableRow("line 2", {"path": "a.png", "caption": "one\ntwo"}),
        TableRow("line 5", {"path": "b.png", "caption": None}),
    )
    (problem,) = table.problems
    assert problem.startswith("line 6: 3 values for 2 columns")


def test_every_bad_line_of_jsonl_is_named(tmp_path: Path) -> None:
    text = '{"path": "a"}\n\nnonsense\n[1]\n{"path": "b"}\n'
    table = read_table(file_of(tmp_path, text.encode(), "t.jsonl"))
    assert [row.place for row in table.rows] == ["line 1", "line 5"]
    assert table.problems[0].startswith("line 3: not JSON")
    assert table.problems[1] == "line 4: [1] is not a JSON object"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.xlsx", b"", r"has the suffix '\.xlsx': use \.csv, \.jsonl, \.parquet"),
        ("t.csv", b"path\n\xff\n", "is not UTF-8 at byte"),
        ("t.csv", b'path\n"open\n', "cannot be read"),
        ("t.parquet", b"no parquet", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(MetadataInvalid, match=reason):
        read_table(file_of(tmp_path, content, name))


def test_paths_must_stay_below_the_image_root() -> None:
    assert fault_of_path("cam_a/0..1.png") is None
    for path in ("", "/a.png", "../a.png", "a/../../b.png", "a\0.png"):
        assert fault_of_path(path) is not None


def test_long_values_are_cut_in_messages() -> None:
    assert shown("short") == "'short'"
    assert shown("x" * 1000) == "'" + "x" * 59 + "..."
