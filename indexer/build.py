"""From a source of crops to a published generation: building a gallery, and adding to one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from indexer import bundle
from indexer.canaries import encode_canaries
from indexer.changes import Changes, decide, stored_rows
from indexer.column_types import changed_types, merged_types, require_same_types, types_of
from indexer.decoding import crop_id, silent_pillow
from indexer.drafts import NOTHING_DELETED, Draft
from indexer.embedding import EmbeddedCrop, KnownCrop, embed_crops
from indexer.generation import Generation
from indexer.journal import Journal, JournalHeader, remove_journal
from indexer.listing import Listing
from indexer.manifest import Counts, IndexedModel, IndexManifest, preprocessing_fingerprint
from indexer.preparation import (
    DEFAULT_OPTIONS,
    BuildOptions,
    PreparedBuild,
    prepare_build,
    reasons_of,
)
from indexer.progress import Progress, ProgressListener
from indexer.publishing import BuildingSite, building_site
from indexer.records import Crop
from indexer.segments import StoredCrop
from indexer.sources.entries import Quarantined
from models.contracts import PersonEncoder
from models.errors import BundleDamaged, BundleNotFound, EncoderMismatch, GalleryEmpty, first_few


@dataclass(frozen=True)
class BuildReport:
    """What became of a build; ``quarantined`` holds the first of the refused files.

    ``published`` is False where the gallery was up to date and the generation is the one before.
    ``resumed`` of the encoded crops are of a build that did not end.
    """

    manifest: IndexManifest
    folder: Path
    published: bool
    counts: Counts
    quarantined: tuple[Quarantined, ...]
    quarantine: Path
    warnings: tuple[str, ...]
    resumed: int
    elapsed_s: float


def build(
    crops: str | Path,
    index: Path,
    encoder: PersonEncoder,
    options: BuildOptions = DEFAULT_OPTIONS,
    on_progress: ProgressListener | None = None,
) -> BuildReport:
    """Make the gallery at ``index`` equal to a source of crops, as its next generation.

    What is indexed already, by its content, is not encoded again.

    Raises:
        ConfigurationInvalid: If a source or a folder cannot be used.
        MetadataInvalid: If the metadata file is not valid.
        GalleryEmpty: If no crop can be indexed; nothing is published then.
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
        EncoderMismatch: If the gallery is of another model.
        BundleError: If another process is at work on ``index``, or a newer program made it.
        OSError: If the disk fails; the generation before stays published.
    """
    return run_build(prepare_build(crops, index, options), encoder, on_progress)


def run_build(
    prepared: PreparedBuild, encoder: PersonEncoder, on_progress: ProgressListener | None = None
) -> BuildReport:
    """Encode, write and publish what the source of a prepared build holds.

    Raises:
        GalleryEmpty: If no crop can be decoded; nothing is published then.
        CheckpointMismatch: If the encoder's vectors are not those its card promises.
        EncoderMismatch: If the gallery is of another model.
        BundleError: If another process is at work on the index.
        OSError: If the disk fails; the generation before stays published.
    """
    began_at = time.monotonic()
    with building_site(prepared.index) as site:
        work = _Build(prepared, encoder, site, on_progress or _tell_nobody)
        try:
            return work.run(began_at)
        finally:
            work.close()


class _Build:
    """One build at work."""

    def __init__(
        self,
        prepared: PreparedBuild,
        encoder: PersonEncoder,
        site: BuildingSite,
        tell: ProgressListener,
    ) -> None:
        self._prepared = prepared
        self._encoder = encoder
        self._site = site
        self._tell = tell
        self._warnings: list[str] = []
        self._parent = self._open_parent()
        self._types_before = {} if self._parent is None else self._parent.crops.extra_types
        given = types_of(prepared.metadata, prepared.source.extra_types)
        self._types = merged_types(self._types_before, given)
        if prepared.change == "add":
            require_same_types(self._types_before, self._types)
        self._draft = Draft(site, encoder.card.embedding_width, prepared.options.wishes)
        self._listing = Listing(prepared.metadata, site.folder / bundle.QUARANTINE)

    def run(self, began_at: float) -> BuildReport:
        """Do all of it."""
        options, card = self._prepared.options, self._encoder.card
        header = JournalHeader(
            model_fingerprint=card.fingerprint(),
            precision=self._encoder.precision,
            batch_size=options.batch_size,
            keeps_contents=self._prepared.copies,
            parts=options.parts,
        )
        index, width = self._prepared.index, card.embedding_width
        with Journal(index, header, width, options.shard_crops) as journal:
            if journal.discarded:
                self._warnings.append(
                    "what a build that did not end had encoded is not used: it was of another "
                    "model, precision, batch size or choice of copies"
                )
            self._encode(journal)
            journal.flush()
            self._check_found()
            changes = self._decide()
            total = self._listing.found
            self._tell(Progress("publishing", 0, total, self._listing.quarantined))
            manifest, folder, published = self._publish(changes, journal.stored)
            self._tell(Progress("publishing", total, total, self._listing.quarantined))
            encoded = (row.content_sha256 for row in changes.new if row.row is None)
            resumed = sum(map(journal.is_resumed, encoded))
        remove_journal(index)
        return BuildReport(
            manifest=manifest,
            folder=folder,
            published=published,
            counts=self._counts(changes).model_copy(update={"indexed": manifest.counts.indexed}),
            quarantined=tuple(self._listing.examples),
            quarantine=folder / bundle.QUARANTINE,
            warnings=(*self._warnings, *self._unmatched()),
            resumed=resumed,
            elapsed_s=time.monotonic() - began_at,
        )

    def close(self) -> None:
        """Release the generation before."""
        if self._parent is not None:
            self._parent.close()

    def _open_parent(self) -> Generation | None:
        """Open the generation before, if the new one can go on from it.

        Raises:
            EncoderMismatch: If it is of another model.
            BundleNotFound: If there is nothing to add to.
            BundleDamaged: If what shall be added to is damaged.
        """
        folder = self._site.parent
        if folder is None:
            if self._prepared.change == "add":
                raise BundleNotFound(
                    f"what {self._prepared.index} publishes cannot be told: build the index again"
                )
            return None
        try:
            manifest = bundle.read_generation_manifest(folder)
            _check_same_model(self._prepared.index, manifest, self._encoder)
            bundle.check_files(folder, manifest)
            parent = Generation(folder, manifest)
        except BundleDamaged as error:
            if self._prepared.change == "add":
                raise
            self._warnings.append(f"everything is encoded again, as {error}")
            return None
        if manifest.precision != self._encoder.precision:
            self._warnings.append(
                f"the crops of before were encoded in {manifest.precision}, new ones are in "
                f"{self._encoder.precision}"
            )
        if manifest.parts != self._prepared.options.parts:
            self._warnings.append(
                f"everything is encoded again: parts were stored as {manifest.parts or 'none'} "
                f"before, and are as {self._prepared.options.parts or 'none'} now"
            )
            parent.close()
            return None
        return parent

    def _encode(self, journal: Journal) -> None:
        options, source, listing = self._prepared.options, self._prepared.source, self._listing
        parent = None if self._parent is None else self._parent.crops

        def is_known(content_sha256: str) -> bool:
            if content_sha256 in journal:
                return True
            # A record is not read for this: that would take fifteen times as long.
            row = -1 if parent is None else int(parent.rows_of([crop_id(content_sha256)])[0])
            return row >= 0 and not self._lacks_content(row)

        batches = embed_crops(
            source.entries(),
            self._encoder,
            is_known=is_known,
            batch_size=options.batch_size,
            workers=options.workers,
            keep_bytes=self._prepared.copies,
            parts=options.parts,
        )
        total = source.count()
        self._tell(Progress("encoding", 0, total, 0))
        with silent_pillow():
            for batch in batches:
                for item in batch:
                    if isinstance(item, Quarantined):
                        listing.refuse(item)
                    elif isinstance(item, KnownCrop):
                        listing.take(item.path, item.content_sha256, item.metadata)
                    else:
                        journal.append(_stored(item))
                        decoded = item.decoded
                        listing.take(decoded.path, decoded.content_sha256, item.metadata)
                self._tell(Progress("encoding", listing.found, total, listing.quarantined))

    def _check_found(self) -> None:
        listing = self._listing
        if not listing.crops and self._prepared.change == "build":
            raise GalleryEmpty(
                f"none of the {listing.found} images under {self._prepared.source.root} can be "
                f"indexed{reasons_of(listing.examples)}. Name a folder with readable crops; "
                "nothing was published."
            )

    def _lacks_content(self, row: int) -> bool:
        """Say whether a row of the parent has no copy of its original, where one is asked for."""
        if self._parent is None or not self._prepared.copies:
            return False
        segment, own = self._parent.place(row)
        return not segment.contents.read(own)

    def _decide(self) -> Changes:
        return decide(
            None if self._parent is None else self._parent.crops,
            self._listing,
            self._prepared.source.root,
            self._prepared.change,
            encoded_again=self._lacks_content,
            may_stay=not changed_types(self._types_before, self._types),
        )

    def _publish(
        self, changes: Changes, encoded: Callable[[str], StoredCrop]
    ) -> tuple[IndexManifest, Path, bool]:
        parent, root = self._parent, self._prepared.source.root
        manifest = self._manifest(changes)
        if parent is not None and self._is_up_to_date(parent, manifest, changes):
            return parent.manifest, parent.folder, False
        deleted = NOTHING_DELETED
        if parent is not None:
            deleted = np.union1d(parent.deleted, changes.deleted)
            deleted = self._draft.take_segments(parent.folder, parent.manifest, deleted)
        rows = stored_rows(changes, root, encoded, None if parent is None else parent.stored)
        self._draft.write_segment(rows, self._types)
        queries = encode_canaries(self._encoder)
        finished, folder = self._draft.finish(manifest, deleted, queries)
        return finished, folder, True

    def _is_up_to_date(self, parent: Generation, manifest: IndexManifest, changes: Changes) -> bool:
        """Tell whether a new generation would say nothing that the one before does not."""
        before = parent.manifest
        quarantines = [folder / bundle.QUARANTINE for folder in (parent.folder, self._site.folder)]
        return (
            not changes.new
            and not len(changes.deleted)
            and all(
                getattr(before, name) == getattr(manifest, name)
                for name in ("name", "model", "source", "neighbours", "wishes")
            )
            and quarantines[0].read_bytes() == quarantines[1].read_bytes()
        )

    def _manifest(self, changes: Changes) -> IndexManifest:
        prepared, card = self._prepared, self._encoder.card
        before = () if self._parent is None else self._parent.manifest.metadata_columns
        if prepared.change == "build":
            before = ()
        columns = (*before, *prepared.metadata.columns, *prepared.source.columns)
        name = prepared.options.name
        if name is None and self._parent is not None:
            name = self._parent.manifest.name
        return IndexManifest(
            name=name or prepared.source.name or "gallery",
            generation=self._site.generation,
            change=prepared.change,
            created_at=datetime.now(UTC),
            source=prepared.source.root,
            model=IndexedModel(
                name=card.name,
                fingerprint=card.fingerprint(),
                preprocessing=preprocessing_fingerprint(card.image),
                source=prepared.options.model_source,
                card=card,
            ),
            precision=self._encoder.precision,
            embedding_width=card.embedding_width,
            parts=prepared.options.parts,
            neighbours=prepared.options.neighbours,
            wishes=prepared.options.wishes,
            segments=(),
            counts=self._counts(changes),
            metadata_columns=tuple(dict.fromkeys(columns)),
            canaries=(),
            files={},
        )

    def _counts(self, changes: Changes) -> Counts:
        listing, skipped = self._listing, self._prepared.source.skipped
        return Counts(
            indexed=0,
            found=listing.found,
            encoded=sum(row.row is None for row in changes.new),
            reused=changes.reused,
            duplicates=listing.duplicates,
            quarantined=listing.quarantined,
            replaced=changes.replaced,
            removed=changes.removed,
            skipped_hidden=skipped.hidden,
            skipped_outside=skipped.outside,
            skipped_links=skipped.links,
            skipped_other=skipped.other,
            metadata_rows=len(self._prepared.metadata.crops),
            metadata_without_crop=sum(1 for _ in listing.undescribed()),
            crops_without_metadata=listing.without_metadata,
        )

    def _unmatched(self) -> list[str]:
        unmatched = list(self._listing.undescribed())
        if not unmatched:
            return []
        prepared = self._prepared
        warning = (
            f"{len(unmatched)} of {len(prepared.metadata.crops)} lines of "
            f"{prepared.options.metadata} name no crop under {prepared.source.root}: "
            f"{first_few([repr(path) for path in unmatched])}"
        )
        return [warning]


def _stored(item: EmbeddedCrop) -> StoredCrop:
    decoded = item.decoded
    crop = Crop(
        id=decoded.id,
        root="",
        path=decoded.path,
        other_paths=(),
        content_sha256=decoded.content_sha256,
        media_type=decoded.media_type,
        size_bytes=decoded.size_bytes,
        width=decoded.width,
        height=decoded.height,
        camera=None,
        captured_at=None,
        track_id=None,
        extra={},
    )
    return StoredCrop(crop, item.vector, decoded.thumbnail, item.content or b"", item.parts)


def _check_same_model(index: Path, manifest: IndexManifest, encoder: PersonEncoder) -> None:
    card, before = encoder.card, manifest.model
    if card.fingerprint() != before.fingerprint:
        raise EncoderMismatch(
            f"{index} was built with model {before.name!r} ({before.fingerprint[:12]}), not with "
            f"{card.name!r} ({card.fingerprint()[:12]}): vectors of two models cannot be "
            f"compared. Name that one by --model {before.source}, or build beside it with --index "
            "and another folder, and serve that one when it is done"
        )


def _tell_nobody(_: Progress) -> None:
    """Take a progress nobody asked for."""
