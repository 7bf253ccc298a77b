from collections.abc import Iterator

import pytest

from indexer.build import BuildReport
from indexer.evaluation import average_precision, evaluate_index
from indexer.gallery import open_gallery
from indexer.judged_queries import JudgedQuery
from indexer.local_gallery import LocalGallery
from models.errors import MetadataInvalid
from tests.fakes import ColourEncoder


@pytest.fixture
def gallery(built: BuildReport, encoder: ColourEncoder) -> Iterator[LocalGallery]:
    opened = open_gallery(built.folder.parents[1], encoder.card)
    yield opened
    opened.close()


def test_average_precision_is_the_mean_over_all_relevant_crops() -> None:
    assert average_precision([1, 3], 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 3], 4) == pytest.approx((1 + 2 / 3) / 4)
    assert average_precision([], 3) == 0


def test_figures_are_those_of_the_ranking(gallery: LocalGallery, encoder: ColourEncoder) -> None:
    # Red finds red first, then black: cosines 1 and 1/3. White is last but for its opposite.
    black = gallery.ids_by_path()["black.jpeg"]
    queries = [
        JudgedQuery(text="red", relevant=("cam1/red.png",)),
        JudgedQuery(text="a red one", relevant=(black,)),
        JudgedQuery(text="blue", relevant=("cam2/blue.webp", "black.jpeg")),
        JudgedQuery(text="green", relevant=()),
    ]
    figures = evaluate_index(gallery, encoder, queries)
    assert (figures.queries, figures.crops, figures.depth) == (3, 5, 5)
    assert figures.without_relevant == ("green",)
    assert figures.recall == pytest.approx({1: 2 / 3, 5: 1, 10: 1})
    assert figures.mean_average_precision == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert figures.chance == pytest.approx((1 / 5 + 1 / 5 + 2 / 5) / 3)
    assert 0 < figures.latency_p50_ms <= figures.latency_p95_ms


def test_what_lies_below_the_depth_was_not_found(
    gallery: LocalGallery, encoder: ColourEncoder
) -> None:
    queries = [JudgedQuery(text="red", relevant=("cam1/red.png", "black.jpeg"))]
    figures = evaluate_index(gallery, encoder, queries, depth=1)
    assert figures.depth == 1
    assert figures.mean_average_precision == pytest.approx(1 / 2)


def test_crops_that_are_not_there_are_named(gallery: LocalGallery, encoder: ColourEncoder) -> None:
    queries = [JudgedQuery(text="red", relevant=("cam1/red.png", "cam9/x.png"))]
    with pytest.raises(MetadataInvalid, match=r"1 relevant crops are not in the index: 'cam9/x"):
        evaluate_index(gallery, encoder, queries)
    with pytest.raises(MetadataInvalid, match="none of the 1 queries names a relevant crop"):
        evaluate_index(gallery, encoder, [JudgedQuery(text="red", relevant=())])
