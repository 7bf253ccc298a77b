"""Rendered people as a data set of captioned people, to try a method without any real one.

Nobody is in two splits. Captions of train are of other templates than those of val and test, so
that a model that has only learnt phrases by heart is found out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid, MetadataInvalid
from training.captioning import write_full_captions
from training.datasets import captioned_folder
from training.datasets.captioned_crops import (
    SPLITS,
    Annotations,
    CaptionedCrops,
    Counts,
    Split,
)
from training.datasets.rendered_people.attributes import encode_values
from training.datasets.rendered_people.export import (
    CROPS_NAME,
    Progress,
    export_people,
)
from training.datasets.rendered_people.recipes import write_atomically
from training.datasets.rendered_people.settings import SettingName

NAME = "rendered captions"
CAPTIONS_NAME = "captions.jsonl"
PUBLISHED_COUNTS: Mapping[Split, Counts] = {}
"""As many as one asks for."""


@dataclass(frozen=True)
class PeoplePerSplit:
    """How many people to render for each split."""

    train: int
    val: int
    test: int

    @property
    def all(self) -> int:
        """How many people in all."""
        return self.train + self.val + self.test

    def split_of(self, person_id: int) -> Split:
        """Return the split of a person: the first ones are in train, the last in test."""
        if person_id < self.train:
            return "train"
        return "val" if person_id < self.train + self.val else "test"


@dataclass(frozen=True)
class RenderedSighting:
    """An exported crop: its path below the crops, who it is, and its values ``(s,)``."""

    path: str
    person_id: int
    values: npt.NDArray[np.int8]


@dataclass(frozen=True)
class CaptionedSighting(RenderedSighting):
    """An exported crop with k captions, and what each permits, ``claims`` ``(k, s)``."""

    split: Split
    captions: list[str]
    claims: npt.NDArray[np.int32]


def render(  # noqa: PLR0913  one recipe, named value by value
    out: Path,
    *,
    people: PeoplePerSplit,
    sightings: int,
    captions: int,
    seed: int,
    setting: SettingName = "training",
    evenness: float = 0.0,
    siblings: float = 0.0,
    size: tuple[int, int] = (128, 384),
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> CaptionedCrops:
    """Render people into a folder, caption them, and return them as a data set.

    Crops that are there already are kept if they are of the same people; their captions are
    written anew into ``captions.jsonl``, which ``read`` reads.

    Args:
        out: The folder; as a gallery it is one of ``export_people``.
        people: How many people each split has.
        sightings: How many crops of each.
        captions: How many captions of each crop.
        seed: Decides people and captions.
        setting: The generator setting; see ``rendered_people.settings``.
        evenness: 0 for everyday frequencies, up to 1 to make rare things as frequent as others.
        siblings: Share (to 0.5) of people who equal the one before them but for one thing.
        size: Width and height of a crop in pixels.
        workers: How many processes; by default one per core.
        on_progress: Told about finished crops.

    Raises:
        ConfigurationInvalid: If a value cannot work, or ``out`` holds something else.
    """
    too_few = [split for split in SPLITS if getattr(people, split) < 0]
    if too_few or captions < 1:
        raise ConfigurationInvalid(
            f"cannot caption {people} {captions} times: people must be 0 or more in each split, "
            "and captions 1 or more"
        )
    report = export_people(
        out,
        people=people.all,
        sightings=sightings,
        seed=seed,
        setting=setting,
        evenness=evenness,
        siblings=siblings,
        size=size,
        workers=workers,
        on_progress=on_progress,
    )
    there = read_sightings(report.attributes)
    lines = (
        json.dumps(
            {
                "path": one.path,
                "caption": text,
                "person_id": one.person_id,
                "split": one.split,
            }
        )
        for one in caption_sightings(there, people, captions, seed)
        for text in one.captions
    )
    write_atomically(out / CAPTIONS_NAME, "".join(f"{line}\n" for line in lines).encode())
    return read(out)


def survey(root: Path) -> Annotations:
    """Read what ``render`` wrote into a folder, and name what cannot be read.

    Raises:
        MetadataInvalid: If the folder holds no captions of rendered people.
    """
    source = root / CAPTIONS_NAME
    if not source.is_file():
        raise MetadataInvalid(f"{source} is missing: render the people of this data set first")
    annotations = captioned_folder.survey(source, images=root / CROPS_NAME)
    return replace(annotations, crops=replace(annotations.crops, name=NAME))


def read(root: Path) -> CaptionedCrops:
    """Read the data set that ``render`` wrote into a folder.

    Raises:
        MetadataInvalid: If the folder holds no captions of rendered people, or damaged ones.
    """
    return survey(root).whole()


def read_sightings(attributes: Path) -> list[RenderedSighting]:
    """Return the crops person by person, each one's in the order in which they were seen.

    ``attributes`` is the file that ``export_people`` wrote.

    Raises:
        MetadataInvalid: If they are not as they were exported.
    """
    found = []
    try:
        for line in attributes.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            values = encode_values(record["attributes"])
            found.append(RenderedSighting(record["path"], int(record["person_id"]), values))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MetadataInvalid(
            f"{attributes} is missing or damaged ({error!r}); delete its folder and render again"
        ) from error
    return sorted(found, key=_order)


def _order(sighting: RenderedSighting) -> tuple[int, int, str]:
    # A file is named for the person and the sighting, in a folder named for the camera; numbers
    # of sightings are written with two digits, or more where two do not suffice.
    name = Path(sighting.path).name
    return sighting.person_id, len(name), name


def caption_sightings(
    sightings: Sequence[RenderedSighting],
    people: PeoplePerSplit,
    count: int,
    seed: int,
    *,
    first_person_id: int = 0,
) -> list[CaptionedSighting]:
    """Write ``count`` captions of each crop: those of train first, then those of val and test.

    ``first_person_id`` is the number from which ``people`` counts.
    """
    splits = [people.split_of(one.person_id - first_person_id) for one in sightings]
    there = list(zip(sightings, splits, strict=True))
    learnt = [(one, split) for one, split in there if split == "train"]
    # Together, so that the n-th crops of val and test do not share their random numbers.
    held_out = [(one, split) for one, split in there if split != "train"]
    return [
        *_captioned(learnt, count, seed, held_out=False),
        *_captioned(held_out, count, seed, held_out=True),
    ]


def _captioned(
    sightings: Sequence[tuple[RenderedSighting, Split]], count: int, seed: int, *, held_out: bool
) -> list[CaptionedSighting]:
    if not sightings:
        return []
    values = np.stack([one.values for one, _ in sightings])
    written = write_full_captions(values, count, seed, held_out=held_out)
    return [
        CaptionedSighting(one.path, one.person_id, one.values, split, texts, claims)
        for (one, split), texts, claims in zip(
            sightings, written.texts, written.claims, strict=True
        )
    ]
