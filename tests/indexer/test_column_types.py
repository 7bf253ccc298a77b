import pytest

from indexer.column_types import changed_types, merged_types, require_same_types, types_of
from indexer.metadata import CropMetadata, Metadata
from indexer.records import ColumnType
from models.errors import ConfigurationInvalid


def test_a_column_without_any_value_has_no_type() -> None:
    crop = CropMetadata(None, None, None, {"floor": 2, "note": None})
    metadata = Metadata(("path",), {"a": crop}, {"floor": "integer", "note": "text"})
    assert types_of(metadata, {}) == {"floor": "integer"}
    assert types_of(metadata, {"indoor": "boolean", "floor": "text"}) == {
        "indoor": "boolean",
        "floor": "integer",
    }


def test_whole_numbers_come_to_numbers_as_numbers() -> None:
    before: dict[str, ColumnType] = {"metres": "number", "floor": "integer", "note": "text"}
    given: dict[str, ColumnType] = {"metres": "integer", "floor": "number", "age": "integer"}
    assert merged_types(before, given) == {
        "metres": "number",
        "floor": "number",
        "note": "text",
        "age": "integer",
    }


def test_another_type_is_told_with_both() -> None:
    before: dict[str, ColumnType] = {"floor": "integer", "note": "text"}
    after: dict[str, ColumnType] = {"floor": "text"}
    assert changed_types(before, after) == {"floor": ("integer", "text")}
    with pytest.raises(
        ConfigurationInvalid, match="'floor' holds text values, where the gallery holds integer"
    ):
        require_same_types(before, after)
    require_same_types(before, {"note": "text", "age": "integer"})
