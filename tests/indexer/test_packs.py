from pathlib import Path

import pytest

from indexer.packs import Pack, PackWriter
from models.errors import BundleDamaged


def written(folder: Path, *contents: bytes) -> tuple[Path, Path]:
    pack, offsets = folder / "some.pack", folder / "some.npy"
    with PackWriter(pack, offsets) as writer:
        for content in contents:
            writer.append(content)
    return pack, offsets


def test_each_row_gets_its_own_bytes_back(tmp_path: Path) -> None:
    pack = Pack(*written(tmp_path, b"one", b"", b"three"))
    assert [pack.read(row) for row in range(pack.size)] == [b"one", b"", b"three"]
    pack.close()


@pytest.mark.parametrize("content", [b"", b"on", b"one and more"])
def test_a_pack_of_another_length_is_damage(tmp_path: Path, content: bytes) -> None:
    pack, offsets = written(tmp_path, b"one")
    pack.write_bytes(content)
    with pytest.raises(BundleDamaged, match="Build the index again"):
        Pack(pack, offsets)


def test_offsets_that_are_no_array_are_damage(tmp_path: Path) -> None:
    pack, offsets = written(tmp_path, b"one")
    offsets.write_bytes(b"nothing")
    with pytest.raises(BundleDamaged, match="cannot be read"):
        Pack(pack, offsets)


def test_a_pack_may_hold_nothing_at_all(tmp_path: Path) -> None:
    pack = Pack(*written(tmp_path, b"", b""))
    assert (pack.size, pack.read(0), pack.read(1)) == (2, b"", b"")
    pack.close()
