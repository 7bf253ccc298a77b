"""CUHK-PEDES: the first data set of captioned people, gathered from five others.

Sources: Li et al., Person Search with Natural Language Description, 2017
(https://arxiv.org/abs/1702.05729); the layout is the one that the codes of IRRA
(https://github.com/anosorae/IRRA) and NAFS (https://github.com/TencentYoutuResearch/PersonReID-NAFS)
read. Person ids begin with 1, so that IRRA's and NAFS' label of a person is ``id - 1``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.datasets.annotated_records import Layout, read_layout
from training.datasets.captioned_crops import (
    Annotations,
    CaptionedCrop,
    CaptionedCrops,
    CaptionRow,
    Counts,
    PersonId,
    Split,
    caption_rows,
)

PUBLISHED_COUNTS: Mapping[Split, Counts] = {
    "train": Counts(images=34_054, captions=68_126, people=11_003),
    "val": Counts(images=3_078, captions=6_158, people=1_000),
    "test": Counts(images=3_074, captions=6_156, people=1_000),
}
LAYOUT = Layout(
    name="CUHK-PEDES",
    files=("reid_raw.json",),
    noun_files=("reid_raw_noun.json",),
    image_key="file_path",
    first_train_id=1,
    published=PUBLISHED_COUNTS,
)


def survey(root: Path, *, noun_phrases: bool = False) -> Annotations:
    """Read what can be read, and name what cannot.

    Raises:
        MetadataInvalid: If there are no annotations, or they are no list of records.
    """
    return read_layout(LAYOUT, root, noun_phrases=noun_phrases)


def read(root: Path, *, noun_phrases: bool = False) -> CaptionedCrops:
    """Read the data set from its folder, or from the one that folder is in.

    Args:
        root: Holds ``reid_raw.json`` and ``imgs/``, or ``CUHK-PEDES`` that does.
        noun_phrases: Read ``reid_raw_noun.json``, which has noun phrases too.

    Raises:
        MetadataInvalid: If annotations are missing, or any record cannot be used.
    """
    return survey(root, noun_phrases=noun_phrases).whole()


def nafs_row_order(crops: Sequence[CaptionedCrop]) -> list[CaptionRow]:
    """Return the captions in the order in which NAFS has them: person by person.

    People come in the order of their first crop, each one's crops in that of the file, and each
    crop's captions backwards. Only what depends on the order of rows needs it.
    """
    rows: dict[PersonId, list[CaptionRow]] = {}
    by_crop: list[list[CaptionRow]] = [[] for _ in crops]
    for row in caption_rows(crops):
        by_crop[row.crop].append(row)
    for crop, own in zip(crops, by_crop, strict=True):
        rows.setdefault(crop.person_id, []).extend(reversed(own))
    return [row for own in rows.values() for row in own]
