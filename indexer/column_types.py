"""Which type a free metadata column has, where a gallery and a source both have values in it."""

from collections.abc import Mapping

from indexer.metadata import Metadata
from indexer.records import ColumnType
from models.errors import ConfigurationInvalid


def types_of(metadata: Metadata, carried: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """Return the types of the free columns of a build, without those that have no value at all.

    Args:
        metadata: What the user says of the crops.
        carried: The types of the columns that the source itself has.
    """
    filled = {
        name
        for crop in metadata.crops.values()
        for name, value in crop.extra.items()
        if value is not None
    }
    said = {name: kind for name, kind in metadata.extra_types.items() if name in filled}
    return {**carried, **said}


def merged_types(
    before: Mapping[str, ColumnType], given: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """Return the types that rows have which come to those of ``before``.

    Whole numbers come to numbers as numbers; else a column has the type that is given now.
    """
    widened = {
        name: before[name]
        for name, kind in given.items()
        if (before.get(name), kind) == ("number", "integer")
    }
    return {**before, **given, **widened}


def changed_types(
    before: Mapping[str, ColumnType], after: Mapping[str, ColumnType]
) -> dict[str, tuple[ColumnType, ColumnType]]:
    """Return the columns whose type is not what it was, with both."""
    return {
        name: (kind, after[name]) for name, kind in before.items() if after.get(name, kind) != kind
    }


def require_same_types(before: Mapping[str, ColumnType], after: Mapping[str, ColumnType]) -> None:
    """Refuse rows that cannot stand below those already indexed.

    Raises:
        ConfigurationInvalid: If a column has another type now.
    """
    for name, (old, new) in changed_types(before, after).items():
        raise ConfigurationInvalid(
            f"metadata column {name!r} holds {new} values, where the gallery holds {old} ones: "
            "give the column the type it has there, or another name"
        )
