"""Nothing half-written is ever served: whatever moment a build is killed at."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer import bundle
from indexer.build import BuildReport, build
from indexer.gallery import open_gallery
from indexer.publishing import building_site
from indexer.verification import verify_index
from models.errors import BundleError
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw

ROOT = Path(__file__).parents[2]
HARNESS = [sys.executable, "-m", "tests.indexer.killed_builds"]


def hidden_leftovers(index: Path) -> list[str]:
    return [path.name for path in index.glob(".building-*")]


def test_each_build_is_a_new_generation_and_keeps_the_old(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    before = {path: path.read_bytes() for path in built.folder.rglob("*") if path.is_file()}
    draw(crops / "new.png", "red")
    second = build(crops, index, encoder)
    assert second.manifest.generation == 2
    assert (index / "CURRENT").read_text().split()[0] == "000002"
    assert bundle.read_manifest(index).counts.indexed == 6
    assert {path: path.read_bytes() for path in before} == before
    assert len(before) == 12


def test_an_opened_gallery_stays_what_it_is_while_a_new_one_is_published(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    assert built.manifest.generation == 1
    gallery = open_gallery(index, encoder.card)
    draw(crops / "new.png", "red")
    build(crops, index, encoder)
    assert len(gallery.search(encoder.encode_texts(["red"])[0], 100).hits) == 5
    newer = open_gallery(index, encoder.card)
    assert (gallery.size, newer.size) == (5, 6)
    gallery.close()
    newer.close()


def test_a_build_that_fails_leaves_no_trace_but_the_lock(tmp_path: Path) -> None:
    index = tmp_path / "index"
    with pytest.raises(ZeroDivisionError), building_site(index) as site:
        (site.folder / "half").write_bytes(b"written")
        raise ZeroDivisionError
    assert [path.name for path in index.iterdir()] == [".lock"]


def test_a_second_build_at_the_same_time_is_refused(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    with (
        building_site(index) as site,
        pytest.raises(
            BundleError,
            match=rf"another command is at work on .* \(process {os.getpid()}\): wait for it",
        ),
    ):
        assert site.generation == 2
        build(crops, index, encoder)
    assert bundle.read_manifest(index) == built.manifest
    draw(crops / "new.png", "red")
    assert build(crops, index, encoder).manifest.generation == 2


def test_a_generation_number_is_never_used_twice(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    draw(crops / "new.png", "red")
    build(crops, index, encoder)
    (index / "CURRENT").write_text(built.folder.name)
    third = build(crops, index, encoder)
    assert third.manifest.generation == 3
    assert sorted(path.name for path in (index / "generations").iterdir()) == ["000001", "000003"]


def test_generations_are_kept_where_the_pointer_is_damaged(
    built: BuildReport, crops: Path, index: Path, encoder: ColourEncoder
) -> None:
    (index / "CURRENT").write_text("garbage")
    assert build(crops, index, encoder).manifest.generation == 2
    assert built.folder.is_dir()


@pytest.mark.slow
def test_a_build_killed_at_any_step_leaves_the_old_or_the_new_generation(
    crops: Path, tmp_path: Path, encoder: ColourEncoder
) -> None:
    base = tmp_path / "base"
    build(crops, base, encoder)
    draw(crops / "new.png", "red")
    done = subprocess.run(
        [*HARNESS, crops, base, tmp_path / "killed"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert len(outcome["killed_at"]) > 25
    assert {"os.rename", "os.mkdir", "open"} <= set(outcome["killed_at"])
    generations = []
    for number in range(len(outcome["killed_at"])):
        index = tmp_path / "killed" / str(number)
        gallery = open_gallery(index, encoder.card)
        generations.append(gallery.manifest.generation)
        assert gallery.size == (5 if gallery.manifest.generation == 1 else 6)
        gallery.close()
        assert verify_index(index, sources=True).problems == ()
    # Once the new generation is visible it stays; both sides of the switch were met.
    assert generations == sorted(generations)
    assert set(generations) == {1, 2}
    _next_build_cleans_up(tmp_path / "killed", crops, encoder)


def _next_build_cleans_up(killed: Path, crops: Path, encoder: ColourEncoder) -> None:
    had_leftovers = 0
    by_step = sorted(killed.iterdir(), key=lambda path: int(path.name))
    for index in by_step[::4]:
        had_leftovers += bool(hidden_leftovers(index))
        report = build(crops, index, encoder)
        assert bundle.read_manifest(index) == report.manifest
        assert hidden_leftovers(index) == []
        numbers = sorted(int(path.name) for path in (index / "generations").iterdir())
        assert numbers[0] == 1
        assert numbers[-1] == report.manifest.generation
        for number in numbers:
            assert (index / "generations" / f"{number:06d}" / bundle.MANIFEST).is_file()
    assert had_leftovers > 5


@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_a_build_killed_from_outside_is_cleaned_up_by_the_next(
    crops: Path, index: Path, built: BuildReport, encoder: ColourEncoder, delay_s: float
) -> None:
    draw(crops / "new.png", "red")
    command = [*HARNESS, str(crops), str(index)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        time.sleep(delay_s)
        process.kill()
    assert said == b"encoding\n"  # and it would never have ended by itself
    assert process.returncode == -signal.SIGKILL
    assert hidden_leftovers(index) == [".building-000002"]
    assert bundle.read_manifest(index) == built.manifest
    assert build(crops, index, encoder).manifest.generation == 2
    assert hidden_leftovers(index) == []


def test_a_generation_is_readable_by_others(built: BuildReport) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert built.folder.stat().st_mode & 0o777 == 0o777 & ~mask
    shutil.rmtree(built.folder)
