"""What a build reads and how, checked before anything is written or any model is loaded."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from indexer import bundle
from indexer.journal import SHARD_CROPS
from indexer.metadata import NO_METADATA, Metadata, read_metadata
from indexer.sources.entries import SUFFIXES, CropSource, Quarantined
from indexer.sources.locations import open_source
from indexer.wishes import DEFAULT_WISHES, IndexWishes
from models.errors import GalleryEmpty, first_few
from models.parts import PartFormat
from models.schema import Schema

Growth = Literal["build", "add"]


class BuildOptions(Schema):
    """How to build; the defaults suit a folder of person crops.

    ``model_source`` is what the encoder was loaded from, and is recorded. ``name`` is the source's
    where it is None. ``workers`` threads decode. ``copy_contents`` keeps the originals' bytes in
    the index; None does so where they could not be read again. ``parts`` is how to store the
    vectors of the model's second stage, None not to. ``neighbours`` crops are listed for each that
    look most like it. ``wishes`` choose the kind of index. ``shard_crops`` are encoded between two
    points from which a build can go on.
    """

    model_source: str = "default"
    metadata: Path | None = None
    name: str | None = Field(default=None, min_length=1)
    batch_size: int = Field(default=64, ge=1, le=4096)
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=64)
    copy_contents: bool | None = None
    parts: PartFormat | None = None
    neighbours: int = Field(default=0, ge=0, le=100)
    wishes: IndexWishes = DEFAULT_WISHES
    shard_crops: int = Field(default=SHARD_CROPS, ge=1)


DEFAULT_OPTIONS = BuildOptions()


@dataclass(frozen=True)
class PreparedBuild:
    """A build whose inputs are checked."""

    index: Path
    change: Growth
    source: CropSource
    metadata: Metadata
    options: BuildOptions

    @property
    def copies(self) -> bool:
        """Whether the originals' bytes are kept in the index."""
        asked = self.options.copy_contents
        return not self.source.rereadable if asked is None else asked


def prepare_build(
    crops: str | Path,
    index: Path,
    options: BuildOptions = DEFAULT_OPTIONS,
    change: Growth = "build",
) -> PreparedBuild:
    """Check everything that can be checked before a model is loaded; write nothing.

    Raises:
        ConfigurationInvalid: If a source or a folder cannot be used.
        MetadataInvalid: If the metadata file is not valid.
        GalleryEmpty: If there is no crop in the source.
        BundleNotFound: If there is no gallery to add to.
        BundleDamaged: If it cannot be told which one is published.
    """
    bundle.check_index_folder(index)
    if change == "add":
        bundle.published_generation(index)
    source = open_source(str(crops))
    metadata = NO_METADATA if options.metadata is None else read_metadata(options.metadata)
    if source.count() == 0:
        first = [item for item in source.entries() if isinstance(item, Quarantined)]
        skipped = source.skipped
        raise GalleryEmpty(
            f"no readable {', '.join(SUFFIXES)} file under {crops}: name the folder that holds the "
            f"crops (other files: {skipped.other}, hidden: {skipped.hidden}, links not followed: "
            f"{skipped.outside + skipped.links}{reasons_of(first)})"
        )
    return PreparedBuild(index, change, source, metadata, options)


def reasons_of(quarantined: list[Quarantined]) -> str:
    """Return the first refused files with their reasons, to go on a sentence with."""
    if not quarantined:
        return ""
    return ": " + first_few([f"{item.path!r}: {item.reason}" for item in quarantined])
