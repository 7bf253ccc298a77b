"""Older generations of an index: go back to one, merge segments, and clear away what is old."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer import bundle
from indexer.drafts import NOTHING_DELETED, Draft, read_canary_queries
from indexer.generation import Generation
from indexer.journal import remove_journal
from indexer.manifest import Change, Counts, IndexManifest
from indexer.planning import plan, resources_at
from indexer.publishing import changing_site
from models.errors import ConfigurationInvalid


@dataclass(frozen=True)
class Republished:
    """A generation made from older ones; ``published`` is False where there was nothing to do."""

    manifest: IndexManifest
    folder: Path
    published: bool


@dataclass(frozen=True)
class Cleared:
    """What was cleared away: generations by number, the bytes they alone held, and the journal."""

    removed: tuple[int, ...]
    kept: tuple[int, ...]
    freed_bytes: int
    journal: bool


def compact(index: Path) -> Republished:
    """Publish a generation whose crops are in one segment, without the rows that are deleted.

    Its index is of the kind that the gallery's wishes ask for at its size.

    Raises:
        BundleNotFound: If nothing is published there.
        BundleDamaged: If a file is not what its checksum says; nothing is published then.
        BundleError: If another process is at work on the index.
        OSError: If the disk is full or fails; the generation before stays published.
    """
    with changing_site(index) as (site, folder):
        manifest = bundle.read_generation_manifest(folder)
        if not _worth_compacting(folder, manifest):
            return Republished(manifest, folder, published=False)
        # What is copied gets a new checksum, which must not vouch for damaged bytes.
        bundle.check_files(folder, manifest)
        parent = Generation(folder, manifest)
        try:
            draft = Draft(site, manifest.embedding_width, manifest.wishes)
            rows = parent.crops.rows
            draft.write_segment((parent.stored(int(row)) for row in rows), parent.crops.extra_types)
            if parent.neighbours is not None:
                draft.renumber_neighbours(parent.neighbours, rows)
        finally:
            parent.close()
        changed = _changed(manifest, "compact")
        finished, published = draft.finish(changed, NOTHING_DELETED, read_canary_queries(folder))
    return Republished(finished, published, published=True)


def roll_back(index: Path, generation: int | None = None) -> Republished:
    """Publish the rows of an older generation again, under a new number.

    Args:
        index: The index folder.
        generation: Which one; None is the published one's parent.

    Raises:
        ConfigurationInvalid: If there is no such generation any more.
        BundleNotFound: If nothing is published there.
        BundleDamaged: If the older generation is damaged; nothing is published then.
        BundleError: If another process is at work on the index.
        OSError: If the disk fails; the generation before stays published.
    """
    with changing_site(index) as (site, current):
        number = generation if generation is not None else _parent_of(current)
        there = [int(folder.name) for folder in bundle.generation_folders(index)]
        if number is None or number not in there or number == int(current.name):
            asked = "a generation before it" if number is None else f"generation {number}"
            others = ", ".join(str(each) for each in there if each != int(current.name))
            raise ConfigurationInvalid(
                f"{index} cannot go back to {asked} from generation {int(current.name)}: there is "
                f"{f'generation {others}' if others else 'no other one'}"
            )
        folder = index / bundle.GENERATIONS / bundle.generation_name(number)
        manifest = bundle.read_generation_manifest(folder)
        bundle.check_files(folder, manifest)
        draft = Draft(site, manifest.embedding_width, manifest.wishes)
        deleted = draft.take_segments(folder, manifest, np.load(folder / bundle.DELETED))
        changed = _changed(manifest, "rollback").model_copy(update={"restores": number})
        finished, published = draft.finish(changed, deleted, read_canary_queries(folder))
    return Republished(finished, published, published=True)


def clear(index: Path, keep: int) -> Cleared:
    """Remove all but the published generation and those right before it, and what builds left.

    Args:
        index: The index folder.
        keep: How many generations to leave; at least 1.

    Raises:
        ConfigurationInvalid: If ``keep`` is less than 1.
        BundleNotFound: If nothing is published there.
        BundleError: If another process is at work on the index.
        OSError: If a file cannot be removed.
    """
    if keep < 1:
        raise ConfigurationInvalid(
            f"keep is {keep}: the published generation always stays, so >= 1"
        )
    with changing_site(index) as (_, current):
        older = [folder for folder in bundle.generation_folders(index) if folder != current]
        # Counted from the end: there may be fewer than shall be kept.
        kept = older[max(0, len(older) - (keep - 1)) :]
        removed = [folder for folder in older if folder not in kept]
        freed = _held_alone(removed)
        for folder in removed:
            shutil.rmtree(folder)
        journal = (index / bundle.JOURNAL).exists()
        remove_journal(index)
    return Cleared(
        tuple(int(folder.name) for folder in removed),
        tuple(int(folder.name) for folder in (*kept, current)),
        freed,
        journal,
    )


def _held_alone(folders: list[Path]) -> int:
    """Return the bytes of files that no other folder has a link to."""
    links: dict[int, int] = {}
    freed = 0
    for folder in folders:
        for path in folder.rglob("*"):
            status = path.stat()
            if not path.is_file():
                continue
            links[status.st_ino] = links.get(status.st_ino, 0) + 1
            if links[status.st_ino] == status.st_nlink:
                freed += status.st_size
    return freed


def _worth_compacting(folder: Path, manifest: IndexManifest) -> bool:
    """Tell whether there is anything to merge, to drop, or to index in another way."""
    if len(manifest.segments) > 1 or manifest.deleted:
        return True
    if not manifest.segments:
        return False
    resources = resources_at(folder)
    wanted = plan(manifest.rows, manifest.embedding_width, resources, manifest.wishes)
    return wanted.kind != manifest.segments[0].index.kind


def _changed(manifest: IndexManifest, change: Change) -> IndexManifest:
    return manifest.model_copy(
        update={"change": change, "restores": None, "counts": Counts(indexed=0)}
    )


def _parent_of(folder: Path) -> int | None:
    return bundle.read_generation_manifest(folder).parent
