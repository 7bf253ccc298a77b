"""Data sets whose annotations are a JSON list with a record for each crop.

A record has ``id``, ``captions``, ``split``, the path of the image under a key of its own and,
in the files that SG-IHA reads, ``cap_noun_phrases``; whatever else it has is not looked at.

Sources: the code of IRRA (https://github.com/anosorae/IRRA) and of SG-IHA
(https://github.com/Zjamie813/SG-IHA) for layouts, splits and ids. Departs from them where they
stop or go on silently: every record that cannot be used is named.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from training.datasets.annotation_files import (
    fault_of_path,
    find_annotations,
    is_unicode,
    read_json_list,
    shown,
)
from training.datasets.captioned_crops import (
    SPLITS,
    Annotations,
    CaptionedCrop,
    CaptionedCrops,
    Counts,
    Split,
)

IMAGES_FOLDER = "imgs"
PHRASES_KEY = "cap_noun_phrases"

SplitRule = Callable[[str], Split | None]
"""Which split a record belongs to by what it says; None where nobody reads it."""


@dataclass(frozen=True)
class Layout:
    """Where a published data set keeps what."""

    name: str
    """Also that of its folder."""
    files: tuple[str, ...]
    noun_files: tuple[str, ...]
    """The same records with noun phrases."""
    image_key: str
    first_train_id: int
    published: Mapping[Split, Counts]


@dataclass
class Records:
    """What became of records: crops by split, and what there is to say about them."""

    crops: dict[Split, list[CaptionedCrop]] = field(
        default_factory=lambda: {split: [] for split in SPLITS}
    )
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def named(self, name: str, image_root: Path) -> CaptionedCrops:
        """Return the crops as a data set."""
        splits = {split: tuple(crops) for split, crops in self.crops.items()}
        return CaptionedCrops(name, image_root, **splits)


def _checked_text(text: str) -> str:
    if not is_unicode(text):
        raise ValueError("it holds half a character")
    return text


_Text = Annotated[str, AfterValidator(_checked_text)]


class _Record(BaseModel):
    """A record as it must be; ``path`` stands for the data set's own key."""

    model_config = ConfigDict(strict=True)

    id: int
    captions: list[_Text] = Field(min_length=1)
    split: str
    path: str
    cap_noun_phrases: list[list[_Text]] | None = None


def read_layout(layout: Layout, root: Path, *, noun_phrases: bool = False) -> Annotations:
    """Read what there is of a data set below ``root`` or in it.

    Args:
        layout: Where it keeps what.
        root: Its folder, or the one that folder is in.
        noun_phrases: Read the file with noun phrases, which every record of train must have.

    Raises:
        MetadataInvalid: If there are no annotations, or they are no list of records.
    """
    names = layout.noun_files if noun_phrases else layout.files + layout.noun_files
    source = find_annotations((root / layout.name, root), names)
    records = parse_records(
        read_json_list(source), layout.image_key, irra_split, phrases_needed=noun_phrases
    )
    return Annotations(
        crops=records.named(layout.name, source.parent / IMAGES_FOLDER),
        source=source,
        problems=tuple(records.problems),
        notes=tuple(records.notes),
        published=layout.published,
        first_train_id=layout.first_train_id,
    )


def irra_split(named: str) -> Split:
    """Return the split as IRRA reads it: what is neither train nor test is val."""
    return "train" if named == "train" else "test" if named == "test" else "val"


def parse_records(
    records: Sequence[object],
    image_key: str,
    split_rule: SplitRule,
    *,
    phrases_needed: bool = False,
) -> Records:
    """Sort records into splits, and name those that cannot be used by their number from 0.

    Args:
        records: What the JSON list holds.
        image_key: The key of an image's path.
        split_rule: Which split a record belongs to.
        phrases_needed: Whether every record of train must have noun phrases.
    """
    parsed = Records()
    renamed: Counter[tuple[str, Split]] = Counter()
    for index, content in enumerate(records):
        record, faults = _validated(content, image_key)
        split = None if record is None else split_rule(record.split)
        if record is not None:
            faults += _faults(record, split, phrases_needed=phrases_needed)
        if faults or record is None or split is None:
            parsed.problems.append(f"{_place(index, content, image_key)}: {'; '.join(faults)}")
            continue
        parsed.crops[split].append(_crop(record))
        if record.split != split:
            renamed[record.split, split] += 1
    for (named, split), number in sorted(renamed.items()):
        parsed.notes.append(f"{number} records of split {shown(named)} count as {split}")
    return parsed


def _validated(content: object, image_key: str) -> tuple[_Record | None, list[str]]:
    if not isinstance(content, dict):
        return None, [f"{shown(content)} is not a JSON object"]
    keys = {"id": "id", "captions": "captions", "split": "split", image_key: "path"}
    keys[PHRASES_KEY] = PHRASES_KEY
    fields = {field: content[key] for key, field in keys.items() if key in content}
    try:
        return _Record.model_validate(fields), []
    except ValidationError as error:
        return None, [
            _fault(image_key, problem["loc"], problem["msg"], problem["type"], problem["input"])
            for problem in error.errors(include_url=False)
        ]


def _fault(
    image_key: str, where: Iterable[int | str], message: str, kind: str, value: object
) -> str:
    key, *positions = where
    name = "".join([image_key if key == "path" else str(key), *(f"[{at}]" for at in positions)])
    if kind == "missing":
        return f"no {name!r}"
    return f"{name!r} is {shown(value)}: {message[:1].lower()}{message[1:]}"


def _faults(record: _Record, split: Split | None, *, phrases_needed: bool) -> list[str]:
    faults = []
    fault = fault_of_path(record.path)
    if fault is not None:
        faults.append(fault)
    if split is None:
        faults.append(f"'split' is {shown(record.split)}: use train, val or test")
    if record.cap_noun_phrases is None:
        if phrases_needed and split == "train":
            faults.append(f"no {PHRASES_KEY!r}")
    elif len(record.cap_noun_phrases) != len(record.captions):
        faults.append(
            f"{PHRASES_KEY!r} has {len(record.cap_noun_phrases)} lists "
            f"for {len(record.captions)} captions"
        )
    return faults


def _place(index: int, content: object, image_key: str) -> str:
    path = content.get(image_key) if isinstance(content, dict) else None
    return f"record {index}" + (
        f" ({path})" if isinstance(path, str) and fault_of_path(path) is None else ""
    )


def _crop(record: _Record) -> CaptionedCrop:
    phrases = record.cap_noun_phrases
    return CaptionedCrop(
        path=record.path,
        person_id=record.id,
        captions=tuple(record.captions),
        phrases=None if phrases is None else tuple(map(tuple, phrases)),
    )
