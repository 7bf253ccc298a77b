from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from indexer import bundle
from indexer.build import BuildReport
from indexer.drafts import NOTHING_DELETED, Draft, read_canary_queries
from indexer.generation import open_generation
from indexer.manifest import Counts, IndexManifest
from indexer.publishing import building_site
from tests.indexer.stored_crops import WIDTH, crop, stored


def manifest(built: BuildReport, generation: int) -> IndexManifest:
    """Return what all generations of these tests have in common."""
    return built.manifest.model_copy(
        update={
            "generation": generation,
            "created_at": datetime(2024, 5, generation, tzinfo=UTC),
            "embedding_width": WIDTH,
            "segments": (),
            "files": {},
            "counts": Counts(indexed=0),
        }
    )


QUERIES = np.eye(WIDTH, dtype=np.float32)[:3]


def publish(index: Path, built: BuildReport, *numbers: int, deleted: tuple[int, ...] = ()) -> Path:
    """Publish a generation with the parent's live segments and one more."""
    with building_site(index) as site:
        draft = Draft(site, WIDTH)
        rows = NOTHING_DELETED
        if site.parent is not None:
            before = bundle.read_generation_manifest(site.parent)
            rows = draft.take_segments(site.parent, before, np.array(deleted, np.int64))
        draft.write_segment(map(stored, numbers), {})
        _, folder = draft.finish(manifest(built, site.generation), rows, QUERIES)
    return folder


def live(folder: Path) -> list[str]:
    generation = open_generation(folder)
    crops = [each.path for _, each in generation.crops.each()]
    generation.close()
    return crops


def test_a_generation_has_the_segments_of_its_parent_without_copying_them(
    built: BuildReport, tmp_path: Path
) -> None:
    index = tmp_path / "grown"
    first = publish(index, built, 0, 1, 2)
    second = publish(index, built, 3, deleted=(1,))
    assert live(first) == ["0.png", "1.png", "2.png"]
    assert live(second) == ["0.png", "2.png", "3.png"]
    for name in bundle.SEGMENT_FILES:
        assert (first / "000001" / name).samefile(second / "000001" / name)
    finished = bundle.read_generation_manifest(second)
    assert (finished.parent, finished.deleted, finished.counts.indexed) == (1, 1, 3)
    assert [(each.name, each.rows) for each in finished.segments] == [("000001", 3), ("000002", 1)]
    bundle.check_files(second, finished)
    # The queries are three axes: crop 0 lies on the first, none on the second, 2 on the third.
    assert [canary.ids[0] for canary in finished.canaries] == [crop(n).id for n in (0, 0, 2)]
    assert [canary.scores[0] for canary in finished.canaries] == [1, 0, 1]
    assert read_canary_queries(second).tolist() == QUERIES.tolist()


def test_a_segment_whose_rows_are_all_deleted_is_left_behind(
    built: BuildReport, tmp_path: Path
) -> None:
    index = tmp_path / "grown"
    publish(index, built, 0, 1)
    publish(index, built, 2, 3, 4)
    publish(index, built, 5)
    # Rows 0 and 1 are the first segment, 2 to 4 the second, 5 the third.
    fourth = publish(index, built, deleted=(0, 2, 3, 4, 5))
    finished = bundle.read_generation_manifest(fourth)
    assert [each.name for each in finished.segments] == ["000001"]
    assert live(fourth) == ["1.png"]
    fifth = publish(index, built, 6, deleted=(0,))
    assert live(fifth) == ["1.png", "6.png"]
    sixth = publish(index, built, 7, deleted=(0, 1))
    assert live(sixth) == ["6.png", "7.png"]
    assert not (sixth / "000001").exists()
    bundle.check_files(sixth, bundle.read_generation_manifest(sixth))


def test_a_segment_without_rows_is_no_segment(built: BuildReport, tmp_path: Path) -> None:
    folder = publish(tmp_path / "empty", built)
    assert bundle.read_generation_manifest(folder).segments == ()
    assert live(folder) == []
    generation = open_generation(folder)
    assert generation.search(QUERIES[0], 5, None).rows.tolist() == []
    assert generation.size == 0


def test_nothing_is_published_where_the_disk_fails(
    built: BuildReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "grown"
    first = publish(index, built, 0)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        publish(index, built, 1)
    assert bundle.published_generation(index) == first
    assert sorted(path.name for path in index.iterdir()) == [".lock", "CURRENT", "generations"]
