"""What a generation of an index says about itself: written last, read first."""

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import Field

from indexer.ann.description import IndexDescription
from indexer.wishes import IndexWishes
from models.card import ImagePreprocessing, ModelCard
from models.parts import PartFormat
from models.schema import Schema

Change = Literal["build", "add", "delete", "compact", "rollback"]


class IndexedModel(Schema):
    """The model whose vectors the index holds.

    ``source`` is what ``load_encoder`` takes to load it again: a name, or an absolute path.
    ``fingerprint`` is ``card.fingerprint()``; queries must be encoded by a model that has it.
    ``preprocessing`` is the fingerprint of how crops were prepared for it.
    """

    name: str
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    preprocessing: str = Field(pattern=r"^[0-9a-f]{64}$")
    source: str
    card: ModelCard


class Counts(Schema):
    """What a generation holds, and what became of every file its maker found.

    ``indexed`` crops can be found. The other numbers are those of the build or addition that made
    the generation: of the ``found`` files, ``encoded`` were new, ``reused`` were known by their
    content, ``duplicates`` equal another file, ``quarantined`` cannot be indexed. ``replaced``
    files have another content or other metadata than before, ``removed`` crops are no longer
    there. Skipped entries are not among the found ones: ``skipped_hidden`` files and folders whose
    name starts with a dot, ``skipped_outside`` symbolic links that lead out of the crops folder,
    ``skipped_links`` other links that are not followed: loops, dangling ones, and links to folders
    (whose crops are found where they lie), ``skipped_other`` files of another suffix.
    """

    indexed: int = Field(ge=0)
    found: int = Field(default=0, ge=0)
    encoded: int = Field(default=0, ge=0)
    reused: int = Field(default=0, ge=0)
    duplicates: int = Field(default=0, ge=0)
    quarantined: int = Field(default=0, ge=0)
    replaced: int = Field(default=0, ge=0)
    removed: int = Field(default=0, ge=0)
    skipped_hidden: int = Field(default=0, ge=0)
    skipped_outside: int = Field(default=0, ge=0)
    skipped_links: int = Field(default=0, ge=0)
    skipped_other: int = Field(default=0, ge=0)
    metadata_rows: int = Field(default=0, ge=0)
    metadata_without_crop: int = Field(default=0, ge=0)
    crops_without_metadata: int = Field(default=0, ge=0)


class Canary(Schema):
    """A known answer: the ids and scores that one description gave at build time, best first."""

    text: str
    ids: tuple[str, ...]
    scores: tuple[float, ...]


class StoredFile(Schema):
    """Size and checksum of one file of the generation."""

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SegmentEntry(Schema):
    """One segment: its folder, its rows (deleted ones included), and how they are searched."""

    name: str = Field(pattern=r"^[0-9]{6,}$")
    rows: int = Field(ge=1)
    index: IndexDescription


class IndexManifest(Schema):
    """Everything a reader must know before it opens the other files of a generation.

    ``parent`` is the generation this one was made from by ``change``, ``restores`` the older one
    whose rows a rollback brought back. ``source`` is where the crops of the latest build or
    addition came from. ``parts`` is how the vectors of a second stage are stored, None where there
    are none. ``neighbours`` others are on each crop's list of those that look most like it.
    ``wishes`` chose the kind of each segment's index. ``deleted`` rows of the segments are no
    longer found.
    """

    schema_version: Literal[2] = 2
    name: str = Field(min_length=1)
    generation: int = Field(ge=1)
    parent: int | None = None
    restores: int | None = None
    change: Change
    created_at: datetime
    source: str
    model: IndexedModel
    precision: str
    embedding_width: int = Field(ge=1)
    parts: PartFormat | None = None
    neighbours: int = Field(default=0, ge=0)
    wishes: IndexWishes = IndexWishes()
    segments: tuple[SegmentEntry, ...]
    deleted: int = Field(default=0, ge=0)
    counts: Counts
    metadata_columns: tuple[str, ...]
    canaries: tuple[Canary, ...]
    files: dict[str, StoredFile]

    @property
    def index_kind(self) -> str:
        """How the segments are searched: each kind once."""
        return ", ".join(dict.fromkeys(segment.index.kind for segment in self.segments))

    @property
    def rows(self) -> int:
        """The rows of all segments, deleted ones included."""
        return sum(segment.rows for segment in self.segments)


def preprocessing_fingerprint(image: ImagePreprocessing) -> str:
    """Return the SHA-256 of how a model wants its crops prepared."""
    return hashlib.sha256(image.model_dump_json().encode()).hexdigest()
