import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from indexer.crops import Quarantined

from indexer import bundle
from indexer.crop_table import CropTable
from indexer.decoding import decode_crop
from indexer.embedding import EmbeddedCrop
from indexer.generation import GenerationWriter
from indexer.metadata import CropMetadata, Metadata
from indexer.thumbnails import ThumbnailPack
from indexer.vectors import open_vectors

TIME = datetime(2024, 5, 1, tzinfo=UTC)


def test_row_n_of_every_file_is_the_same_crop(crops: Path, tmp_path: Path) -> None:
    known = {"cam1/red.png": CropMetadata("c1", TIME, "17", {"floor": 2})}
    metadata = Metadata(("path", "floor"), known, {"floor": "integer"})
    black, red = decode_crop(crops, "black.jpeg"), decode_crop(crops, "cam1/red.png")
    refused = Quarantined("ünreadable\n\udcff.jpg", "the file is empty")
    with GenerationWriter(tmp_path, 2, metadata) as writer:
        writer.append(EmbeddedCrop(black, np.array([0, 1], np.float32)))
        writer.append(refused)
        writer.append(EmbeddedCrop(red, np.array([1, 0], np.float32)))
    assert writer.ids == [black.id, red.id]
    assert (writer.without_metadata, writer.quarantined, writer.examples) == (1, 1, [refused])

    table = CropTable(tmp_path / bundle.CROPS)
    assert [table.crop(row).path for row in (0, 1)] == ["black.jpeg", "cam1/red.png"]
    assert (table.crop(0).camera, table.crop(0).extra) == (None, {"floor": None})
    with_metadata = table.crop(1)
    assert with_metadata.camera == "c1"
    assert with_metadata.captured_at == TIME
    assert with_metadata.track_id == "17"
    assert with_metadata.extra == {"floor": 2}
    assert with_metadata.content_sha256 == red.content_sha256
    assert (with_metadata.width, with_metadata.height) == (16, 32)

    assert open_vectors(tmp_path / bundle.VECTORS).tolist() == [[0, 1], [1, 0]]
    pack = ThumbnailPack(tmp_path / bundle.THUMBNAILS, tmp_path / bundle.THUMBNAIL_OFFSETS)
    assert [pack.read(0), pack.read(1)] == [black.thumbnail, red.thumbnail]
    pack.close()
    lines = (tmp_path / bundle.QUARANTINE).read_text(encoding="ascii").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"path": refused.path, "reason": "the file is empty"}
    ]


def test_only_the_first_refused_files_are_kept_in_memory(tmp_path: Path) -> None:
    with GenerationWriter(tmp_path, 2, Metadata((), {}, {})) as writer:
        for number in range(100):
            writer.append(Quarantined(f"{number}.jpg", "the file is empty"))
    assert writer.quarantined == 100
    assert [item.path for item in writer.examples] == [f"{number}.jpg" for number in range(20)]
    assert len((tmp_path / bundle.QUARANTINE).read_text().splitlines()) == 100
