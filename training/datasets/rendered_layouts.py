"""Rendered people in the layouts in which others read captioned people.

Beside the crops of ``export_people``, a folder gets

- ``reid_raw.json``, CUHK-PEDES's list of records, and ``imgs``, which is where that layout has
  its images (a link to ``crops``). A record has ``id`` (counted from 1, as there), ``file_path``,
  ``split``, ``captions`` and ``processed_tokens``; and, which that layout does not know,
  ``camera``, ``track_id``, ``captured_at``, ``attributes`` and ``claims``.
- ``captions.parquet``, a row for each caption, which the reader of captioned folders accepts:
  ``path`` (below the folder), ``caption``, ``person_id``, ``split``, ``camera``, ``track_id``,
  ``captured_at``, ``attributes`` and ``claims``.

``attributes`` has a value for each slot of ``SLOTS``, null where the picture does not show it.
``claims`` says what a caption permits: for each slot it speaks of, the values of which the
picture's must be one if the caption is true of it. It is true of *any* picture whose values are
all permitted, and false of one that shows something else.

Of every ten people the last one is in test, the one before in val (see ``split_people``).
Captions of val and test are of templates that no caption of train uses.
"""

import csv
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from training.datasets.rendered_captions import (
    CaptionedSighting,
    PeoplePerSplit,
    caption_sightings,
    read_sightings,
)
from training.datasets.rendered_people.attributes import ANY, SLOTS, decode_values
from training.datasets.rendered_people.export import CROPS_NAME, ExportReport
from training.datasets.rendered_people.recipes import write_atomically

RECORDS_NAME = "reid_raw.json"
TABLE_NAME = "captions.parquet"
IMAGES_NAME = "imgs"

Claims = Mapping[str, list[str]]

_TEXT = pa.string()
_TABLE = pa.schema(
    [
        ("path", _TEXT), ("caption", _TEXT), ("person_id", pa.int64()), ("split", _TEXT),
        ("camera", _TEXT), ("track_id", _TEXT), ("captured_at", pa.timestamp("ms", tz="UTC")),
        ("attributes", pa.struct([(slot, _TEXT) for slot in SLOTS])),
        ("claims", pa.map_(_TEXT, pa.list_(_TEXT))),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class _Taken:
    """Where and when a crop was taken."""

    camera: str
    captured_at: str
    track_id: str


def split_people(people: int) -> PeoplePerSplit:
    """Return a tenth of people each for val and test, and the rest for train."""
    tenth = people // 10
    return PeoplePerSplit(train=people - 2 * tenth, val=tenth, test=tenth)


def write_layouts(report: ExportReport, *, captions: int, seed: int) -> None:
    """Caption exported people and write them as ``reid_raw.json`` and ``captions.parquet``.

    Args:
        report: What was exported.
        captions: How many captions of each crop.
        seed: Decides the captions.

    Raises:
        MetadataInvalid: If the exported files are missing or damaged.
    """
    folder = report.attributes.parent
    sightings = read_sightings(report.attributes)
    first = sightings[0].person_id
    captioned = caption_sightings(
        sightings, split_people(report.people), captions, seed, first_person_id=first
    )
    taken = _taken(report.metadata)
    records = [_record(one, taken[one.path], first) for one in captioned]
    lines = ",\n".join(json.dumps(record) for record in records)
    write_atomically(folder / RECORDS_NAME, f"[\n{lines}\n]\n".encode())
    _link(folder / IMAGES_NAME, folder / CROPS_NAME)
    rows = [row for one in captioned for row in _rows(one, taken[one.path])]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_TABLE), sink)
    write_atomically(folder / TABLE_NAME, sink.getvalue().to_pybytes())


def claimed(claims: npt.NDArray[np.int32]) -> Claims:
    """Return what bit masks ``(s,)`` permit, by slot; slots that nothing is said of are left out.

    It is the inverse of ``permit``.
    """
    return {
        slot: [value for number, value in enumerate(values) if int(mask) >> number & 1]
        for (slot, values), mask in zip(SLOTS.items(), claims, strict=True)
        if mask != ANY
    }


def _taken(metadata: Path) -> dict[str, _Taken]:
    with metadata.open(newline="", encoding="utf-8") as file:
        return {
            row["path"]: _Taken(row["camera"], row["captured_at"], row["track_id"])
            for row in csv.DictReader(file)
        }


def _record(one: CaptionedSighting, taken: _Taken, first_person_id: int) -> Mapping[str, object]:
    return {
        "id": one.person_id - first_person_id + 1,
        "file_path": one.path,
        "split": one.split,
        "captions": one.captions,
        "processed_tokens": [_words(caption) for caption in one.captions],
        "camera": taken.camera,
        "track_id": taken.track_id,
        "captured_at": taken.captured_at,
        "attributes": decode_values(one.values),
        "claims": [claimed(own) for own in one.claims],
    }


def _rows(one: CaptionedSighting, taken: _Taken) -> Sequence[Mapping[str, object]]:
    return [
        {
            "path": f"{CROPS_NAME}/{one.path}",
            "caption": caption,
            "person_id": one.person_id,
            "split": one.split,
            "camera": taken.camera,
            "track_id": taken.track_id,
            "captured_at": datetime.fromisoformat(taken.captured_at),
            "attributes": decode_values(one.values),
            "claims": list(claimed(own).items()),
        }
        for caption, own in zip(one.captions, one.claims, strict=True)
    ]


def _words(caption: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", caption.lower())


def _link(link: Path, folder: Path) -> None:
    """Make a folder known by a second name."""
    if link.exists():
        return
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError:  # a file system, or a user, that may not link
        shutil.copytree(folder, link)
