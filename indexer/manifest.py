"""What a generation of an index says about itself: written last, read first."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.card import ModelCard
from models.schema import Schema

IndexKind = Literal["flat", "scalar-fp16"]


class IndexedModel(Schema):
    """The model whose vectors the index holds.

    ``source`` is what ``load_encoder`` takes to load it again: a name, or an absolute path.
    ``fingerprint`` is ``card.fingerprint()``; queries must be encoded by a model that has it.
    """

    name: str
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    source: str
    card: ModelCard


class Counts(Schema):
    """What became of every file and every line of metadata.

    ``found = indexed + quarantined``. Skipped entries are not among the found ones:
    ``skipped_hidden`` files and folders whose name starts with a dot, ``skipped_outside``
    symbolic links that lead out of the crops folder, ``skipped_links`` other links that are not
    followed: loops, dangling ones, and links to folders (whose crops are found where they lie),
    ``skipped_other`` files of another suffix.
    """

    found: int = Field(ge=0)
    indexed: int = Field(ge=0)
    quarantined: int = Field(ge=0)
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


class IndexManifest(Schema):
    """Everything a reader must know before it opens the other files of a generation."""

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    generation: int = Field(ge=1)
    created_at: datetime
    crops_root: str
    model: IndexedModel
    precision: str
    embedding_width: int = Field(ge=1)
    index_kind: IndexKind
    counts: Counts
    metadata_columns: tuple[str, ...]
    canaries: tuple[Canary, ...]
    files: dict[str, StoredFile]
