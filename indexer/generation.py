"""Write the data files of one generation, row by row."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer import bundle
from indexer.crop_table import CropTableWriter
from indexer.crops import Quarantined
from indexer.embedding import EmbeddedCrop
from indexer.metadata import CropMetadata, Metadata
from indexer.records import Crop
from indexer.thumbnails import ThumbnailWriter
from indexer.vectors import VectorWriter

_EXAMPLES = 20
_NOTHING_KNOWN = CropMetadata(None, None, None, {})


class GenerationWriter:
    """Appends crops and quarantined files; row n of every file is the same crop.

    ``ids`` are the ids by row, ``without_metadata`` of them have none; ``quarantined`` counts the
    refused files, ``examples`` are the first of them.
    """

    def __init__(self, folder: Path, width: int, metadata: Metadata) -> None:
        self._metadata = metadata
        self._files = ExitStack()
        enter = self._files.enter_context
        self._crops = enter(CropTableWriter(folder / bundle.CROPS, metadata.extra_types))
        self._vectors = enter(VectorWriter(folder / bundle.VECTORS, width))
        self._thumbnails = enter(
            ThumbnailWriter(folder / bundle.THUMBNAILS, folder / bundle.THUMBNAIL_OFFSETS)
        )
        self._quarantine = enter((folder / bundle.QUARANTINE).open("w", encoding="ascii"))
        self.ids: list[str] = []
        self.without_metadata = 0
        self.quarantined = 0
        self.examples: list[Quarantined] = []

    def append(self, item: EmbeddedCrop | Quarantined) -> None:
        """Add the next row, or a line to the quarantine."""
        if isinstance(item, EmbeddedCrop):
            self._append_crop(item)
            return
        line = json.dumps({"path": item.path, "reason": item.reason})
        self._quarantine.write(f"{line}\n")
        self.quarantined += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def _append_crop(self, item: EmbeddedCrop) -> None:
        decoded = item.decoded
        known = self._metadata.crops.get(decoded.path, _NOTHING_KNOWN)
        self._crops.append(
            Crop(
                id=decoded.id,
                path=decoded.path,
                content_sha256=decoded.content_sha256,
                media_type=decoded.media_type,
                size_bytes=decoded.size_bytes,
                width=decoded.width,
                height=decoded.height,
                camera=known.camera,
                captured_at=known.captured_at,
                track_id=known.track_id,
                extra=known.extra,
            )
        )
        self._vectors.append(item.vector)
        self._thumbnails.append(decoded.thumbnail)
        self.ids.append(decoded.id)
        self.without_metadata += decoded.path not in self._metadata.crops
