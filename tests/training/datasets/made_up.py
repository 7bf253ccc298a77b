"""Tiny data sets in every layout, written by the tests themselves."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

Record = dict[str, object]

COLOURS = ("red", "green", "blue", "white", "black")


def record(index: int, person_id: int, split: str, captions: Sequence[str] = ()) -> Record:
    """A record as CUHK-PEDES and ICFG-PEDES have it."""
    return {
        "id": person_id,
        "file_path": f"cam_a/{index}.png",
        "captions": list(captions) or [f"a person, crop {index}", f"again crop {index}"],
        "split": split,
        "processed_tokens": [["x"]],
    }


def whole_records(first_id: int = 1) -> list[Record]:
    """Two crops each of three people in train, and of two people in val and test each."""
    splits = ("train", "train", "train", "val", "val", "test", "test")
    return [
        record(2 * person + sighting, first_id + person, split)
        for person, split in enumerate(splits)
        for sighting in range(2)
    ]


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_images(root: Path, paths: Iterable[str]) -> None:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 24), COLOURS[number % len(COLOURS)]).save(root / path)


def write_cuhk(root: Path, records: Sequence[object]) -> Path:
    """Write CUHK-PEDES below ``root``, with an image for every record that names one."""
    folder = root / "CUHK-PEDES"
    write_json(folder / "reid_raw.json", records)
    paths = [one["file_path"] for one in records if isinstance(one, dict) and "file_path" in one]
    write_images(folder / "imgs", paths)
    return root


def csv_table(rows: Sequence[Mapping[str, object]]) -> str:
    columns = list(rows[0])
    lines = [columns, *([str(row[column]) for column in columns] for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines)


def caption_line(path: str, caption: str, person_id: object, split: str) -> dict[str, object]:
    return {"path": path, "caption": caption, "person_id": person_id, "split": split}
