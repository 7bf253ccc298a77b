"""Say everything that is wrong with a data set of captioned people before anything is trained.

Problems are what would spoil training or its figures; notes are what one should know of.
"""

import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, islice
from os import cpu_count
from pathlib import Path

from PIL import Image

from models.errors import first_few
from models.tokenizers.clip_bpe import ClipBpe
from models.upright_images import upright_rgb
from training.datasets.captioned_crops import (
    SPLITS,
    Annotations,
    CaptionedCrops,
    Counts,
    PersonId,
    Split,
    count,
)

CLIP_TOKENS = 77  # start and end included

_QUANTITIES = ("images", "captions", "people")
_FEWEST_PEOPLE = 2
_MORE_THAN_NAMED = 5  # so that a message says that there are more

TokenCount = Callable[[str], int]
"""How many tokens a caption becomes, start and end included."""


@dataclass(frozen=True)
class SplitCheck:
    """What is in a split, and what is said to be."""

    split: Split
    counts: Counts
    published: Counts | None

    @property
    def differences(self) -> dict[str, int]:
        """What is there more (or less, below 0) than published, where that is known."""
        if self.published is None:
            return {}
        pairs = {
            what: (getattr(self.counts, what), getattr(self.published, what))
            for what in _QUANTITIES
        }
        return {
            what: there - published
            for what, (there, published) in pairs.items()
            if published is not None and there != published
        }


@dataclass(frozen=True)
class DatasetCheck:
    """What a check has found."""

    name: str
    splits: tuple[SplitCheck, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def lines(self) -> Iterator[str]:
        """Yield the report line by line: counts, notes, every problem, and the outcome."""
        for part in self.splits:
            yield f"{self.name} {part.split}: {_counts_in_words(part)}"
        for note in self.notes:
            yield f"note: {note}"
        for problem in self.problems:
            yield f"problem: {problem}"
        outcome = "nothing is wrong" if self.ok else f"problems: {len(self.problems)}"
        yield f"{self.name}: {outcome}, notes: {len(self.notes)}"


def check_dataset(
    annotations: Annotations, *, images: bool, token_count: TokenCount | None = None
) -> DatasetCheck:
    """Look for everything that can be wrong with a data set.

    Args:
        annotations: From the ``survey`` of a data set.
        images: Also decode every image; otherwise only whether each file is there.
        token_count: Also count the captions that are too long for CLIP, with ``clip_token_count``
            or the like.
    """
    crops = annotations.crops
    problems = [
        *annotations.problems,
        *_fields(crops),
        *_people(crops),
        *_train_ids(annotations),
        *_files(crops, decode=images),
    ]
    notes = [*annotations.notes, *_remarks(annotations)]
    if token_count is not None:
        notes += _long_captions(crops, token_count)
    published = annotations.published or {}
    return DatasetCheck(
        name=crops.name,
        splits=tuple(
            SplitCheck(split, count(crops.split(split)), published.get(split)) for split in SPLITS
        ),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def clip_token_count() -> TokenCount:
    """Return a function that counts the tokens of a caption as CLIP's encoders read it."""
    tokenizer = ClipBpe()
    return lambda caption: len(tokenizer.encode(caption)) + 2


def _fields(crops: CaptionedCrops) -> Iterator[str]:
    places: dict[str, Split] = {}
    for split in SPLITS:
        for crop in crops.split(split):
            if crop.path in places:
                yield f"{crop.path}: is there twice, in {places[crop.path]} and in {split}"
            places.setdefault(crop.path, split)
            for number, caption in enumerate(crop.captions):
                if not caption.strip():
                    yield f"{crop.path}: caption {number} is empty"


def _people(crops: CaptionedCrops) -> Iterator[str]:
    people = {
        split: dict.fromkeys(crop.person_id for crop in crops.split(split)) for split in SPLITS
    }
    for first, second in combinations(SPLITS, 2):
        for person_id in people[first]:
            if person_id in people[second]:
                yield f"person {person_id}: is in {first} and in {second}"
    for split in SPLITS:
        if len(people[split]) == 1:
            yield (
                f"{split}: has only one person, and telling people apart needs at least "
                f"{_FEWEST_PEOPLE}"
            )
    if not any(people.values()):
        yield "there is no crop in it that can be used"


def _train_ids(annotations: Annotations) -> Iterator[str]:
    """Yield how the ids of train differ from consecutive ones, which published labels rely on."""
    first = annotations.first_train_id
    if first is None or _is_dense(annotations.crops, first):
        return
    ids = sorted(one for one in annotations.crops.labels if isinstance(one, int))
    missing = list(map(str, islice(_gaps(ids, first), _MORE_THAN_NAMED)))
    early = [str(one) for one in ids if one < first]
    reasons = [f"not there: {first_few(missing)}"] if missing else []
    reasons += [f"too low: {first_few(early)}"] if early else []
    yield (
        f"train: the {len(ids)} person ids are not {first}..{first + len(ids) - 1} "
        f"({'; '.join(reasons)}), so labels are not those of published classifiers"
    )


def _is_dense(crops: CaptionedCrops, first: int) -> bool:
    return list(crops.labels) == list(range(first, first + crops.classes))


def _gaps(ids: Sequence[int], first: int) -> Iterator[int]:
    """Yield the numbers from ``first`` on that are missing between sorted ids."""
    expected = first
    for one in ids:
        yield from range(expected, one)
        expected = max(expected, one + 1)


def _files(crops: CaptionedCrops, *, decode: bool) -> Iterator[str]:
    if not crops.image_root.is_dir():
        yield f"the folder of images {crops.image_root} is missing"
        return
    paths = list(dict.fromkeys(crop.path for split in SPLITS for crop in crops.split(split)))
    judge = _fault_of_image if decode else _fault_of_file
    with ThreadPoolExecutor(cpu_count()) as pool:
        faults = pool.map(judge, [crops.image_root / path for path in paths])
        for path, fault in zip(paths, faults, strict=True):
            if fault is not None:
                yield f"{path}: {fault}"


def _fault_of_file(path: Path) -> str | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "the image is missing"
    except OSError as error:
        return f"the image cannot be read: {error}"
    if not stat.S_ISREG(found.st_mode):
        return "is no image file but something else"
    return None if found.st_size else "the image file is empty"


def _fault_of_image(path: Path) -> str | None:
    fault = _fault_of_file(path)
    if fault is not None:
        return fault
    try:
        with Image.open(path) as image:
            upright_rgb(image)
    except Exception as error:  # noqa: BLE001  decoders fail in many ways; each is a finding
        return f"the image cannot be read: {error}"
    return None


def _remarks(annotations: Annotations) -> Iterator[str]:
    crops = annotations.crops
    first = annotations.first_train_id
    if first is not None and crops.train and _is_dense(crops, first):
        offset = f" - {first}" if first else ""
        yield f"train: labels are person id{offset}, 0..{crops.classes - 1} without a gap"
    for split in SPLITS:
        published = (annotations.published or {}).get(split)
        if not crops.split(split) and (published is None or published.images != 0):
            yield f"{split}: holds no crop"
        yield from _lone_crops(crops, split)


def _lone_crops(crops: CaptionedCrops, split: Split) -> Iterator[str]:
    seen: dict[PersonId, int] = defaultdict(int)
    for crop in crops.split(split):
        seen[crop.person_id] += 1
    alone = [str(person_id) for person_id, times in seen.items() if times == 1]
    if alone:
        yield f"{split}: {len(alone)} people with a single crop: {first_few(alone)}"


def _long_captions(crops: CaptionedCrops, token_count: TokenCount) -> Iterator[str]:
    for split in SPLITS:
        too_long = sum(
            token_count(caption) > CLIP_TOKENS
            for crop in crops.split(split)
            for caption in crop.captions
        )
        if too_long:
            yield (
                f"{split}: {too_long} captions are longer than {CLIP_TOKENS} tokens of CLIP, "
                "whose encoders cut them"
            )


def _counts_in_words(part: SplitCheck) -> str:
    words = []
    for what in _QUANTITIES:
        word = f"{getattr(part.counts, what):,} {what}"
        published = None if part.published is None else getattr(part.published, what)
        if published is not None:
            difference = part.differences.get(what)
            word += (
                f" (published {published:,}: {difference:+,})" if difference else " (as published)"
            )
        words.append(word)
    return ", ".join(words)
