"""All data sets of captioned people, by the names that commands and configurations use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import ConfigurationInvalid
from training.datasets import (
    captioned_folder,
    cuhk_pedes,
    icfg_pedes,
    rendered_captions,
    rstp_reid,
    wider_person_search,
)
from training.datasets.captioned_crops import Annotations, CaptionedCrops


@dataclass(frozen=True)
class Reader:
    """How to read a data set: strictly, or with a list of what is wrong."""

    read: Callable[[Path], CaptionedCrops]
    survey: Callable[[Path], Annotations]


CATALOGUE: Mapping[str, Reader] = {
    "cuhk-pedes": Reader(cuhk_pedes.read, cuhk_pedes.survey),
    "icfg-pedes": Reader(icfg_pedes.read, icfg_pedes.survey),
    "rstp-reid": Reader(rstp_reid.read, rstp_reid.survey),
    "wider": Reader(wider_person_search.read, wider_person_search.survey),
    "captioned-folder": Reader(captioned_folder.read, captioned_folder.survey),
    "rendered-captions": Reader(rendered_captions.read, rendered_captions.survey),
}


def reader_of(name: str) -> Reader:
    """Return how to read the data set of a name in ``CATALOGUE``.

    Raises:
        ConfigurationInvalid: If there is no data set of that name.
    """
    reader = CATALOGUE.get(name)
    if reader is None:
        raise ConfigurationInvalid(f"no data set is called {name!r}: use {', '.join(CATALOGUE)}")
    return reader
