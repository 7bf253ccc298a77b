import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.metadata import RESERVED_COLUMNS, CropMetadata, read_metadata
from models.errors import MetadataInvalid


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "m.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def jsonl_file(folder: Path, *values: object) -> Path:
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def test_csv_columns_are_read_and_free_ones_stay_text(tmp_path: Path) -> None:
    metadata = read_metadata(
        csv_file(
            tmp_path,
            "path,camera,captured_at,track_id,floor",
            "./cam1/a.jpg,c1,2024-05-01T17:30:00+02:00,17,2",
            "b.jpg,,,,",
        )
    )
    assert metadata.columns == ("path", "camera", "captured_at", "track_id", "floor")
    assert metadata.extra_types == {"floor": "text"}
    assert metadata.crops == {
        "cam1/a.jpg": CropMetadata(
            "c1", datetime(2024, 5, 1, 15, 30, tzinfo=UTC), "17", {"floor": "2"}
        ),
        "b.jpg": CropMetadata(None, None, None, {"floor": None}),
    }


def test_jsonl_columns_keep_one_type_each(tmp_path: Path) -> None:
    metadata = read_metadata(
        jsonl_file(
            tmp_path,
            {"path": "a", "track_id": 17, "age": 30, "metres": 2, "indoor": True},
            {"path": "b", "track_id": "x", "metres": 1.5, "note": "n"},
        )
    )
    assert metadata.extra_types == {
        "age": "integer",
        "metres": "number",
        "indoor": "boolean",
        "note": "text",
    }
    assert metadata.crops["a"].track_id == "17"
    assert metadata.crops["a"].extra == {"age": 30, "metres": 2.0, "indoor": True, "note": None}
    assert isinstance(metadata.crops["a"].extra["metres"], float)
    assert metadata.crops["b"].extra == {"age": None, "metres": 1.5, "indoor": None, "note": "n"}


def test_parquet_timestamps_are_times(tmp_path: Path) -> None:
    times = pa.array([datetime(2024, 5, 1, 12)], pa.timestamp("ms"))  # noqa: DTZ001
    pq.write_table(pa.table({"path": ["a"], "captured_at": times}), tmp_path / "m.parquet")
    crops = read_metadata(tmp_path / "m.parquet").crops
    assert crops["a"].captured_at == datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10:00:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00:00.250-03:30", datetime(2024, 5, 1, 13, 30, 0, 250_000, UTC)),
        ("20240501T1000", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        (" 2024-05-01 ", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_times_are_iso_8601_and_in_utc_without_an_offset(
    tmp_path: Path, text: str, expected: datetime
) -> None:
    crops = read_metadata(csv_file(tmp_path, "path,captured_at", f"a,{text}")).crops
    found = crops["a"].captured_at
    assert found == expected
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yesterday", r"line 2: captured_at 'yesterday' is no ISO-8601 time: write it as 2024-"),
        ("01.05.2024", "captured_at '01.05.2024' is no ISO-8601 time"),
        ("2024-02-30", "captured_at '2024-02-30' is no ISO-8601 time"),
        ("0001-01-01T00:00:00+14:00", "is no ISO-8601 time"),
        (1714557600, "captured_at 1714557600 is no text"),
    ],
)
def test_a_bad_time_is_named_with_its_line(tmp_path: Path, value: object, message: str) -> None:
    path = jsonl_file(tmp_path, {"path": "a"}, {"path": "b", "captured_at": value})
    with pytest.raises(MetadataInvalid, match=message):
        read_metadata(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/abs/a.jpg", "line 1: path '/abs/a.jpg' is absolute or contains '..': give it relative"),
        ("../a.jpg", "is absolute or contains '..'"),
        ("a/../../b.jpg", "is absolute or contains '..'"),
        ("", "line 1: path '' is no file name"),
        (None, "line 1: path None is no file name"),
        (5, "path 5 is no file name"),
        ("a\0b", r"path 'a\\x00b' is no file name"),
        ("\ud800", "is no file name"),
    ],
)
def test_a_path_that_names_no_crop_is_refused(tmp_path: Path, path: object, message: str) -> None:
    with pytest.raises(MetadataInvalid, match=message.replace("..", r"\.\.")):
        read_metadata(jsonl_file(tmp_path, {"path": path}))


def test_a_path_may_be_written_in_several_ways_but_only_once(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "path", "a/b.jpg", "c.jpg", "./a//b.jpg")
    with pytest.raises(MetadataInvalid, match=r"line 4: path 'a/b\.jpg' is already in line 2"):
        read_metadata(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("file,camera", r"no column 'path', only \['file', 'camera'\]: add the path"),
        ("", r"no column 'path', only \[\]"),
        ("path,camera,camera", "column 'camera' is empty or there twice"),
        ("path,", "column '' is empty or there twice"),
    ],
)
def test_a_header_without_sense_is_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(MetadataInvalid, match=message):
        read_metadata(csv_file(tmp_path, header))


@pytest.mark.parametrize("name", sorted(RESERVED_COLUMNS))
def test_a_column_that_would_hide_a_field_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MetadataInvalid, match=f"column '{name}' would hide a field"):
        read_metadata(csv_file(tmp_path, f"path,{name}", "a,b"))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (1, "one", r"line 2: column 'x' holds 'one' \(text\) where earlier lines hold integer"),
        (True, 1, r"column 'x' holds 1 \(integer\) where earlier lines hold boolean"),
        ("a", 1.5, r"column 'x' holds 1\.5 \(number\) where earlier lines hold text"),
        (1, [1], r"line 2: column 'x' holds '\[1\]': use text, a 64-bit integer"),
        (1, {"a": 1}, "line 2: column 'x' holds"),
        (1, 2**63, "line 2: column 'x' holds '9223372036854775808'"),
        ("a", "\ud800", "line 2: column 'x' holds"),
    ],
)
def test_a_free_column_of_mixed_or_odd_values_is_refused(
    tmp_path: Path, first: object, second: object, message: str
) -> None:
    path = jsonl_file(tmp_path, {"path": "a", "x": first}, {"path": "b", "x": second})
    with pytest.raises(MetadataInvalid, match=message):
        read_metadata(path)


@pytest.mark.parametrize("value", [1.5, True, ["c1"], "\ud800"])
@pytest.mark.parametrize("name", ["camera", "track_id"])
def test_a_camera_or_track_is_text_or_an_integer(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(MetadataInvalid, match=rf"line 1: {name} .* (neither text|not Unicode)"):
        read_metadata(jsonl_file(tmp_path, {"path": "a", name: value}))
