"""What a source holds, by content: each crop once, with all its paths."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indexer.metadata import CropMetadata, Metadata
from indexer.sources.entries import Quarantined

_EXAMPLES = 20


@dataclass
class ListedCrop:
    """A crop of a source; ``other_paths`` hold the same content."""

    path: str
    other_paths: list[str]
    metadata: CropMetadata | None


@dataclass
class Listing:
    """Everything that a source gave, and what was refused; ``examples`` are the first of those.

    Metadata of the file named by the user goes before what the source itself carries.
    """

    metadata: Metadata
    quarantine: Path
    crops: dict[str, ListedCrop] = field(default_factory=dict)
    duplicates: int = 0
    quarantined: int = 0
    without_metadata: int = 0
    examples: list[Quarantined] = field(default_factory=list)
    _described: set[str] = field(default_factory=set)

    @property
    def found(self) -> int:
        """How many files the source gave."""
        return len(self.crops) + self.duplicates + self.quarantined

    def take(self, path: str, content_sha256: str, carried: CropMetadata | None) -> None:
        """Add a crop that can be indexed."""
        described = self.metadata.crops.get(path)
        if described is not None:
            self._described.add(path)
        known = described or carried
        listed = self.crops.get(content_sha256)
        if listed is not None:
            self.duplicates += 1
            listed.other_paths.append(path)
            if listed.metadata is None and known is not None:
                listed.metadata = known
                self.without_metadata -= 1
            return
        self.without_metadata += known is None
        self.crops[content_sha256] = ListedCrop(path, [], known)

    def refuse(self, item: Quarantined) -> None:
        """Add a file that cannot be indexed to the quarantine."""
        self._described.update({item.path} & self.metadata.crops.keys())
        with self.quarantine.open("a", encoding="ascii") as file:
            file.write(json.dumps({"path": item.path, "reason": item.reason}) + "\n")
        self.quarantined += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(item)

    def undescribed(self) -> Iterator[str]:
        """Yield the paths of the metadata file that no file of the source has."""
        return (path for path in self.metadata.crops if path not in self._described)
