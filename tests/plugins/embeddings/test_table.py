"""Custom vectors: arrays, tensors and stores, with their words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pluxel.core.common.files import MissingFile
from pluxel.core.embeddings import WordVectors, write_vectors
from pluxel.plugins.embeddings import table
from pluxel.plugins.embeddings.table import Table
from pluxel.registry import PluxelError
from safetensors.torch import save_file

from .conftest import WORDS

Write = Callable[..., Path]


@pytest.fixture
def words(write: Write) -> Path:
    return write([word.encode() for word in WORDS])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
def test_arrays(tmp_path: Path, words: Path, vectors: np.ndarray, kind: str) -> None:
    np.save(tmp_path / "vectors.npy", vectors.astype(kind))
    found = Table(file=tmp_path / "vectors.npy")
    assert list(found.itos) == WORDS
    assert (found.vectors.numpy() == vectors.astype(kind).astype(np.float32)).all()


def test_byte_order_mark_is_dropped(tmp_path: Path, words: Path, vectors: np.ndarray) -> None:
    np.save(tmp_path / "vectors.npy", vectors)
    words.write_bytes(b"\xef\xbb\xbf" + words.read_bytes())
    assert list(Table(file=tmp_path / "vectors.npy").itos) == WORDS


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors(
    tmp_path: Path,
    words: Path,
    vectors: np.ndarray,
    kind: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "_BLOCK", 12)  # three rows
    tensor = torch.from_numpy(vectors).to(kind)
    save_file({"embedding.weight": tensor}, tmp_path / "model.safetensors")
    found = Table(file=tmp_path / "model.safetensors", words=words)
    assert torch.equal(found.vectors, tensor.float())
    assert list(found.itos) == WORDS


def test_one_of_several_tensors(tmp_path: Path, words: Path, vectors: np.ndarray) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.from_numpy(vectors), "b": torch.zeros(3)}, path)
    assert Table(file=path, words=words, tensor="a").dim == 4
    with pytest.raises(PluxelError, match=r".*: set 'tensor: …' to one of a, b"):
        Table(file=path, words=words)
    with pytest.raises(PluxelError, match=r"has no tensor 'c'"):
        Table(file=path, words=words, tensor="c")
    with pytest.raises(PluxelError, match=r"contains \(3,\) F32, not floating-point rows \(N, D\)"):
        Table(file=path, words=words, tensor="b")


def test_words_as_json(tmp_path: Path, vectors: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", vectors)
    listed = [*WORDS[:-1], "a\nword"]
    (tmp_path / "v.json").write_text(json.dumps(listed))
    assert list(Table(file=tmp_path / "v.npy").itos) == listed


def test_store_is_memory_mapped_in_place(tmp_path: Path, vectors: np.ndarray, cache: Path) -> None:
    path = tmp_path / "words.safetensors"
    write_vectors(WordVectors(WORDS, torch.from_numpy(vectors)), path, "store")
    found = Table(file=path)
    assert list(found.itos) == WORDS
    assert (found.vectors.numpy() == vectors).all()
    assert found.store.path == path
    assert not [*cache.glob("*.safetensors")]
    with pytest.raises(PluxelError, match="is a store, which contains its words"):
        Table(file=path, tensor="vectors")


def test_another_word_list_gives_another_table(
    tmp_path: Path, words: Path, write: Write, vectors: np.ndarray
) -> None:
    np.save(tmp_path / "vectors.npy", vectors)
    other = write([word.encode() for word in reversed(WORDS)], "other.txt")
    found = [Table(file=tmp_path / "vectors.npy", words=one) for one in (words, other)]
    assert list(found[0].itos) == list(reversed(list(found[1].itos)))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((9, 4), np.float32), "has 9 rows, but .* has 10 words"),
        (np.zeros((10, 4), int), r"contains \(10, 4\) int64, not floating-point rows"),
        (np.zeros(10, np.float32), r"contains \(10,\) float32"),
        (np.zeros((0, 4), np.float32), r"contains \(0, 4\) float32"),
        (np.full((10, 4), np.inf, np.float32), "row 0: a value of the vector is not a finite"),
        (np.array([{}] * 10), "is not a .npy file of numbers: "),
    ],
)
def test_wrong_arrays_raise(tmp_path: Path, words: Path, array: np.ndarray, message: str) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(PluxelError, match=message) as caught:
        Table(file=path, words=words)
    assert str(path) in str(caught.value)


def test_arrays_of_another_size_than_the_file_raise(
    tmp_path: Path, words: Path, vectors: np.ndarray
) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, vectors)
    whole = path.read_bytes()
    damaged = {
        r"has 80 bytes more than its \(10, 2\) numbers": (b"(10, 4)", b"(10, 2)"),
        r"has 80 bytes more than its \(10, 4\) numbers": (b"<f4", b"<f2"),
        r"is not a .npy file of numbers: .*EOF in multi-line statement": (b"}", b" "),
    }
    for message, (old, new) in damaged.items():
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(PluxelError, match=message):
            Table(file=path, words=words)
    np.savez(tmp_path / "a.npz", vectors)
    (tmp_path / "a.npz").replace(path)
    with pytest.raises(
        PluxelError, match=r"is not a .npy file of numbers, but an archive of arrays"
    ):
        Table(file=path, words=words)


def test_truncated_arrays_raise(tmp_path: Path, words: Path, vectors: np.ndarray) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, vectors)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(PluxelError):
            Table(file=path, words=words)


def test_wrong_word_lists_raise(tmp_path: Path, vectors: np.ndarray) -> None:
    path = tmp_path / "v.npy"
    np.save(path, vectors)
    with pytest.raises(PluxelError, match="set 'words: …' to the file that lists them"):
        Table(file=path)
    for text in ("{}", "[1]", "[", '["\\ud800"]', "[" * 100_000):
        (tmp_path / "w.json").write_text(text)
        with pytest.raises(PluxelError, match=r"w.json is not a JSON list of"):
            Table(file=path, words=tmp_path / "w.json")
    with pytest.raises(MissingFile, match="no such file"):
        Table(file=path, words=tmp_path / "none.txt")
    for name in ("v.csv", "v.txt"):
        (tmp_path / name).write_text("1")
    with pytest.raises(
        PluxelError, match=r"unsupported file suffix; supported: .npy, .safetensors"
    ):
        Table(file=tmp_path / "v.csv")


def test_damaged_archive_raises(tmp_path: Path, words: Path) -> None:
    path = tmp_path / "broken.npy"
    path.write_bytes(b"PK\x03\x04broken")
    with pytest.raises(PluxelError, match=r"broken.npy is not a .npy file of numbers: "):
        Table(file=path, words=words)


def test_parameters_without_effect_raise(
    tmp_path: Path, words: Path, vectors: np.ndarray, cache: Path
) -> None:
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(PluxelError, match=r"v.npy contains one array without a name: remove 'ten"):
        Table(file=tmp_path / "v.npy", words=words, tensor="weight")
    store = tmp_path / "words.safetensors"
    write_vectors(WordVectors(WORDS, torch.from_numpy(vectors)), store, "store")
    with pytest.raises(PluxelError, match=r"remove 'words', 'tensor' and 'encoding'"):
        Table(file=store, encoding="latin-1")


def test_a_list_with_columns_raises(tmp_path: Path, vectors: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", vectors[:2])
    listed = tmp_path / "v.txt"
    listed.write_bytes(b"the\t1061396\nof\t593677\n")
    with pytest.raises(PluxelError, match=r"every line contains a tab, such as 'the\\t1061396'"):
        Table(file=tmp_path / "v.npy")
    listed.write_bytes(b"\t\nof\n")
    assert list(Table(file=tmp_path / "v.npy").itos) == ["\t", "of"]


def test_json_in_another_encoding(tmp_path: Path, vectors: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", vectors[:1])
    (tmp_path / "v.json").write_bytes('["café"]'.encode("latin-1"))
    assert list(Table(file=tmp_path / "v.npy", encoding="latin-1").itos) == ["café"]
    for encoding in ("utf-8", "no-encoding"):
        with pytest.raises(PluxelError, match=r"v.json is not a JSON list of words"):
            Table(file=tmp_path / "v.npy", encoding=encoding)
