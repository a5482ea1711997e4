"""Archives that a model is taken out of."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
from pluxel.plugins.embeddings._source import unpacked
from pluxel.registry import PluxelError

CONTENT = b"the 0.1 0.2\n" * 100_000


def pack(path: Path) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(CONTENT))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/model.bin", CONTENT)
    return path


@pytest.mark.parametrize("name", ["model.bin.gz", "other.zip"])
def test_it_is_unpacked_once_beside_the_archive(tmp_path: Path, name: str) -> None:
    found = unpacked(pack(tmp_path / name))
    assert (found, found.read_bytes()) == (tmp_path / "model.bin", CONTENT)
    before = found.stat().st_mtime_ns
    assert unpacked(tmp_path / name).stat().st_mtime_ns == before
    assert unpacked(found) == found


@pytest.mark.parametrize("name", ["model.bin.gz", "other.zip"])
@pytest.mark.parametrize("cut", [5, 1000, -3])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, name: str, cut: int) -> None:
    path = pack(tmp_path / name)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(PluxelError, match=rf"{name} is damaged: "):
        unpacked(path)
    assert [*tmp_path.iterdir()] == [path]
