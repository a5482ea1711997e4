"""word2vec files, text and binary, as gensim writes them, and damaged files."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.plugins.embeddings import _binary
from pluxel.plugins.embeddings.word2vec import Word2Vec
from pluxel.registry import PluxelError

Peer = Callable[[str], Any]
Write = Callable[..., Path]
NAMES = ["the", "of", "naïve", "日本", "\u00a0", "chip"]


def binary(words: list[str], vectors: np.ndarray, between: bytes = b"") -> bytes:
    """Return a binary file; ``between`` follows each row."""
    rows = (
        word.encode() + b" " + row.tobytes() + between
        for word, row in zip(words, vectors.astype("<f4"), strict=True)
    )
    return b"%d %d\n" % vectors.shape + b"".join(rows)


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(len(NAMES), 5)).astype(np.float32)


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_gensim_files_are_read(
    tmp_path: Path, rows: np.ndarray, peer: Peer, is_binary: bool, packed: bool
) -> None:
    theirs = peer("gensim.models").KeyedVectors(5)
    theirs.add_vectors(NAMES, rows)
    path = tmp_path / ("vectors.gz" if packed else "vectors")
    theirs.save_word2vec_format(str(path), binary=is_binary)
    ours = Word2Vec(file=path)
    assert list(ours.itos) == theirs.index_to_key
    assert np.abs(ours.vectors.numpy() - theirs.vectors).max() < 1e-7
    assert (ours.vectors.numpy() == theirs.vectors).all() or not is_binary


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_line_feeds_between_rows(write: Write, rows: np.ndarray, between: bytes) -> None:
    found = Word2Vec(file=write(binary(NAMES, rows, between)))
    assert list(found.itos) == NAMES
    assert (found.vectors.numpy() == rows).all()


def test_rows_may_cross_read_blocks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(4).normal(size=(400, 5)).astype(np.float32)
    words = [f"w{i}" * (i % 30 + 1) for i in range(400)]
    monkeypatch.setattr(_binary, "_BLOCK", 64)
    found = Word2Vec(file=write(binary(words, vectors)), binary=True)
    assert list(found.itos) == words
    assert (found.vectors.numpy() == vectors).all()


def test_vector_that_looks_like_text(write: Write) -> None:
    first = np.frombuffer(b"\n0.5" + b"0 1\n" * 2, "<f4")[None]
    found = Word2Vec(file=write(binary(["the", "of"], np.concatenate([first, first]))))
    assert found.vectors.tolist() == np.concatenate([first, first]).tolist()


def test_binary_parameter_overrides_detection(write: Write, rows: np.ndarray) -> None:
    with pytest.raises(PluxelError, match="line 2"):
        Word2Vec(file=write(binary(NAMES, rows)), binary=False)
    with pytest.raises(PluxelError, match="does not begin with a line of its numbers of rows"):
        Word2Vec(file=write([b"the 0.1 0.2"]), binary=True)


def test_words_with_spaces_in_text(write: Write) -> None:
    found = Word2Vec(file=write([b"2 2", b"of course 0.5 1", b"the 2 3"]))
    assert list(found.itos) == ["of course", "the"]


def test_text_file_without_a_header(write: Write) -> None:
    assert Word2Vec(file=write([b"the 0.5 1", b"of 2 3"])).vectors.tolist() == [[0.5, 1], [2, 3]]


def test_damaged_text_line_is_named(write: Write) -> None:
    with pytest.raises(PluxelError, match=r"line 2: expected 3 numbers, found 2: 'the 0.1 x"):
        Word2Vec(file=write([b"2 3", b"the 0.1 x 0.3", b"of 0.1 0.2 0.3"]))


def test_truncated_files_raise(write: Write, rows: np.ndarray) -> None:
    whole = binary(NAMES[:2], rows[:2])
    for cut in range(len(whole)):
        with pytest.raises(PluxelError):
            Word2Vec(file=write(whole[:cut]), binary=True)
    assert len(Word2Vec(file=write(whole), binary=True)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2 5\nthe " + bytes(20) + b"of " + bytes(19), "row 1, byte 31: its vector is truncated"),
        (b"2 2\nthe " + bytes(8) + b"of" * 9, "row 1, byte 16: no space ends its word"),
        (
            b"2 2\nthe " + bytes(8) + b"longword " + bytes(7),
            "row 1, byte 25: its vector is truncated",
        ),
        (b"1 2\nthe " + bytes(8) + b"more", "row 0, byte 16: the header states no more rows"),
        (
            b"1000000000000 300\nthe " + bytes(1200),
            "1,000,000,000,000 rows of 300 numbers, but the",
        ),
        (b"0 300\n", "the header states 0 rows of 300 numbers"),
        (b"5 0\n", "the header states 5 rows of 0 numbers"),
        (b"-1 300\n", "does not begin with a line of its numbers of rows"),
        (
            b"1 1\nthe " + struct.pack("<f", np.nan),
            "row 0 of 1: a value of the vector is not a fin",
        ),
        (b"", "does not begin with a line of its numbers of rows"),
        (
            b"9 9\nthe " + bytes(36),
            "the header states 9 rows of 9 numbers, but the file has 44 bytes",
        ),
    ],
    ids=range(11),
)
def test_malformed_files_raise(write: Write, content: bytes, message: str) -> None:
    path = write(content)
    with pytest.raises(PluxelError) as caught:
        Word2Vec(file=path, binary=True)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_hostile_header_in_an_archive_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(b"1000000000000 300\nthe " + bytes(1200)))
    with pytest.raises(PluxelError, match="row 1, byte"):
        Word2Vec(file=path, binary=True)


PHRASES = [
    "the",
    "new york",
    "of",
    "los angeles county",
    " the",
    "city",
    "on a",
    "日本 東京",
    "x y z",
]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dim", [4, 50])
def test_words_with_spaces_in_binary_files_of_gensim(
    tmp_path: Path, peer: Peer, dim: int, packed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = np.random.default_rng(5).normal(size=(len(PHRASES), dim)).astype(np.float32)
    theirs = peer("gensim.models").KeyedVectors(dim)
    theirs.add_vectors(PHRASES, vectors)
    path = tmp_path / ("vectors.gz" if packed else "vectors")
    theirs.save_word2vec_format(str(path), binary=True)
    caplog.clear()
    ours = Word2Vec(file=path)
    assert list(ours.itos) == PHRASES
    assert (ours.vectors.numpy() == vectors).all()
    assert not caplog.messages


@pytest.mark.parametrize("between", [b"", b"\n"])
@pytest.mark.parametrize("scale", [1, 0.01, 0])
def test_many_phrases(
    write: Write, monkeypatch: pytest.MonkeyPatch, between: bytes, scale: float
) -> None:
    random = np.random.default_rng(6)
    letters = [*"abcdefghé日", "1"]
    words = [
        " ".join("".join(random.choice(letters, random.integers(1, 9))) for _ in range(count))
        for count in random.choice([1, 1, 2, 3], 600)
    ]
    words = [*dict.fromkeys(words)]
    vectors = (random.normal(size=(len(words), 8)) * scale).astype(np.float32)
    monkeypatch.setattr(_binary, "_BLOCK", 1000)
    found = Word2Vec(file=write(binary(words, vectors, between)), binary=True)
    assert list(found.itos) == words
    assert (found.vectors.numpy() == vectors).all()


def test_tiny_and_huge_values_are_not_taken_for_words(write: Write) -> None:
    vectors = np.array([[1e-30, 1e30, 0, 0], [1, 2, 3, 4], [0, 1e-38, 0, 1]], np.float32)
    vectors[1, 1:] = np.frombuffer(b" abc a b  ab", np.float32)
    found = Word2Vec(file=write(binary(["the", "of", "and"], vectors)), binary=True)
    assert list(found.itos) == ["the", "of", "and"]
    assert (found.vectors.numpy() == vectors).all()


def test_tabs_and_a_header_are_text(write: Write) -> None:
    found = Word2Vec(file=write([b"2\t3", b"of course\t0.5\t1\t2", b"the\t2 3 4"]))
    assert list(found.itos) == ["of course", "the"]
    assert found.vectors.tolist() == [[0.5, 1, 2], [2, 3, 4]]
    assert len(Word2Vec(file=write([b"1 3", b"the\t2\t3\t4"], "one.txt"))) == 1
