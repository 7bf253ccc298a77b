"""ICFG-PEDES: captions of MSMT17, one a crop, longer than others; there is no val.

Sources: Ding et al., SSAN, 2021 (https://arxiv.org/abs/2107.12666); the layout is the one that
the code of IRRA (https://github.com/anosorae/IRRA) reads.
"""

from collections.abc import Mapping
from pathlib import Path

from training.datasets.annotated_records import Layout, read_layout
from training.datasets.captioned_crops import Annotations, CaptionedCrops, Counts, Split

PUBLISHED_COUNTS: Mapping[Split, Counts] = {
    "train": Counts(images=34_674, captions=34_674, people=3_102),
    "val": Counts(images=0, captions=0, people=0),
    "test": Counts(images=19_848, captions=19_848, people=1_000),
}
LAYOUT = Layout(
    name="ICFG-PEDES",
    # The code reads the first name, its instructions give the second.
    files=("ICFG-PEDES.json", "ICFG_PEDES.json"),
    noun_files=("ICFG-PEDES_noun.json", "ICFG_PEDES_noun.json"),
    image_key="file_path",
    first_train_id=0,
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
        root: Holds ``ICFG-PEDES.json`` or ``ICFG_PEDES.json``, and ``imgs/``; or ``ICFG-PEDES``
            that does.
        noun_phrases: Read ``ICFG-PEDES_noun.json``, which has noun phrases too.

    Raises:
        MetadataInvalid: If annotations are missing, or any record cannot be used.
    """
    return survey(root, noun_phrases=noun_phrases).whole()
