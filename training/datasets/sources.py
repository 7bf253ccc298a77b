"""Which data set a configuration means, and the samples and galleries it becomes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from models.schema import Schema
from training.contracts import Sample
from training.datasets import (
    captioned_folder,
    cuhk_pedes,
    icfg_pedes,
    rendered_captions,
    rstp_reid,
    wider_person_search,
)
from training.datasets.captioned_crops import (
    CaptionedCrop,
    CaptionedCrops,
    Split,
    caption_rows,
    dense_labels,
)
from training.datasets.rendered_captions import PeoplePerSplit
from training.datasets.rendered_people.export import Progress
from training.datasets.rendered_people.settings import SettingName
from training.evaluation.captioned_gallery import CaptionedGallery


class PublishedDataConfig(Schema):
    """One of the published benchmarks, downloaded by the user."""

    name: Literal["cuhk-pedes", "icfg-pedes", "rstp-reid"]
    root: Path
    """The data set's folder, or the folder that holds it."""
    noun_phrases: bool = False
    """Read the ``*_noun.json`` files, which SG-IHA asks about; without, it asks about words."""


class WiderDataConfig(Schema):
    """WIDER Person Search by Language, downloaded by the user."""

    name: Literal["wider"]
    root: Path


class CaptionedFolderConfig(Schema):
    """A user's own captioned crops."""

    name: Literal["captioned-folder"]
    root: Path
    """The table (csv, jsonl, parquet with path, caption, person_id, split), or its folder."""
    images: Path | None = None
    """What the paths are below; by default the table's folder."""


class RenderedCaptionsConfig(Schema):
    """Rendered people as captioned crops; rendered at the first run, found at the next."""

    name: Literal["rendered-captions"]
    root: Path
    train_people: int = Field(ge=2)
    val_people: int = Field(ge=0)
    test_people: int = Field(ge=0)
    sightings: int = Field(ge=1)
    captions: int = Field(ge=1)
    """Of each crop."""
    height: int = Field(default=384, ge=16)
    width: int = Field(default=128, ge=16)
    seed: int = Field(ge=0)
    setting: SettingName = "training"
    """How bodies, scenes and cameras are distributed; ``held_out`` is for tests."""
    evenness: float = Field(default=0.0, ge=0, le=1)
    """Above 0 rare things become more frequent; 1 makes all as frequent as another."""
    siblings: float = Field(default=0.0, ge=0, le=0.5)
    """The share of people who equal the one before them but for one thing."""


CaptionedDataConfig = Annotated[
    PublishedDataConfig | WiderDataConfig | CaptionedFolderConfig | RenderedCaptionsConfig,
    Field(discriminator="name"),
]
_PUBLISHED: Mapping[str, Callable[..., CaptionedCrops]] = {
    "cuhk-pedes": cuhk_pedes.read,
    "icfg-pedes": icfg_pedes.read,
    "rstp-reid": rstp_reid.read,
}


def read_data(config: CaptionedDataConfig, on_progress: Progress | None = None) -> CaptionedCrops:
    """Read the data set that a configuration means; people are rendered if they are not there.

    Raises:
        MetadataInvalid: If a file is missing or holds an entry that cannot be used.
        ConfigurationInvalid: If people cannot be rendered as asked.
    """
    match config:
        case PublishedDataConfig():
            return _PUBLISHED[config.name](config.root, noun_phrases=config.noun_phrases)
        case WiderDataConfig():
            return wider_person_search.read(config.root)
        case CaptionedFolderConfig():
            return captioned_folder.read(config.root, images=config.images)
        case RenderedCaptionsConfig():
            return _rendered(config, on_progress)


def training_samples(data: CaptionedCrops) -> list[Sample]:
    """Return a sample for each caption of the training split, crop by crop."""
    labels = data.labels
    return [
        Sample(
            image=data.image_root / data.train[row.crop].path,
            caption=row.caption,
            phrases=row.phrases or (),
            label=labels[data.train[row.crop].person_id],
            image_id=row.crop,
        )
        for row in caption_rows(data.train)
    ]


def gallery_of(data: CaptionedCrops, split: Split) -> CaptionedGallery:
    """Return the crops and captions of a split to measure an encoder on.

    Raises:
        MetadataInvalid: If the split is empty.
    """
    crops = data.split(split)
    rows = caption_rows(crops)
    people = _numbers(crops)
    source = np.array([row.crop for row in rows], np.int64)
    return CaptionedGallery(
        crops=tuple(data.image_root / crop.path for crop in crops),
        person_ids=people,
        captions=tuple(row.caption for row in rows),
        caption_person_ids=people[source],
        source_crops=source,
    )


def _numbers(crops: tuple[CaptionedCrop, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    labels = dense_labels(crops)
    return np.array([labels[crop.person_id] for crop in crops], np.int64)


def _rendered(config: RenderedCaptionsConfig, on_progress: Progress | None) -> CaptionedCrops:
    people = PeoplePerSplit(config.train_people, config.val_people, config.test_people)
    return rendered_captions.render(
        config.root,
        people=people,
        sightings=config.sightings,
        captions=config.captions,
        seed=config.seed,
        setting=config.setting,
        evenness=config.evenness,
        siblings=config.siblings,
        size=(config.width, config.height),
        on_progress=on_progress,
    )
