"""RSTPReid: captions of MSMT17, two a crop and five crops of everyone.

Sources: Zhu et al., DSSL, 2021 (https://arxiv.org/abs/2109.05534); the layout is the one that
the code of IRRA (https://github.com/anosorae/IRRA) reads.
"""

from collections.abc import Mapping
from pathlib import Path

from training.datasets.annotated_records import Layout, read_layout
from training.datasets.captioned_crops import Annotations, CaptionedCrops, Counts, Split

PUBLISHED_COUNTS: Mapping[Split, Counts] = {
    "train": Counts(images=18_505, captions=37_010, people=3_701),
    "val": Counts(images=1_000, captions=2_000, people=200),
    "test": Counts(images=1_000, captions=2_000, people=200),
}
LAYOUT = Layout(
    name="RSTPReid",
    files=("data_captions.json",),
    noun_files=("data_captions_noun.json",),
    image_key="img_path",
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
        root: Holds ``data_captions.json`` and ``imgs/``, or ``RSTPReid`` that does.
        noun_phrases: Read ``data_captions_noun.json``, which has noun phrases too.

    Raises:
        MetadataInvalid: If annotations are missing, or any record cannot be used.
    """
    return survey(root, noun_phrases=noun_phrases).whole()
