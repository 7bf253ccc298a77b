"""A gallery with captions: what an encoder is measured on, wherever it comes from."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid, MetadataInvalid

Ids = npt.NDArray[np.int64]
CaptionProtocol = Literal["all", "wider_last_caption"]


@dataclass(frozen=True)
class CaptionedGallery:
    """n crops of people, and q captions that were written for some of them.

    ``person_ids`` ``(n,)`` say who is on a crop, ``caption_person_ids`` ``(q,)`` who is
    described, ``source_crops`` ``(q,)`` which crop a caption was written for. Person ids are any
    numbers that differ between people.

    Raises:
        MetadataInvalid: If there is nothing in it, or its parts contradict one another.
    """

    crops: tuple[Path, ...]
    person_ids: Ids
    captions: tuple[str, ...]
    caption_person_ids: Ids
    source_crops: Ids

    def __post_init__(self) -> None:
        if not self.crops or not self.captions:
            raise MetadataInvalid(
                f"a gallery of {len(self.crops)} crops and {len(self.captions)} captions: at "
                "least one of both is needed"
            )
        self._require_lengths()
        self._require_sources()
        if len(set(self.crops)) != len(self.crops):
            (twice, _), *_ = Counter(self.crops).most_common(1)
            raise MetadataInvalid(
                f"crop {twice} is in the gallery twice: it would match itself; remove one of them"
            )

    @property
    def people(self) -> int:
        """How many people the crops show."""
        return len(np.unique(self.person_ids))

    def under(self, protocol: CaptionProtocol) -> "CaptionedGallery":
        """Return this gallery with the captions that a protocol asks.

        ``all``: every caption. ``wider_last_caption``: of each crop's captions the last only. So
        the evaluation of the WIDER person search challenge scores, as its result file has one
        line an image; figures that MIA's authors published are of this kind.

        Raises:
            ConfigurationInvalid: If the protocol is unknown.
        """
        if protocol == "all":
            return self
        if protocol != "wider_last_caption":
            raise ConfigurationInvalid(
                f"protocol {protocol!r} is not known: use {' or '.join(get_args(CaptionProtocol))}"
            )
        last = {int(crop): caption for caption, crop in enumerate(self.source_crops)}
        kept = np.sort(np.fromiter(last.values(), np.int64))
        return replace(
            self,
            captions=tuple(self.captions[caption] for caption in kept),
            caption_person_ids=self.caption_person_ids[kept],
            source_crops=self.source_crops[kept],
        )

    def _require_lengths(self) -> None:
        for name, ids, length in (
            ("person_ids", self.person_ids, len(self.crops)),
            ("caption_person_ids", self.caption_person_ids, len(self.captions)),
            ("source_crops", self.source_crops, len(self.captions)),
        ):
            if ids.shape != (length,) or not np.issubdtype(ids.dtype, np.integer):
                raise MetadataInvalid(
                    f"{name} holds {ids.dtype} of the shape {ids.shape}: {length} whole numbers "
                    "are needed"
                )

    def _require_sources(self) -> None:
        outside = np.flatnonzero((self.source_crops < 0) | (self.source_crops >= len(self.crops)))
        if outside.size:
            raise MetadataInvalid(
                f"caption {outside[0]} was written for crop {self.source_crops[outside[0]]}, "
                f"which is not among the {len(self.crops)} crops: give captions of these only"
            )
        shown = self.person_ids[self.source_crops]  # (q,)
        other = np.flatnonzero(shown != self.caption_person_ids)
        if other.size:
            first = other[0]
            raise MetadataInvalid(
                f"caption {first} describes person {self.caption_person_ids[first]}, but its crop "
                f"{self.crops[self.source_crops[first]]} shows person {shown[first]}: mend the "
                "person ids"
            )
