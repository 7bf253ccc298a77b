"""What every data set of captioned people is once it is read, whatever its files look like."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from models.errors import MetadataInvalid, first_few

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

PersonId = int | str
"""As in the file; within a data set all are numbers or all are text."""

Phrases = tuple[tuple[str, ...], ...]
"""The noun phrases of each caption of a crop."""


@dataclass(frozen=True)
class CaptionedCrop:
    """One crop, who is on it, and what people wrote about it."""

    path: str
    """Relative to the image root, with forward slashes."""
    person_id: PersonId
    captions: tuple[str, ...]
    phrases: Phrases | None = None
    """None where the annotations have none."""


@dataclass(frozen=True)
class CaptionedCrops:
    """A data set: its crops, in the order of the file within each split."""

    name: str
    image_root: Path
    train: tuple[CaptionedCrop, ...]
    val: tuple[CaptionedCrop, ...]
    test: tuple[CaptionedCrop, ...]

    def split(self, split: Split) -> tuple[CaptionedCrop, ...]:
        """Return the crops of one split."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]

    @cached_property
    def labels(self) -> Mapping[PersonId, int]:
        """The labels 0..N-1 of the N people to train on, in the order of their person ids."""
        return dense_labels(self.train)

    @property
    def classes(self) -> int:
        """How many people there are to train on."""
        return len(self.labels)


class CaptionRow(NamedTuple):
    """One caption, and the number of its crop within the split."""

    crop: int
    caption: str
    phrases: tuple[str, ...] | None


@dataclass(frozen=True)
class Counts:
    """How much there is in a split; None where it is not known."""

    images: int | None
    captions: int | None
    people: int | None


@dataclass(frozen=True)
class Annotations:
    """All that a file says: the crops that can be used, and what is wrong with the others."""

    crops: CaptionedCrops
    source: Path
    problems: tuple[str, ...] = ()
    """Each names its record or line; what it names is not among the crops."""
    notes: tuple[str, ...] = ()
    """What was read otherwise than it may look."""
    published: Mapping[Split, Counts] | None = None
    """What is said to be in the data set, where it is a published one."""
    first_train_id: int | None = None
    """Where person ids of ``train`` begin, where they are published as consecutive."""

    def whole(self) -> CaptionedCrops:
        """Return the crops of a file in which nothing is wrong.

        Raises:
            MetadataInvalid: If something is.
        """
        if self.problems:
            raise MetadataInvalid(
                f"{self.source}: {len(self.problems)} of its entries cannot be used: "
                f"{first_few(self.problems)}; check the data set to see all of them, and mend or "
                "remove them"
            )
        return self.crops


def dense_labels(crops: Iterable[CaptionedCrop]) -> dict[PersonId, int]:
    """Return a label 0..N-1 for each of the N people, in the order of their person ids.

    All person ids must be numbers or all text, as within a data set.
    """
    numbers = {crop.person_id for crop in crops if isinstance(crop.person_id, int)}
    texts = {crop.person_id for crop in crops if isinstance(crop.person_id, str)}
    people: list[PersonId] = [*sorted(numbers), *sorted(texts)]
    return {person_id: label for label, person_id in enumerate(people)}


def caption_rows(crops: Sequence[CaptionedCrop]) -> list[CaptionRow]:
    """Return a row for each caption, crop by crop."""
    return [
        CaptionRow(index, caption, None if crop.phrases is None else crop.phrases[number])
        for index, crop in enumerate(crops)
        for number, caption in enumerate(crop.captions)
    ]


def count(crops: Sequence[CaptionedCrop]) -> Counts:
    """Count images, captions and people."""
    return Counts(
        images=len(crops),
        captions=sum(len(crop.captions) for crop in crops),
        people=len({crop.person_id for crop in crops}),
    )
