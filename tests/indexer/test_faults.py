"""What disks, people and file names do to an index."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer import bundle, cli
from indexer.build import build
from indexer.deletion import Selection, delete_crops
from indexer.gallery import open_gallery
from indexer.preparation import BuildOptions
from indexer.verification import verify_index
from models.errors import BundleDamaged
from tests.fakes import ColourEncoder
from tests.indexer.conftest import draw

ROOT = Path(__file__).parents[2]
MANY = 20_000
PROGRAM = [sys.executable, "-m", "tests.indexer.fault_programs"]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users may look into, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder / "closed", folder / "closed" / "index"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def outcomes(*command: str | Path) -> list[dict[str, object]]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    tries = json.loads(done.stdout)
    assert isinstance(tries, list)
    return tries


def small_disk(folder: Path) -> list[str]:
    """Return what runs a command with a disk of 6 MB at ``folder``, seen by it alone."""
    (folder / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=6m none {folder / 'disk'} && exec"
    return ["unshare", "--mount", "sh", "-c", f'{mount} "$@"', "sh"]


def may_mount() -> bool:
    trial = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(trial, capture_output=True, check=False).returncode
    )


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_generation_and_what_was_encoded(tmp_path: Path) -> None:
    # Who may not mount a small disk gets files that may not grow: another error, the same care.
    if may_mount():
        tries = outcomes(*small_disk(tmp_path), *PROGRAM, "full-disk", tmp_path)
        error = "OSError 28"  # ENOSPC
    else:
        tries = outcomes(*PROGRAM, "small-files", tmp_path)
        error = "OSError 27"  # EFBIG
    *failed, ended = tries
    assert {each["said"] for each in failed} == {error}
    for each in failed:
        assert (each["generation"], each["indexed"], each["problems"]) == (1, 8, [])
        assert each["building"] == 0
    shards = [each["shards"] for each in failed]
    assert shards == sorted(shards, key=str)
    assert shards[-1] != 0  # and these are not encoded again
    assert (ended["said"], ended["generation"], ended["indexed"]) == ("done", 2, 40)
    assert (ended["problems"], ended["building"], ended["shards"]) == ([], 0, 0)


@pytest.mark.slow
def test_files_that_may_not_grow_leave_the_old_generation(tmp_path: Path) -> None:
    *failed, ended = outcomes(*PROGRAM, "small-files", tmp_path)
    assert {each["said"] for each in failed} == {"OSError 27"}
    assert {each["indexed"] for each in failed} == {8}
    assert {(each["building"], str(each["problems"])) for each in failed} == {(0, "[]")}
    assert (ended["said"], ended["indexed"], ended["problems"]) == ("done", 40, [])


@pytest.mark.slow
def test_an_index_that_may_not_be_written_is_left_as_it_is(shared: Path) -> None:
    tries = outcomes(*PROGRAM, "read-only", shared)
    assert [each["said"] for each in tries] == ["PermissionError 13"] * 5
    for each in tries:
        assert (each["generation"], each["indexed"], each["problems"]) == (1, 8, [])


@pytest.fixture
def whole(crops: Path, index: Path, encoder: ColourEncoder) -> Path:
    """A generation whose files all hold something: two segments, a deletion, a refusal."""
    options = BuildOptions(batch_size=1, copy_contents=True)
    build(crops, index, encoder, options)
    gallery = open_gallery(index, encoder.card)
    delete_crops(index, Selection(ids=(gallery.ids_by_path()["black.jpeg"],)))
    gallery.close()
    (crops / "black.jpeg").unlink()
    (crops / "broken.png").touch()
    draw(crops / "new.png", "red")
    return build(crops, index, encoder, options).folder


def test_a_flipped_bit_in_any_file_is_found_and_not_served(
    whole: Path, index: Path, encoder: ColourEncoder
) -> None:
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    assert len(files) == 2 + 3 + 2 * 7
    for path in (*files, index / "CURRENT"):
        good = path.read_bytes()
        assert good, path
        for place in {0, len(good) // 2, len(good) - 1}:
            for bit in (0, 6):
                bad = bytearray(good)
                bad[place] ^= 1 << bit
                path.write_bytes(bytes(bad))
                with pytest.raises(BundleDamaged):
                    open_gallery(index, encoder.card)
                try:
                    problems = verify_index(index).problems
                except BundleDamaged as error:
                    problems = (str(error),)
                assert any(path.name in problem for problem in problems), (path, place, bit)
        path.write_bytes(good)
    open_gallery(index, encoder.card).close()
    assert verify_index(index).problems == ()


def test_every_bit_of_the_pointer_matters(whole: Path, index: Path) -> None:
    assert whole.name == "000003"
    good = (index / "CURRENT").read_bytes()
    for place in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            (index / "CURRENT").write_bytes(bytes(bad))
            with pytest.raises(BundleDamaged):
                bundle.published_generation(index)
    # Somebody who goes back by hand need not know the check digits.
    (index / "CURRENT").write_text("000002")
    assert bundle.published_generation(index).name == "000002"


def test_names_in_any_encoding_are_indexed_or_refused_with_a_reason(
    tmp_path: Path, index: Path, encoder: ColourEncoder
) -> None:
    folder = tmp_path / "crops"
    image = draw(folder / "plain.png").read_bytes()
    utf8 = [
        "Ж",
        "赤い",
        "e\u0301",
        "é",
        "\u202egnp",
        "a\nb",
        "-rf",
        "'",
        '"',
        "~",
        "a b",
        "🧥" * 40,
    ]
    encoded = {"latin-1": "é", "shift-jis": "赤い", "koi8-r": "Ж", "utf-16-be": "ЖЖ"}
    for number, name in enumerate(utf8):
        (folder / f"{name}.png").write_bytes(image + b"%d" % number)
    refused = [name.encode(encoding) + b".png" for encoding, name in encoded.items()]
    refused = [name for name in refused if b"/" not in name and b"\0" not in name]
    for raw in refused:
        (folder / os.fsdecode(raw)).write_bytes(image + raw)
    report = build(folder, index, encoder)
    not_utf8 = [name for name in refused if not is_utf8(name)]
    assert len(not_utf8) == 3
    assert report.counts.quarantined == len(not_utf8)
    assert {item.reason for item in report.quarantined} == {"its name is not UTF-8: rename it"}
    gallery = open_gallery(index, encoder.card)
    paths = gallery.ids_by_path()
    assert {"plain.png", *(f"{name}.png" for name in utf8)} <= paths.keys()
    for path, crop_id in paths.items():
        assert gallery.read_crop(crop_id) == (folder / path).read_bytes()
    gallery.close()
    assert verify_index(index, sources=True).problems == ()


def is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def tiny_png(number: int) -> bytes:
    """Return a PNG of 8 x 8 pixels with another colour for each number below 2^24."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)

    header = (8).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    rows = (b"\0" + number.to_bytes(3) * 8) * 8
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b""))
    )


BAD_CONTENTS: dict[str, Callable[[int], bytes]] = {
    "the file is empty": lambda _: b"",
    "not a JPEG, PNG, WebP or BMP image": lambda number: b"no image %d" % number,
    "the image is broken: ": lambda number: tiny_png(number)[:46] + b"\xff" * 9,
    "too small: 4x8": lambda number: tiny_png(number).replace((8).to_bytes(4), (4).to_bytes(4), 1),
    "too many pixels: ": lambda number: tiny_png(number).replace(
        (8).to_bytes(4) * 2, (30_000).to_bytes(4) * 2, 1
    ),
}


def with_header_sum(content: bytes) -> bytes:
    """Make the checksum of a PNG's header right again."""
    return content[:29] + zlib.crc32(content[12:29]).to_bytes(4) + content[33:]


def bad_content(number: int) -> tuple[bytes, str]:
    """Return bytes that cannot be indexed, unlike those of all other numbers, and why."""
    reason = list(BAD_CONTENTS)[number % len(BAD_CONTENTS)]
    content = BAD_CONTENTS[reason](number)
    return (with_header_sum(content) if reason.startswith("too") else content), reason


@pytest.mark.slow
def test_a_thousand_bad_crops_among_ten_thousand_are_each_told_with_a_reason(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "crops"
    folder.mkdir()
    expected = {}
    for number in range(10_000):
        path = folder / f"{number:05}.png"
        if number % 10 == 7:
            content, expected[path.name] = bad_content(number // 10)
        else:
            content = tiny_png(number)
        path.write_bytes(content)
    monkeypatch.setattr(cli, "load_encoder", lambda *_, **__: ColourEncoder())
    arguments = ["build", "--crops", str(folder), "--index", str(index), "--json"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert (told["counts"]["indexed"], told["counts"]["quarantined"]) == (9000, 1000)
    lines = Path(told["quarantine_file"]).read_text().splitlines()
    reasons = {line["path"]: line["reason"] for line in map(json.loads, lines)}
    assert reasons.keys() == expected.keys()
    wrong = {
        path: reasons[path] for path in expected if not reasons[path].startswith(expected[path])
    }
    assert wrong == {}
    assert Counter(expected.values()) == dict.fromkeys(BAD_CONTENTS, 200)
    assert verify_index(index).problems == ()


@pytest.mark.slow
def test_many_files_in_one_folder_are_all_indexed(tmp_path: Path, index: Path) -> None:
    # 100,000 of them took 140 s on a busy core (48 s of it computing): more than a test may.
    folder = tmp_path / "crops"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number}.png").write_bytes(tiny_png(number))
    options = BuildOptions(batch_size=512)
    report = build(folder, index, ColourEncoder(), options)
    assert (report.counts.encoded, report.counts.indexed) == (MANY, MANY)
    assert not build(folder, index, ColourEncoder(), options).published
    assert verify_index(index).problems == ()
