"""Models in archives."""

from __future__ import annotations

import errno
import gzip
import zipfile
from pathlib import Path

import pytest
from pluxel.core.authoring import unpacked
from pluxel.core.embeddings import _archives
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.plugins.embeddings.word2vec import Word2Vec
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
def test_model_is_unpacked_once_into_the_cache(tmp_path: Path, cache: Path, name: str) -> None:
    (tmp_path / "model.bin").write_text("mine")
    found = unpacked(pack(tmp_path / name))
    assert (found.name, found.parents[1]) == ("model.bin", cache / "unpacked")
    assert found.read_bytes() == CONTENT
    before = found.stat().st_mtime_ns
    assert unpacked(tmp_path / name).stat().st_mtime_ns == before
    assert unpacked(found) == found
    assert (tmp_path / "model.bin").read_text() == "mine"
    elsewhere = unpacked(tmp_path / name, cache=tmp_path / "other")
    assert elsewhere.is_relative_to(tmp_path / "other")


def test_another_archive_of_the_same_name_is_unpacked(tmp_path: Path) -> None:
    first = unpacked(pack(tmp_path / "model.bin.gz"))
    (tmp_path / "model.bin.gz").write_bytes(gzip.compress(b"other"))
    second = unpacked(tmp_path / "model.bin.gz")
    assert (first.read_bytes(), second.read_bytes()) == (CONTENT, b"other")


@pytest.mark.parametrize("name", ["model.bin.gz", "other.zip"])
@pytest.mark.parametrize("cut", [5, 1000, -3])
def test_damaged_archive_leaves_no_file(tmp_path: Path, name: str, cut: int) -> None:
    path = pack(tmp_path / name)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(PluxelError, match=rf"{name} is damaged: "):
        unpacked(path)
    assert [one for one in tmp_path.rglob("*model.bin*") if one.is_file()] == [path][: "gz" in name]


@pytest.mark.parametrize("reader", [GloVe, Word2Vec, FastText])
@pytest.mark.parametrize("gone", [1, 9])
def test_entry_with_a_negative_offset_raises(
    tmp_path: Path, reader: type[GloVe | Word2Vec | FastText], gone: int
) -> None:
    path = pack(tmp_path / "other.zip")
    content = path.read_bytes()
    path.write_bytes(content[:40] + content[40 + gone :])
    with pytest.raises(PluxelError, match=r"other\.zip is damaged: "):
        reader(file=path, cache=tmp_path / "cache")


def test_entry_without_a_name_is_ignored(tmp_path: Path) -> None:
    path = pack(tmp_path / "other.zip")
    path.write_bytes(path.read_bytes().replace(b"folder/model.bin", b"\0" * 16))
    with pytest.raises(PluxelError, match=r"must contain a file, but it contains nothing$"):
        unpacked(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods(tmp_path: Path, method: int) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.bin", CONTENT)
    assert unpacked(path).read_bytes() == CONTENT


def test_unsupported_compression_raises(tmp_path: Path) -> None:
    path = pack(tmp_path / "other.zip")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 10] = 9  # Deflate64, in the archive's list of files
    path.write_bytes(content)
    with pytest.raises(
        PluxelError, match=r"model\.bin in .* uses an unsupported compression method"
    ):
        unpacked(path)


class Refusing(_archives.Readable):
    """A file on a failing disk."""

    def read(self, size: int = -1) -> bytes:
        def refuse(_size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        return self._guarded(refuse, size)


@pytest.mark.parametrize("name", ["plain.txt", "model.txt.gz", "other.zip"])
def test_failing_read_is_reported_as_a_read_error(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(CONTENT) if path.suffix == ".txt" else pack(path)
    monkeypatch.setattr(_archives, "Readable", Refusing)
    with pytest.raises(PluxelError, match=rf"^cannot read .*{name}: Input/output error$"):
        GloVe(file=path, cache=tmp_path / "cache")
    assert not [*tmp_path.glob("cache/**/*.safetensors")]
