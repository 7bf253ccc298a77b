"""Crops in parquet files: a column of image bytes, and columns that say something of each.

Source: https://huggingface.co/docs/datasets/image_dataset, the layout of an image column: a
struct of ``bytes`` and ``path``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from indexer.crop_files import MAX_FILE_BYTES, too_large
from indexer.metadata import KNOWN_COLUMNS, check_columns, crop_metadata, crop_path, require_types
from indexer.metadata_files import plain_type, plain_values
from indexer.records import ColumnType
from indexer.sources.entries import HeldEntry, Quarantined, Skipped
from indexer.sources.shards import Shard
from models.errors import ConfigurationInvalid, MetadataInvalid

_IMAGE_COLUMNS = ("image", "bytes", "content")
_NAME_COLUMNS = ("path", "file_name", "id")
_ROWS_AT_ONCE = 64
_READ_AT_ONCE = 2**20


class _Broken(Exception):
    """A file cannot be read on; the message says why."""


@dataclass(frozen=True)
class ParquetLayout:
    """Which column is what; all files of a source have the same layout.

    ``packed`` images are structs of ``bytes`` and ``path``. ``name`` is the column of paths, None
    where rows are numbered. ``types`` are those of the other columns, in their order.
    """

    image: str
    packed: bool
    name: str | None
    types: tuple[tuple[str, ColumnType], ...]

    def column_names(self) -> list[str]:
        """Return the columns to read."""
        named = [] if self.name is None else [self.name]
        return [self.image, *named, *(name for name, _ in self.types)]


@dataclass
class ParquetFiles:
    """The rows of parquet files, in order; paths begin with the file's name.

    Of a broken file, what could be read is handed out, then the file itself as quarantined.
    """

    root: str
    shards: list[Shard]
    name: str
    layout: ParquetLayout
    rows: int
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def rereadable(self) -> bool:
        """A row cannot be found again by its path."""
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the image and the path."""
        return tuple(name for name, _ in self.layout.types)

    @property
    def extra_types(self) -> Mapping[str, ColumnType]:
        """The free columns, with the types of the files' schema."""
        return {name: kind for name, kind in self.layout.types if name not in KNOWN_COLUMNS}

    def count(self) -> int:
        """Return the number of rows that the files' footers name."""
        return self.rows

    def entries(self) -> Iterator[HeldEntry | Quarantined]:
        """Read the files one after the other, a few rows at a time."""
        for shard in self.shards:
            seen: set[str] = set()
            try:
                for row in _rows(shard, self.layout):
                    yield self._entry(shard, row, seen)
            except _Broken as error:
                yield Quarantined(shard.name, f"the file cannot be read to its end: {error}")

    def _entry(self, shard: Shard, row: "_Row", seen: set[str]) -> HeldEntry | Quarantined:
        path = f"{shard.name}/row-{row.number}"
        try:
            path = f"{shard.name}/{row.path()}"
            metadata = None
            if self.layout.types:
                where = f"row {row.number}"
                require_types(where, row.values, self.extra_types)
                metadata = crop_metadata(where, row.values, self.extra_types)
        except MetadataInvalid as error:
            return Quarantined(path, str(error))
        if path in seen:
            reason = f"row {row.number} has the path of an earlier row: give each its own"
            return Quarantined(f"{path}#row-{row.number}", reason)
        seen.add(path)
        if row.image is None:
            return Quarantined(path, "the row holds no image")
        if len(row.image) > MAX_FILE_BYTES:
            return Quarantined(path, too_large(len(row.image)))
        return HeldEntry(path, metadata, row.image)


@dataclass(frozen=True)
class _Row:
    """One row: its number from 1, what names it, the image and the metadata as they stand."""

    number: int
    named: object
    packed_path: object
    image: bytes | None
    values: dict[str, object]

    def path(self) -> str:
        """Return the path in the name column, else the packed one, else the row's number.

        Raises:
            MetadataInvalid: If the name column holds no usable path.
        """
        if self.named is not _UNNAMED:
            name = str(self.named) if isinstance(self.named, int) else self.named
            return crop_path(f"row {self.number}", name)
        try:
            return crop_path("", self.packed_path)
        except MetadataInvalid:
            # A packed path is where the image once was on somebody's disk, a name only by luck.
            return f"row-{self.number}"


_UNNAMED = object()


def open_parquet_files(location: str, shards: list[Shard], name: str) -> ParquetFiles:
    """Read the footers of all files.

    Raises:
        ConfigurationInvalid: If no file can be read, there is no image column, or files differ
            in their columns.
        MetadataInvalid: If a column has a type or a name that metadata cannot have.
    """
    layouts: dict[str, ParquetLayout] = {}
    problems = []
    rows = 0
    for shard in shards:
        try:
            schema, rows_here = _footer(shard)
        except _Broken as error:  # the file is quarantined when its turn comes
            problems.append(f"{shard.path!r}: {error}")
            continue
        layouts[shard.path] = _layout(shard, schema)
        rows += rows_here
    if not layouts:
        raise ConfigurationInvalid(f"{location!r} holds no readable parquet file: {problems[0]}")
    (first_path, first), *others = layouts.items()
    for path, layout in others:
        if layout != first:
            raise ConfigurationInvalid(
                f"{path!r} has the columns {_described(layout)}, "
                f"{first_path!r} has {_described(first)}: index them separately"
            )
    return ParquetFiles(location, shards, name, first, rows)


def _footer(shard: Shard) -> tuple[pa.Schema, int]:
    try:
        with shard.open() as file, pq.ParquetFile(file) as table:
            return table.schema_arrow, table.metadata.num_rows
    except Exception as error:
        # Parquet and the store it is in fail with errors of their own.
        raise _Broken(str(error) or type(error).__name__) from error


def _layout(shard: Shard, schema: pa.Schema) -> ParquetLayout:
    names = [str(name) for name in schema.names]
    kinds = dict(zip(names, schema.types, strict=True))
    image = _image_column(kinds)
    if image is None:
        raise ConfigurationInvalid(
            f"{shard.path!r} has no column of image bytes, only {names}: "
            f"name one {', '.join(_IMAGE_COLUMNS)}"
        )
    name = next((column for column in _NAME_COLUMNS if column in kinds and column != image), None)
    if name is not None:
        plain_type(shard.path, name, kinds[name])
    others = [column for column in names if column not in (image, name)]
    check_columns(shard.path, others)
    types = tuple((each, plain_type(shard.path, each, kinds[each])) for each in others)
    return ParquetLayout(image, pa.types.is_struct(kinds[image]), name, types)


def _image_column(kinds: Mapping[str, pa.DataType]) -> str | None:
    for name in _IMAGE_COLUMNS:
        if name in kinds and (_is_binary(kinds[name]) or _is_packed(kinds[name])):
            return name
    return next((name for name, kind in kinds.items() if _is_packed(kind)), None)


def _is_binary(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)


def _is_packed(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    return _is_binary(kind.field("bytes").type)


def _described(layout: ParquetLayout) -> str:
    return ", ".join([layout.image, *(f"{name} ({kind})" for name, kind in layout.types)])


def _rows(shard: Shard, layout: ParquetLayout) -> Iterator[_Row]:
    """Read a file; its memory does not grow with the file or its row groups.

    Raises:
        _Broken: If it cannot be read on.
    """
    number = 0
    try:
        # Without a buffer size pyarrow would take in a whole column of a row group at once.
        with shard.open() as file, pq.ParquetFile(file, buffer_size=_READ_AT_ONCE) as table:
            wanted = layout.column_names()
            for batch in table.iter_batches(_ROWS_AT_ONCE, columns=wanted, use_threads=False):
                for row in _rows_of(shard, layout, batch, number):
                    number = row.number
                    yield row
    except Exception as error:
        # Parquet, its compression and the store it is in fail with errors of their own.
        raise _Broken(str(error) or type(error).__name__) from error


def _rows_of(
    shard: Shard, layout: ParquetLayout, batch: pa.RecordBatch, before: int
) -> Iterator[_Row]:
    columns = {name: plain_values(shard.path, name, batch.column(name)) for name, _ in layout.types}
    names = None
    if layout.name is not None:
        names = plain_values(shard.path, layout.name, batch.column(layout.name))
    for place, value in enumerate(batch.column(layout.image)):
        packed = value.as_py()
        image, packed_path = packed, None
        if layout.packed:
            image = None if packed is None else packed["bytes"]
            packed_path = None if packed is None else packed.get("path")
        yield _Row(
            number=before + place + 1,
            named=_UNNAMED if names is None else names[place],
            packed_path=packed_path,
            image=image,
            values={name: values[place] for name, values in columns.items()},
        )
