from pathlib import Path

from indexer.build import build
from indexer.preparation import BuildOptions
from indexer.retention import compact
from indexer.verification import verify_index
from indexer.wishes import IndexWishes
from tests.fakes import ColourEncoder


def test_compaction_gives_the_kind_of_index_that_a_later_build_asked_for(
    crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    build(crops, index, encoder)
    wishes = IndexWishes(kind="ivf", recall=0.9)
    report = build(crops, index, encoder, BuildOptions(wishes=wishes))
    assert (report.published, report.manifest.index_kind) == (True, "scalar-fp16")
    done = compact(index)
    assert done.published
    assert done.manifest.index_kind == "ivf-sq8"
    assert verify_index(index).problems == ()
    assert not compact(index).published
