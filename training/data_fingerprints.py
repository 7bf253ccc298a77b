"""What data a run is on, as digests that any change of an annotation changes."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from models.errors import ConfigurationInvalid
from models.schema import Schema
from training.datasets.captioned_crops import SPLITS, CaptionedCrops, Split, count
from training.datasets.rendered_people.shards import RenderedCrops
from training.word_counts import put_in_place

DATA_FILE = "data.json"


class DataFingerprint(Schema):
    """Digests of a data set's annotations; pictures themselves are not read."""

    name: str
    sha256: str
    """Of all paths, person ids and captions, split by split, in their order; of rendered people,
    of what each crop shows."""
    noun_phrases_sha256: str | None = None
    """Of the noun phrases of all captions, where the annotations have them."""
    crops: dict[Split, int]
    people: dict[Split, int]
    captions: dict[Split, int] | None = None
    """None where they are written anew from what the crops show."""


def fingerprint_of(data: CaptionedCrops) -> DataFingerprint:
    """Return the fingerprint of captioned crops; where they lie does not matter."""
    rows = [(split, crop) for split in SPLITS for crop in data.split(split)]
    phrases = [[crop.path, crop.phrases] for _, crop in rows if crop.phrases is not None]
    counts = {split: count(data.split(split)) for split in SPLITS}
    return DataFingerprint(
        name=data.name,
        sha256=_digest([split, c.path, c.person_id, c.captions] for split, c in rows),
        noun_phrases_sha256=_digest(phrases) if phrases else None,
        crops={split: there.images or 0 for split, there in counts.items()},
        captions={split: there.captions or 0 for split, there in counts.items()},
        people={split: there.people or 0 for split, there in counts.items()},
    )


def fingerprint_of_rendered(crops: RenderedCrops) -> DataFingerprint:
    """Return the fingerprint of rendered people: who is on each crop, and what it shows."""
    people = crops.person_ids.tolist()
    rows = zip(people, crops.values.tolist(), strict=True)
    return DataFingerprint(
        name="rendered people",
        sha256=_digest([person, values] for person, values in rows),
        crops={"train": len(people)},
        people={"train": len(set(people))},
    )


def keep_fingerprint(found: DataFingerprint, run: Path) -> None:
    """Write the fingerprint of a new run's data, or check that a run's data is as it was.

    Raises:
        ConfigurationInvalid: If the data is no longer that of the run's beginning.
    """
    began = read_fingerprint(run)
    if began is None:
        put_in_place(found.model_dump_json(indent=1).encode(), run / DATA_FILE)
        return
    before, now = began.model_dump(mode="json"), found.model_dump(mode="json")
    differences = [
        f"{key}: {before[key]} became {now[key]}" for key in now if before[key] != now[key]
    ]
    if differences:
        raise ConfigurationInvalid(
            f"the data of {run} is not what it was when the run began ({DATA_FILE} there): "
            f"{'; '.join(differences)}. Put the annotations back, or start a new run"
        )


def read_fingerprint(run: Path) -> DataFingerprint | None:
    """Return the fingerprint of a run's data; None where the run has not read any yet.

    Raises:
        ConfigurationInvalid: If the file is damaged.
    """
    path = run / DATA_FILE
    if not path.is_file():
        return None
    try:
        return DataFingerprint.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigurationInvalid(
            f"{path} is no fingerprint of data: {error}. Put the file back, or start a new run"
        ) from error


def _digest(rows: Iterable[Sequence[object]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
