"""WIDER Person Search by Language: the data of a challenge, which MIA's code trains on.

By its counts it is CUHK-PEDES divided anew: its train is that one's train and val, its val that
one's test. Train crops have two captions that are read; val is what models are measured on.

Source: the code of MIA (https://github.com/cuiaiyu/Text-to-Image-ReIdentification). Departs from
it where a train crop has a single caption, which ends that code: here the crop is kept and noted.
A split that it reads nowhere is a problem here, except ``test``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from models.errors import MetadataInvalid
from training.datasets.annotated_records import IMAGES_FOLDER, Records, parse_records
from training.datasets.annotation_files import read_json_list
from training.datasets.captioned_crops import (
    Annotations,
    CaptionedCrop,
    CaptionedCrops,
    Counts,
    Split,
)

NAME = "WIDER"
PUBLISHED_COUNTS: Mapping[Split, Counts] = {
    "train": Counts(images=37_132, captions=74_284, people=12_003),
    "val": Counts(images=3_074, captions=None, people=None),
    "test": Counts(images=0, captions=0, people=0),
}
CAPTIONS_OF_A_TRAIN_CROP = 2

_LABELS_FILE = "val_label.json"  # who is on which crop of val: no list of records


def survey(root: Path) -> Annotations:
    """Read what can be read, and name what cannot.

    Raises:
        MetadataInvalid: If there are no annotations, or they are no lists of records.
    """
    folder, files = _files(root)
    records = Records()
    for path in files:
        found = parse_records(read_json_list(path), "file_path", _split)
        named = "" if len(files) == 1 else f"{path.name}, "
        records.problems += [f"{named}{problem}" for problem in found.problems]
        records.notes += [f"{named}{note}" for note in found.notes]
        for split, crops in found.crops.items():
            records.crops[split] += crops
    records.notes += _notes(records.crops["train"])
    records.crops["train"] = [_as_trained(crop) for crop in records.crops["train"]]
    return Annotations(
        crops=records.named(NAME, folder / IMAGES_FOLDER),
        source=files[0] if len(files) == 1 else folder,
        problems=tuple(records.problems),
        notes=tuple(records.notes),
        published=PUBLISHED_COUNTS,
    )


def read(root: Path) -> CaptionedCrops:
    """Read the data set from its folder, or from the one that folder is in.

    Args:
        root: Holds the annotations, in one JSON list or several, and ``imgs/``; or ``WIDER`` that
            does. ``val_label.json`` is not needed.

    Raises:
        MetadataInvalid: If annotations are missing, or any record cannot be used.
    """
    return survey(root).whole()


def _files(root: Path) -> tuple[Path, list[Path]]:
    folder = root / NAME if (root / NAME).is_dir() else root
    files = sorted(path for path in folder.glob("*.json") if path.name != _LABELS_FILE)
    if not files:
        raise MetadataInvalid(
            f"found no annotations: {folder} holds no JSON file; "
            "name the folder that the data set was unpacked into"
        )
    return folder, files


def _split(named: str) -> Split | None:
    if named.startswith("train"):
        return "train"
    return "val" if named == "val" else "test" if named == "test" else None


def _notes(train: list[CaptionedCrop]) -> list[str]:
    single = [crop for crop in train if len(crop.captions) < CAPTIONS_OF_A_TRAIN_CROP]
    more = [crop for crop in train if len(crop.captions) > CAPTIONS_OF_A_TRAIN_CROP]
    notes = [f"{crop.path}: a single caption, where MIA's code needs two" for crop in single]
    if more:
        notes.append(f"{len(more)} train crops have captions beyond the second, which are not read")
    return notes


def _as_trained(crop: CaptionedCrop) -> CaptionedCrop:
    phrases = crop.phrases
    return replace(
        crop,
        captions=crop.captions[:CAPTIONS_OF_A_TRAIN_CROP],
        phrases=None if phrases is None else phrases[:CAPTIONS_OF_A_TRAIN_CROP],
    )
