import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer import bundle
from indexer.build import build
from indexer.deletion import Selection, delete_crops, find_traces, require_absent
from indexer.gallery import Condition, Filters, open_gallery
from indexer.preparation import BuildOptions
from indexer.retention import clear, compact
from indexer.verification import verify_index
from models.errors import BundleDamaged, BundleError, BundleNotFound, ConfigurationInvalid
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw
from tests.indexer.test_growing import flip


@pytest.fixture
def ids(crops: Path, index: Path, encoder: ColourEncoder, tmp_path: Path) -> dict[str, str]:
    """Five crops of cameras c1 (red, green) and c2 (blue, white), made on four days, by name."""
    lines = [
        {"path": "cam1/red.png", "camera": "c1", "captured_at": "2024-05-01"},
        {"path": "cam1/green.JPG", "camera": "c1", "captured_at": "2024-05-02"},
        {"path": "cam2/blue.webp", "camera": "c2", "captured_at": "2024-05-03"},
        {"path": "cam2/white.bmp", "camera": "c2", "captured_at": "2024-05-04"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    build(crops, index, encoder, BuildOptions(metadata=tmp_path / "m.jsonl", batch_size=1))
    return {Path(path).stem: crop_id for path, crop_id in by_path(index).items()}


def by_path(index: Path) -> dict[str, str]:
    gallery = open_gallery(index, ColourEncoder().card)
    found = gallery.ids_by_path()
    gallery.close()
    return found


def left(index: Path) -> list[str]:
    return sorted(Path(path).stem for path in by_path(index))


def camera(*names: str) -> Filters:
    return Filters(columns={"camera": Condition(among=names)})


def day(number: int) -> datetime:
    return datetime(2024, 5, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("select", "remaining"),
    [
        (lambda ids: Selection(ids=(ids["red"], ids["black"])), ["blue", "green", "white"]),
        (lambda _: Selection(filters=camera("c1")), ["black", "blue", "white"]),
        (lambda _: Selection(older_than=day(2)), ["black", "blue", "green", "white"]),
        # A filter and an age must both hold; ids come in addition.
        (
            lambda _: Selection(filters=camera("c2"), older_than=day(4)),
            ["black", "green", "red", "white"],
        ),
        (
            lambda ids: Selection((ids["white"],), camera("c2"), day(4)),
            ["black", "green", "red"],
        ),
    ],
)
def test_crops_are_selected_by_id_by_filter_and_by_age(
    index: Path,
    ids: dict[str, str],
    select: Callable[[dict[str, str]], Selection],
    remaining: list[str],
) -> None:
    deletion = delete_crops(index, select(ids))
    assert left(index) == remaining
    assert sorted(deletion.removed) == sorted(ids[name] for name in ids.keys() - set(remaining))
    assert (deletion.manifest.change, deletion.manifest.generation) == ("delete", 2)
    assert deletion.manifest.counts.indexed == len(remaining)
    assert deletion.manifest.counts.removed == 5 - len(remaining)
    assert verify_index(index, sources=True).problems == ()


def test_a_deleted_crop_is_nowhere_in_the_answers(
    index: Path, ids: dict[str, str], encoder: ColourEncoder
) -> None:
    delete_crops(index, Selection(ids=(ids["red"],)))
    gallery = open_gallery(index, encoder.card)
    hits = gallery.search(encoder.encode_texts(["red"])[0], 10).hits
    assert len(hits) == gallery.size == 4
    assert ids["red"] not in {hit.crop.id for hit in hits}
    assert gallery.crop(ids["red"]) is None
    with pytest.raises(KeyError):
        gallery.read_thumbnail(ids["red"])
    assert all(ids["red"] not in canary.ids for canary in gallery.manifest.canaries)
    gallery.close()
    filters = Filters(columns={"camera": Condition(exists=True)})
    assert delete_crops(index, Selection(filters=filters)).manifest.counts.indexed == 1


def test_an_unknown_id_stops_the_deletion_of_all_others(index: Path, ids: dict[str, str]) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"no crop has the id '{'f' * 20}': nothing was"):
        delete_crops(index, Selection(ids=(ids["red"], "f" * 20)))
    delete_crops(index, Selection(ids=(ids["red"],)))
    with pytest.raises(ConfigurationInvalid, match="no crop has the id"):
        delete_crops(index, Selection(ids=(ids["red"],)))  # it is gone already
    assert left(index) == ["black", "blue", "green", "white"]
    assert bundle.read_manifest(index).generation == 2


def test_nothing_is_published_where_nothing_is_selected(index: Path, ids: dict[str, str]) -> None:
    assert len(ids) == 5
    deletion = delete_crops(index, Selection(filters=camera("c9")))
    assert (deletion.published, deletion.removed, deletion.manifest.generation) == (False, (), 1)
    with pytest.raises(ConfigurationInvalid, match="nothing to delete: name ids, a filter, or"):
        delete_crops(index, Selection())
    with pytest.raises(ConfigurationInvalid, match="no column 'colour'"):
        delete_crops(index, Selection(filters=Filters(columns={"colour": Condition(exists=True)})))
    assert sorted(path.name for path in index.iterdir()) == [".lock", "CURRENT", "generations"]


@pytest.mark.parametrize("name", [bundle.DELETED, bundle.CANARY_QUERIES, "000001/crops.arrow"])
def test_damage_is_not_signed_anew(index: Path, ids: dict[str, str], name: str) -> None:
    flip(bundle.published_generation(index) / name)
    with pytest.raises(BundleDamaged, match=name):
        delete_crops(index, Selection(ids=(ids["red"],)))
    assert bundle.read_manifest(index).generation == 1


def test_a_mistyped_index_is_told_and_not_made(tmp_path: Path) -> None:
    for command in (
        lambda: delete_crops(tmp_path / "typo", Selection(ids=("f" * 20,))),
        lambda: find_traces(tmp_path / "typo", "f" * 20),
        lambda: compact(tmp_path / "typo"),
        lambda: clear(tmp_path / "typo", 1),
    ):
        with pytest.raises(BundleNotFound):
            command()
    assert list(tmp_path.iterdir()) == []


def test_a_crop_is_provably_gone_after_compact_and_gc(
    crops: Path, index: Path, ids: dict[str, str], encoder: ColourEncoder
) -> None:
    draw(crops / "more.png", "red")
    build(crops, index, encoder, BuildOptions(batch_size=1))
    red = ids["red"]
    for step in (
        lambda: None,
        lambda: delete_crops(index, Selection(ids=(red,))),
        lambda: compact(index),
        lambda: clear(index, 2),
    ):
        step()
        with pytest.raises(BundleError, match=rf"crop {red} is still in \d+ of \d+ files") as left_:
            require_absent(index, red)
        assert "Delete it, then run compact, then gc --keep 1" in str(left_.value)
    clear(index, 1)
    traces = require_absent(index, red)
    files = [path for path in index.rglob("*") if path.is_file()]
    assert (traces.found, traces.files) == ((), len(files))
    assert traces.bytes == sum(path.stat().st_size for path in files)
    assert all(red.encode() not in path.read_bytes() for path in files)
    assert find_traces(index, ids["blue"]).found
    assert verify_index(index).problems == ()


def test_traces_are_looked_for_in_what_others_left_there(index: Path, ids: dict[str, str]) -> None:
    (index / "notes").mkdir()
    (index / "notes" / "old.txt").write_text(f"see {'a' * 20}!")
    (index / "empty").touch()
    assert find_traces(index, "a" * 20).found == ("notes/old.txt",)
    assert len(ids) == 5
    shutil.rmtree(index / "notes")


@pytest.mark.parametrize("wrong", ["", "abc", "F" * 20, "g" * 20, "../../etc/passwd/and/more"])
def test_only_an_id_can_be_looked_for(index: Path, ids: dict[str, str], wrong: str) -> None:
    assert len(ids) == 5
    with pytest.raises(ConfigurationInvalid, match="is no id of a crop: 20 digits"):
        find_traces(index, wrong)
