"""Every embedding reads its files in archives as people make them, and in other encodings."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.embeddings import reader_of
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.plugins.embeddings.word2vec import Word2Vec
from pluxel.registry import Host, PluxelError

from .conftest import WORDS, lines_of
from .test_every_embedding import FILES, NAMES, make

Pack = Callable[[Path], Path]


def compressed(suffix: str, compress: Callable[[bytes], bytes]) -> Pack:
    def pack(path: Path) -> Path:
        packed = path.with_name(path.name + suffix)
        packed.write_bytes(compress(path.read_bytes()))
        return packed

    return pack


def zipped(suffix: str, beside: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> Pack:
    """Pack a file in a folder, with other files before and after it."""

    def pack(path: Path) -> Path:
        packed = path.with_suffix(suffix)
        with zipfile.ZipFile(packed, "w", method) as archive:
            for name in (*beside, f"vectors/{path.name}", "z/.DS_Store"):
                content = beside.get(name, "x")
                archive.writestr(name, path.read_bytes() if path.name in name else content)
        return packed

    return pack


PACKINGS: dict[str, Pack] = {
    "gz": compressed(".gz", gzip.compress),
    "GZ": compressed(".GZ", gzip.compress),
    "bz2": compressed(".bz2", bz2.compress),
    "xz": compressed(".xz", lzma.compress),
    "zip": zipped(".zip", {}),
    "ZIP": zipped(".ZIP", {}),
    "macOS": zipped(".zip", {"__MACOSX/vectors/._vectors.txt": "\0\5\x16"}),
    "Windows": zipped(".zip", {"Thumbs.db": "", "desktop.ini": "[x]"}),
    "readme": zipped(".zip", {"README": "Read me.", "LICENSE.txt": "MIT", "meta.json": "{}"}),
    "bzip2": zipped(".zip", {"ReadMe_first.TXT": "Vectors."}, zipfile.ZIP_BZIP2),
    "lzma": zipped(".zip", {"docs/paper.pdf": "%PDF"}, zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", NAMES)
def test_packed_files(tmp_path: Path, vectors: np.ndarray, name: str, packing: str) -> None:
    parameters = FILES[name](tmp_path, vectors)
    plain = Path(parameters["file"])
    if name == "table":
        parameters["words"] = str(PACKINGS[packing](tmp_path / "table.txt").rename("words.zip"))
    packed = PACKINGS[packing](plain)
    plain.unlink()
    found = make(name, parameters | {"file": str(packed)})
    assert [*found.itos] == WORDS
    assert (found.vectors.numpy() == vectors).all()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("suffix", ["TXT", "txt.zip.gz", ""])
def test_first_bytes_show_how_a_file_is_packed(
    tmp_path: Path, vectors: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"vectors.{suffix}"
    path.write_bytes(gzip.compress(b"\n".join(lines_of(WORDS, vectors))))
    assert [*GloVe(file=path).itos] == WORDS


@pytest.mark.parametrize("suffix", ["bz2", "xz"])
@pytest.mark.parametrize("cut", [14, 0.5, -4])
def test_truncated_files_are_damaged(tmp_path: Path, suffix: str, cut: float) -> None:
    content = b"\n".join(b"word%d 0.%d 1.%d" % (i, i, i * i) for i in range(3000))
    whole = {"bz2": bz2.compress, "xz": lzma.compress}[suffix](content)
    path = tmp_path / f"mine.txt.{suffix}"
    path.write_bytes(whole[: int(cut * len(whole)) if isinstance(cut, float) else cut])
    with pytest.raises(PluxelError, match=rf"mine\.txt\.{suffix} is damaged: "):
        GloVe(file=path)
    path.write_bytes(whole[:40] + b"\0\1\2\3" * 20 + whole[120:])
    with pytest.raises(PluxelError, match=rf"mine\.txt\.{suffix} is damaged: "):
        GloVe(file=path)


@pytest.mark.parametrize("names", [["README.txt"], ["README.md"], ["a/LICENSE", "a/README"]])
@pytest.mark.parametrize("dim", [None, 3])
def test_an_archive_with_only_a_readme_raises(
    tmp_path: Path, names: list[str], dim: int | None
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "Nothing here.")
    with pytest.raises(PluxelError) as caught:
        GloVe(file=tmp_path / "x.zip", dim=dim)
    listed = ", ".join(names)
    assert str(caught.value) == f"{tmp_path}/x.zip contains no word vectors, only {listed}"


@pytest.mark.parametrize(
    ("name", "inner", "reader"),
    [
        ("x.txt.gz", b"the 0.1 0.2", "pluxel/glove"),
        ("x.TXT.BZ2", b"the 0.1 0.2", "pluxel/glove"),
        ("x.VEC.xz", b"1 2\nthe 0.1 0.2", "pluxel/word2vec"),
        ("x.bin.bz2", b"400000 50\nthe \x01", "pluxel/word2vec"),
        ("x.bin.gz", (793_712_314).to_bytes(4, "little"), "pluxel/fasttext"),
        ("x.NPY", b"", "pluxel/table"),
    ],
)
def test_reader_of_a_packed_file(tmp_path: Path, name: str, inner: bytes, reader: str) -> None:
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    pack = compress.get(name.rpartition(".")[2].lower(), bytes)
    (tmp_path / name).write_bytes(pack(inner))
    assert reader_of(Host(), tmp_path / name).qualified == reader


def test_reader_of_a_zip_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.ZIP"
    for names, reader in ((["v.vec"], "word2vec"), (["a.50d.txt", "a.100d.txt"], "glove")):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"the 0.1 0.2")
        assert reader_of(Host(), path).name == reader


def encoded(name: str, folder: Path, encoding: str) -> dict[str, str]:
    """Write the words ``café`` and ``naïve`` in an encoding, and return the parameters."""
    vectors = np.array([[1, 2], [3, 4]], np.float32)
    words = [word.encode(encoding) for word in ("café", "naïve")]
    rows = [b"1 2", b"3 4"]
    content = {
        "glove": b"\n".join(word + b" " + row for word, row in zip(words, rows, strict=True)),
        "word2vec": b"2 2\n"
        + b"".join(word + b" " + row.tobytes() for word, row in zip(words, vectors, strict=True)),
        "table": b"\n".join(words),
    }
    path = folder / f"{name}.txt"
    path.write_bytes(content.get(name, content["glove"]))
    np.save(folder / "table.npy", vectors)
    return {"file": str(folder / "table.npy" if name == "table" else path), "encoding": encoding}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp850", "utf-8"])
@pytest.mark.parametrize("name", NAMES)
def test_words_in_another_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    found = make(name, encoded(name, tmp_path, encoding))
    assert [*found.itos] == ["café", "naïve"]
    assert found["naïve"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("latin-x", "unknown encoding 'latin-x'"),
        ("base64", "unknown encoding 'base64'"),
        ("utf-16", "the encoding 'utf-16' does not contain ASCII; convert the file to UTF-8"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_unsuitable_encodings(tmp_path: Path, name: str, encoding: str, message: str) -> None:
    parameters = encoded(name, tmp_path, "latin-1") | {"encoding": encoding}
    with pytest.raises(PluxelError, match=message):
        make(name, parameters)


@pytest.mark.parametrize("reader", [GloVe, FastText, Word2Vec])
def test_another_encoding_is_another_store(
    tmp_path: Path, reader: type[GloVe | FastText | Word2Vec]
) -> None:
    (tmp_path / "x.txt").write_bytes(b"caf\xe9 1 2\nthe 3 4\n")
    first = [reader(file=tmp_path / "x.txt", encoding=one).itos[0] for one in ("cp850", "latin-1")]
    assert first == ["cafÚ", "café"]
