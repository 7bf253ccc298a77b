import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.metadata_files import SourceRow, read_source
from models.errors import MetadataInvalid


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(file: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), file)
    return file


def test_csv_gives_text_and_none_with_the_line_where_each_begins(tmp_path: Path) -> None:
    content = 'path, camera ,note\r\n"a\nb.jpg",c1,"x, y"\r\n\r\nc.jpg,,\r\n'
    source = read_source(written(tmp_path / "m.CSV", "\ufeff" + content))
    assert source.columns == ("path", "camera", "note")
    assert source.rows == (
        SourceRow("line 2", {"path": "a\nb.jpg", "camera": "c1", "note": "x, y"}),
        SourceRow("line 5", {"path": "c.jpg", "camera": None, "note": None}),
    )


def test_jsonl_keeps_types_and_collects_columns(tmp_path: Path) -> None:
    content = '{"path": "a", "n": 1}\n\n{"path": "b", "x": 2.5, "ok": true, "t": null}\n'
    source = read_source(written(tmp_path / "m.jsonl", content))
    assert source.columns == ("path", "n", "x", "ok", "t")
    assert source.rows == (
        SourceRow("line 1", {"path": "a", "n": 1}),
        SourceRow("line 3", {"path": "b", "x": 2.5, "ok": True, "t": None}),
    )


def test_parquet_gives_plain_values(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "m.parquet",
        path=pa.array(["a", "b"]).dictionary_encode(),
        n=pa.array([1, None], pa.int16()),
        x=pa.array([0.5, float("nan")]),
        ok=pa.array([True, False]),
        nothing=pa.nulls(2),
        day=pa.array([date(2024, 5, 1), None]),
        local=pa.array([datetime(2024, 5, 1, 12), None], pa.timestamp("ns")),  # noqa: DTZ001
        utc=pa.array([datetime(2024, 5, 1, 12, tzinfo=UTC), None]),
    )
    source = read_source(path)
    assert [row.place for row in source.rows] == ["row 1", "row 2"]
    assert source.rows[0].values == {
        "path": "a",
        "n": 1,
        "x": 0.5,
        "ok": True,
        "nothing": None,
        "day": "2024-05-01",
        "local": "2024-05-01T12:00:00",
        "utc": "2024-05-01T12:00:00+00:00",
    }
    assert source.rows[1].values == {
        **dict.fromkeys(source.columns),
        "path": "b",
        "ok": False,
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.xlsx", "", r"suffix '\.xlsx': use \.csv, \.jsonl, \.parquet"),
        ("m", "", "suffix ''"),
        ("m.csv", "path,camera\na.jpg\n", "line 2: 1 values for 2 columns"),
        ("m.csv", "path,camera\na.jpg,1,2\n", "line 2: 3 values for 2 columns"),
        ("m.csv", 'path\n"a.jpg\n', "cannot be read: unexpected end"),
        ("m.csv", b"path\n\xff.jpg\n", "is not UTF-8 at byte"),
        ("m.csv", "path\n" + "a" * 200_000, "field larger than"),
        ("m.jsonl", b'{"path": "\xff"}\n', "is not UTF-8 at byte"),
        ("m.jsonl", '{"path": "a"}\n{"path": \n', "line 2: not a JSON object"),
        ("m.jsonl", '["a.jpg"]\n', r"line 1: '\[\"a.jpg\"\]' is not a JSON object: write one"),
        ("m.jsonl", '{"path": "a", "path": "b"}\n', "line 1: .*a key is there twice"),
        ("m.jsonl", '{"path": "a", "x": NaN}\n', "line 1: .*NaN is not a JSON number"),
        ("m.jsonl", '{"path": ' + "[" * 100_000, "line 1: not a JSON object"),
        ("m.parquet", "no parquet", "cannot be read: "),
        ("m.parquet", "", "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(MetadataInvalid, match=message) as raised:
        read_source(written(tmp_path / name, content))
    assert str(tmp_path / name) in str(raised.value)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"bytes"]),
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([Decimal("1.5")]),
    ],
)
def test_parquet_columns_that_json_has_no_value_for_are_refused(
    tmp_path: Path, column: pa.Array
) -> None:
    path = parquet(tmp_path / "m.parquet", path=["a"], odd=column)
    with pytest.raises(MetadataInvalid, match=r"column 'odd': type .* is not supported: use text"):
        read_source(path)


@pytest.mark.timeout(10)
def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("missing.csv", "folder.csv", "pipe.csv"):
        with pytest.raises(MetadataInvalid, match=f"{name}' is missing or no regular file"):
            read_source(tmp_path / name)
