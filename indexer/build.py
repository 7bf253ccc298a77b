"""From a folder of crops to a published generation of an index."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from indexer import bundle
from indexer.ann import INDEX_KIND, ExactIndex, write_index
from indexer.canaries import ask_canaries
from indexer.crops import SUFFIXES, FoundCrops, Quarantined, find_crops
from indexer.decoding import silent_pillow
from indexer.embedding import embed_crops
from indexer.generation import GenerationWriter
from indexer.manifest import Counts, IndexedModel, IndexManifest
from indexer.metadata import NO_METADATA, Metadata, read_metadata
from indexer.progress import Progress, ProgressListener
from indexer.publishing import BuildingSite, building_site, describe_files, publish
from indexer.vectors import open_vectors
from models.contracts import PersonEncoder
from models.errors import GalleryEmpty
from models.schema import Schema

_NAMED_IN_MESSAGES = 5


class BuildOptions(Schema):
    """How to build; the defaults suit a folder of person crops.

    ``model_source`` is what the encoder was loaded from and ``precision`` what was asked for;
    both are recorded. ``name`` is the folder's where it is None. ``workers`` threads decode.
    """

    model_source: str = "default"
    metadata: Path | None = None
    name: str | None = Field(default=None, min_length=1)
    batch_size: int = Field(default=64, ge=1, le=4096)
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=64)
    precision: str = "auto"


DEFAULT_OPTIONS = BuildOptions()


@dataclass(frozen=True)
class PreparedBuild:
    """A build whose inputs are checked: what it will read, and what it warns of."""

    index: Path
    found: FoundCrops
    metadata: Metadata
    metadata_without_crop: int
    options: BuildOptions
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class BuildReport:
    """A published generation; ``quarantined`` holds the first of the refused files."""

    manifest: IndexManifest
    folder: Path
    quarantined: tuple[Quarantined, ...]
    warnings: tuple[str, ...]
    elapsed_s: float


def build(
    crops: Path,
    index: Path,
    encoder: PersonEncoder,
    options: BuildOptions = DEFAULT_OPTIONS,
    on_progress: ProgressListener | None = None,
) -> BuildReport:
    """Index a folder of crops and publish the result as the next generation of ``index``.

    Raises:
        ConfigurationInvalid: If a folder cannot be used.
        MetadataInvalid: If the metadata file is not valid.
        GalleryEmpty: If no crop can be indexed; nothing is published then.
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
        BundleError: If another build is at work on ``index``.
        OSError: If the disk fails; the generation before stays published.
    """
    return run_build(prepare_build(crops, index, options), encoder, on_progress)


def prepare_build(
    crops: Path, index: Path, options: BuildOptions = DEFAULT_OPTIONS
) -> PreparedBuild:
    """Check everything that can be checked before a model is loaded; write nothing.

    Raises:
        ConfigurationInvalid: If a folder cannot be used.
        MetadataInvalid: If the metadata file is not valid.
        GalleryEmpty: If there is no crop in the folder.
    """
    bundle.check_index_folder(index)
    found = find_crops(crops)
    metadata = NO_METADATA if options.metadata is None else read_metadata(options.metadata)
    if not found.paths:
        raise GalleryEmpty(
            f"no readable {', '.join(SUFFIXES)} file under {crops}: name the folder that holds "
            f"the crops (other files: {found.skipped_other}, hidden: {found.skipped_hidden}, "
            f"links not followed: {found.skipped_outside + found.skipped_links}"
            f"{_reasons(found.quarantined)})"
        )
    unmatched = _metadata_without_crop(found, metadata)
    warnings = []
    if unmatched:
        warnings.append(
            f"{len(unmatched)} of {len(metadata.crops)} lines of {options.metadata} name no crop "
            f"under {crops}: {_first_few(unmatched)}"
        )
    return PreparedBuild(index, found, metadata, len(unmatched), options, tuple(warnings))


def run_build(
    prepared: PreparedBuild, encoder: PersonEncoder, on_progress: ProgressListener | None = None
) -> BuildReport:
    """Encode, write and publish what ``prepare_build`` found.

    Raises:
        GalleryEmpty: If no crop can be decoded; nothing is published then.
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
        BundleError: If another build is at work on the index.
        OSError: If the disk fails; the generation before stays published.
    """
    began_at = time.monotonic()
    tell = on_progress or _tell_nobody
    with building_site(prepared.index) as site:
        writer = _write_rows(site, prepared, encoder, tell)
        total = len(writer.ids) + writer.quarantined
        tell(Progress("publishing", 0, total, writer.quarantined))
        write_index(open_vectors(site.folder / bundle.VECTORS), site.folder / bundle.FAISS_INDEX)
        manifest = _manifest(site, prepared, encoder, writer)
        folder = publish(site, manifest)
        tell(Progress("publishing", total, total, writer.quarantined))
    return BuildReport(
        manifest=manifest,
        folder=folder,
        quarantined=tuple(writer.examples),
        warnings=prepared.warnings,
        elapsed_s=time.monotonic() - began_at,
    )


def _tell_nobody(_: Progress) -> None:
    """Take a progress nobody asked for."""


def _write_rows(
    site: BuildingSite, prepared: PreparedBuild, encoder: PersonEncoder, tell: ProgressListener
) -> GenerationWriter:
    found, options = prepared.found, prepared.options
    total = len(found.paths) + len(found.quarantined)
    batches = embed_crops(found, encoder, batch_size=options.batch_size, workers=options.workers)
    with (
        silent_pillow(),
        GenerationWriter(site.folder, encoder.card.embedding_width, prepared.metadata) as writer,
    ):
        for refused in found.quarantined:
            writer.append(refused)
        tell(Progress("encoding", writer.quarantined, total, writer.quarantined))
        for batch in batches:
            for item in batch:
                writer.append(item)
            done = len(writer.ids) + writer.quarantined
            tell(Progress("encoding", done, total, writer.quarantined))
    if not writer.ids:
        raise GalleryEmpty(
            f"none of the {total} images under {found.root} can be indexed"
            f"{_reasons(writer.examples)}. Name a folder with readable crops; "
            "nothing was published."
        )
    return writer


def _manifest(
    site: BuildingSite, prepared: PreparedBuild, encoder: PersonEncoder, writer: GenerationWriter
) -> IndexManifest:
    card, found, options = encoder.card, prepared.found, prepared.options
    index = ExactIndex.open(site.folder / bundle.FAISS_INDEX, site.folder / bundle.VECTORS)
    return IndexManifest(
        name=options.name or found.root.name or "gallery",
        generation=site.generation,
        created_at=datetime.now(UTC),
        crops_root=str(found.root),
        model=IndexedModel(
            name=card.name, fingerprint=card.fingerprint(), source=options.model_source, card=card
        ),
        precision=options.precision,
        embedding_width=card.embedding_width,
        index_kind=INDEX_KIND,
        counts=_counts(prepared, writer),
        metadata_columns=prepared.metadata.columns,
        canaries=ask_canaries(encoder, index, writer.ids),
        files=describe_files(site.folder),
    )


def _counts(prepared: PreparedBuild, writer: GenerationWriter) -> Counts:
    found, metadata = prepared.found, prepared.metadata
    indexed = len(writer.ids)
    return Counts(
        found=indexed + writer.quarantined,
        indexed=indexed,
        quarantined=writer.quarantined,
        skipped_hidden=found.skipped_hidden,
        skipped_outside=found.skipped_outside,
        skipped_links=found.skipped_links,
        skipped_other=found.skipped_other,
        metadata_rows=len(metadata.crops),
        metadata_without_crop=prepared.metadata_without_crop,
        crops_without_metadata=writer.without_metadata,
    )


def _metadata_without_crop(found: FoundCrops, metadata: Metadata) -> list[str]:
    there = {*found.paths, *(item.path for item in found.quarantined)}
    return [path for path in metadata.crops if path not in there]


def _reasons(quarantined: list[Quarantined]) -> str:
    if not quarantined:
        return ""
    return ": " + _first_few([f"{item.path}: {item.reason}" for item in quarantined])


def _first_few(values: list[str]) -> str:
    shown = ", ".join(repr(value) for value in values[:_NAMED_IN_MESSAGES])
    return shown if len(values) <= _NAMED_IN_MESSAGES else f"{shown}, ..."
