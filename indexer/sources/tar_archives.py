"""Crops in tar archives, read as a stream: what WebDataset writes, or tar of a folder.

Source: https://github.com/webdataset/webdataset, the layout of a shard: files of one sample
follow each other and share a name up to the suffix; ``.json`` beside an image is its metadata.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from indexer.metadata import check_columns, column_types, crop_metadata, require_types
from indexer.metadata_files import SourceRow, json_object
from indexer.records import ColumnType
from indexer.sources.entries import HeldEntry, Quarantined, Skipped, is_image
from indexer.sources.shards import Shard
from indexer.sources.tar_members import Member, read_members
from models.errors import ConfigurationInvalid, MetadataInvalid

# The types of free columns are learned from so many crops; all others must fit them.
_SAMPLED_CROPS = 1000


@dataclass
class TarArchives:
    """The images of tar archives, in the order of their members; paths begin with the archive.

    A ``.json`` member beside an image, of its name up to the suffix, holds its metadata: camera,
    captured_at, track_id and free columns, whose types the first crops decide. An image whose
    metadata cannot be kept is quarantined, as is metadata without an image. What could be read
    of a broken archive is handed out, then the archive itself as quarantined.
    """

    root: str
    shards: list[Shard]
    name: str
    columns: tuple[str, ...] = ()
    extra_types: Mapping[str, ColumnType] = field(default_factory=dict)
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def rereadable(self) -> bool:
        """A member cannot be found again without reading the archive."""
        return False

    def count(self) -> int | None:
        """Return None: only reading all archives would tell."""
        return None

    def entries(self) -> Iterator[HeldEntry | Quarantined]:
        """Read the archives one after the other, each from its begin to its end."""
        self.skipped = Skipped()
        for shard in self.shards:
            for item in _samples(shard, self.skipped):
                yield item if isinstance(item, Quarantined) else self._entry(item)

    def _entry(self, sample: "_Sample") -> HeldEntry | Quarantined:
        if sample.sidecar is None:
            return HeldEntry(sample.path, None, sample.image)
        try:
            values = sample.values()
            require_types(sample.where, values, self.extra_types)
            metadata = crop_metadata(sample.where, values, self.extra_types)
        except MetadataInvalid as error:
            return Quarantined(sample.path, str(error))
        return HeldEntry(sample.path, metadata, sample.image)


@dataclass(frozen=True)
class _Sample:
    """A readable image by its full path in the source, and the metadata beside it."""

    path: str
    image: bytes
    sidecar: Member | None

    def values(self) -> dict[str, object]:
        """Return the metadata as it stands, without the path, which is the member's name.

        Raises:
            MetadataInvalid: If the sidecar is not a JSON object.
        """
        if self.sidecar is None:
            return {}
        if self.sidecar.problem is not None:
            raise MetadataInvalid(f"{self.where}: {self.sidecar.problem}")
        values = json_object(self.where, self.sidecar.content, 'write {"camera": ...}')
        values.pop("path", None)
        return values

    @property
    def where(self) -> str:
        """Name the sidecar in messages."""
        return "its metadata" if self.sidecar is None else f"its metadata {self.sidecar.path}"


def open_tar_archives(location: str, shards: list[Shard], name: str) -> TarArchives:
    """Learn the columns of metadata from the first crops of the first archive.

    Raises:
        ConfigurationInvalid: If there is no tar archive to begin with.
        MetadataInvalid: If those crops mix types in a column, or name one that is taken.
    """
    first = shards[0]
    rows = []
    for number, item in enumerate(islice(_samples(first, Skipped()), _SAMPLED_CROPS)):
        if isinstance(item, Quarantined):
            if number == 0 and item.path == first.name:
                raise ConfigurationInvalid(f"{first.path!r} cannot be used: {item.reason}")
            continue
        try:
            rows.append(SourceRow(item.where, item.values()))
        except MetadataInvalid:
            continue  # the crop is quarantined when its turn comes
    columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
    check_columns(first.path, columns)
    types = column_types(first.path, columns, rows)
    return TarArchives(location, shards, name, columns, types)


def _samples(shard: Shard, skipped: Skipped) -> Iterator[_Sample | Quarantined]:
    """Join the members that stand beside each other and share a stem."""
    group: list[Member] = []
    seen: set[str] = set()
    for item in read_members(shard, skipped):
        if isinstance(item, Quarantined):
            yield from _joined(shard, group)
            group = []
            yield item
            continue
        if item.path in seen:
            reason = "the archive holds a second file of this name: rename it"
            yield Quarantined(f"{shard.name}/{item.path}", reason)
            continue
        seen.add(item.path)
        if group and item.stem != group[-1].stem:
            yield from _joined(shard, group)
            group = []
        group.append(item)
    yield from _joined(shard, group)


def _joined(shard: Shard, group: list[Member]) -> Iterator[_Sample | Quarantined]:
    images = [member for member in group if is_image(member.path)]
    sidecar = next((member for member in group if not is_image(member.path)), None)
    for image in images:
        path = f"{shard.name}/{image.path}"
        if image.problem is None:
            yield _Sample(path, image.content, sidecar)
        else:
            yield Quarantined(path, image.problem)
    if sidecar is not None and not images:
        yield Quarantined(
            f"{shard.name}/{sidecar.path}",
            "metadata without an image of its name beside it: order the members by name "
            "(tar --sort=name)",
        )
