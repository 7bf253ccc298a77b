from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from models.errors import ConfigurationInvalid, MetadataInvalid
from training.evaluation.captioned_gallery import CaptionedGallery, CaptionProtocol, Ids
from training.metrics import retrieval_metrics

RECORDED = Path(__file__).parents[2] / "reference" / "mia" / "mia.pt"

GALLERY = CaptionedGallery(
    crops=(Path("a.png"), Path("b.png"), Path("c.png")),
    person_ids=np.array([4, 4, 9]),
    captions=("first of b", "first of c", "last of b", "last of c", "one of a"),
    caption_person_ids=np.array([4, 9, 4, 9, 4]),
    source_crops=np.array([1, 2, 1, 2, 0]),
)


def test_people_are_counted_once() -> None:
    assert GALLERY.people == 2


def test_by_default_every_caption_asks() -> None:
    assert GALLERY.under("all") is GALLERY


def test_last_captions_of_each_crop_stay_in_order() -> None:
    asked = GALLERY.under("wider_last_caption")
    assert asked.captions == ("last of b", "last of c", "one of a")
    assert asked.caption_person_ids.tolist() == [4, 9, 4]
    assert asked.source_crops.tolist() == [1, 2, 0]
    assert asked.crops == GALLERY.crops


def test_last_captions_are_those_that_mia_s_evaluation_scores() -> None:
    recorded: dict[str, Any] = torch.load(RECORDED, weights_only=True)["cases"]
    data, case = recorded["data"], recorded["evaluate_np"]
    crops = data["gallery_order"]
    people = np.array([int(path.split("/")[0]) for path in crops])
    sources = np.array([crops.index(path) for path in data["query_keys"]])
    gallery = CaptionedGallery(
        tuple(Path(path) for path in crops),
        people,
        tuple(str(row) for row in range(len(sources))),
        people[sources],
        sources,
    )
    similarity = -case["fused"].numpy()  # recorded are distances
    for protocol, figures in (
        ("all", case["acc_all_queries"]),
        ("wider_last_caption", case["acc_last_caption_per_image"]),
    ):
        asked = gallery.under(cast(CaptionProtocol, protocol))
        rows = [int(caption) for caption in asked.captions]
        found = retrieval_metrics(similarity[rows], asked.caption_person_ids, people)
        measured = (found.recall_at_1, found.recall_at_5, found.recall_at_10)
        assert measured == pytest.approx((figures[1], figures[5], figures[10]), abs=1e-9)
    assert len(gallery.under("wider_last_caption").captions) == case["n_lines_in_result_file"]


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="'first' is not known: use all or wider_last"):
        GALLERY.under(cast(CaptionProtocol, "first"))


def test_an_empty_gallery_is_refused() -> None:
    none = np.array([], np.int64)
    with pytest.raises(MetadataInvalid, match="3 crops and 0 captions"):
        replace(GALLERY, captions=(), caption_person_ids=none, source_crops=none)


def test_parts_of_other_lengths_are_refused_by_name() -> None:
    with pytest.raises(MetadataInvalid, match=r"person_ids holds int64 of the shape \(2,\): 3"):
        replace(GALLERY, person_ids=np.array([4, 4]))
    with pytest.raises(MetadataInvalid, match="source_crops holds float64"):
        replace(GALLERY, source_crops=cast(Ids, np.zeros(5)))


@pytest.mark.parametrize("crop", [-1, 3])
def test_a_caption_of_a_crop_that_is_not_there_is_refused(crop: int) -> None:
    with pytest.raises(MetadataInvalid, match=f"caption 4 was written for crop {crop}"):
        replace(GALLERY, source_crops=np.array([1, 2, 1, 2, crop]))


def test_a_caption_of_somebody_else_than_its_crop_shows_is_refused() -> None:
    with pytest.raises(
        MetadataInvalid, match=r"caption 2 describes person 9.*b\.png shows person 4"
    ):
        replace(GALLERY, caption_person_ids=np.array([4, 9, 9, 9, 4]))


def test_a_crop_that_is_there_twice_is_refused() -> None:
    with pytest.raises(MetadataInvalid, match=r"b\.png is in the gallery twice"):
        replace(GALLERY, crops=(Path("a.png"), Path("b.png"), Path("b.png")))
