import dataclasses

import pytest

from indexer.records import Crop, Hit

CROP = Crop(
    "0" * 20, "/crops", "a.jpg", (), "0" * 64, "image/jpeg", 10, 8, 16, None, None, None, {}
)


def test_what_a_gallery_hands_out_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CROP.path = "b.jpg"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hit(1, 0.5, CROP).score = 1.0  # type: ignore[misc]
