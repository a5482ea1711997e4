"""Text files of word vectors: accepted variants, and errors with their line."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pluxel.core.authoring import word_text
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.registry import PluxelError

from .conftest import WORDS, lines_of

Peer = Callable[[str], Any]
Write = Callable[..., Path]


def test_words_and_numbers_round_trip_exactly(write: Write, vectors: np.ndarray) -> None:
    found = GloVe(file=write(lines_of(WORDS, vectors)))
    assert (list(found.itos), found.dim) == (WORDS, 4)
    assert (found.vectors.numpy() == vectors).all()


def with_tab(line: bytes, tabs: int = 1) -> bytes:
    """Put tabs in place of the first spaces behind the word of four numbers."""
    word, *numbers = line.rsplit(b" ", 4)
    return word + b"\t" + b" ".join(numbers).replace(b" ", b"\t", tabs - 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: b"\r\n".join(lines) + b"\r\n",
        b"\n".join,
        lambda lines: b" \n".join(lines) + b" \n",
        lambda lines: b"\n".join(lines) + b"\n\n\n",
        lambda lines: b"10 4\n" + b"\n".join(lines),
        lambda lines: b"10 4 \r\n" + b" \r\n".join(lines),
        lambda lines: b"\n".join(map(with_tab, lines)),
        lambda lines: b"10\t4\n" + b"\t\n".join(map(with_tab, lines)),
        lambda lines: b"\n".join(with_tab(line, 4) for line in lines),
        lambda lines: b"10 4\n" + b"\n".join(with_tab(line, 4) for line in lines),
        lambda lines: b"\n".join(b"   ".join(line.rsplit(b" ", 4)) for line in lines),
        lambda lines: b"\n".join([*lines[:5], *map(with_tab, lines[5:])]),
    ],
    ids=[
        *("crlf", "no last line feed", "spaces at ends", "empty lines", "header", "header, crlf"),
        *("tab after the word", "tab and header", "tabs", "tabs and header", "aligned columns"),
        "tabs in some lines",
    ],
)
def test_variants_of_the_format_give_the_same_vectors(
    write: Write, vectors: np.ndarray, change: Callable[[list[bytes]], bytes]
) -> None:
    found = GloVe(file=write(change(lines_of(WORDS, vectors))))
    assert list(found.itos) == WORDS
    assert (found.vectors.numpy() == vectors).all()


TOKENS = st.text(
    st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=12
).filter(lambda text: text[-1] not in " \t" or (text.isspace() and " " not in text))


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(TOKENS, min_size=2, max_size=12, unique=True),
    dim=st.integers(2, 5),
    seed=st.integers(0, 99),
)
@example(words=[". . .", "at name@domain.com", "\x85", "\u00a0", "1", "-0.5 0.5"], dim=3, seed=0)
def test_words_may_contain_anything_but_line_feeds_and_spaces_at_their_end(
    tmp_path: Path, words: list[str], dim: int, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(len(words), dim)).astype(np.float32)
    path = tmp_path / "any.txt"
    path.write_bytes(b"%d %d\n" % vectors.shape + b"\n".join(lines_of(words, vectors)))
    found = GloVe(file=path)
    assert list(found.itos) == words
    assert (found.vectors.numpy() == vectors).all()


def test_many_blocks_equal_one(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32)
    words = [f"word{i} of two" if i % 7 == 0 else f"word{i}" for i in range(500)]
    monkeypatch.setattr(word_text, "_BLOCK", 100)
    found = GloVe(file=write(lines_of(words, vectors)), dim=3)
    assert list(found.itos) == words
    assert (found.vectors.numpy() == vectors).all()


def test_repeated_words_are_dropped_and_counted(
    write: Write, vectors: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    lines = lines_of(WORDS, vectors)
    found = GloVe(file=write([*lines, lines[0][:3] + lines[1][7:], *lines[2:4]]))
    assert list(found.itos) == WORDS
    assert (found.vectors.numpy() == vectors).all()
    assert found.store.metadata["duplicates"] == "3"
    assert "repeated words: 3; only the first of each counts" in caplog.text


def test_invalid_utf_8_is_replaced_and_counted(
    write: Write, vectors: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    found = GloVe(file=write([b"caf\xe9 1 2 3", b"the 1 2 3", b"na\xefve \xff 1 2 3"]), dim=3)
    assert list(found.itos) == ["caf\ufffd", "the", "na\ufffdve \ufffd"]
    assert (
        "words that are not valid UTF-8: 2; invalid bytes became replacement characters (\\ufffd); "
        "the first is line 1: 'caf\ufffd'; if the file has another encoding, set it, such as "
        "'encoding: cp1252'"
    ) in caplog.text


@pytest.mark.parametrize("lines", [[b" 1 1 1", b"\t2 2 2"], [b"3 2", b" 1 1", b"of 2 2", b" 3 3"]])
def test_rows_without_a_word_are_left_out_and_counted(
    write: Write, caplog: pytest.LogCaptureFixture, lines: list[bytes]
) -> None:
    is_short = len(lines) == 4
    found = GloVe(file=write(lines if is_short else [b"the 4 5 6", *lines]))
    assert list(found.itos) == (["of"] if is_short else ["the"])
    assert found.vectors.tolist() == ([[2, 2]] if is_short else [[4, 5, 6]])
    assert (found.store.metadata["empty"], found.store.metadata["duplicates"]) == ("2", "0")
    assert re.search(r"rows without a word: 2, left out; the first is .*, line 2\n", caplog.text)


def test_gensim_reads_the_same(write: Write, vectors: np.ndarray, peer: Peer) -> None:
    words = [word for word in WORDS if not re.search(r"\s", word)]
    path = write([b"%d 4" % len(words), *lines_of(words, vectors[: len(words)])])
    theirs = peer("gensim.models").KeyedVectors.load_word2vec_format(path)
    ours = GloVe(file=path)
    assert list(ours.itos) == theirs.index_to_key
    assert (ours.vectors.numpy() == theirs.vectors).all()


GOOD = [b"the 0.1 0.2 0.3", b"of 0.4 0.5 0.6"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ([*GOOD, b"and 0.7 0.8"], "line 3: expected 3 numbers, found 2: 'and 0.7 0.8'"),
        ([*GOOD, b"and"], "line 3: expected 3 numbers, found 0: 'and'"),
        (
            [*GOOD, b"and 0.7 x 0.9", GOOD[0]],
            "line 3: expected 3 numbers, found 2: 'and 0.7 x 0.9'",
        ),
        # Missing numbers on one line must not cancel out extra numbers on another.
        (
            [*GOOD, b"and 0.7  0.9", b"to 0.1\t0.2 0.3 0.4"],
            "line 3: expected 3 numbers, found 2: 'and 0.7  0.9'",
        ),
        ([*GOOD, b"and 0.7 nan 0.9"], "line 3: a value of the vector is not a finite number"),
        ([*GOOD, b"and 0.7 1e39 0.9"], "line 3: a value of the vector is not a finite number"),
        ([*GOOD, b"and 0.7 0x1 0.9"], "line 3: expected 3 numbers, found 2"),
        (
            [b"the 0.1", b"of 0.2"],
            "line 1 has only one number; a file of one dimension needs a header",
        ),
        ([b"no vectors in here"], "line 1 is not a word with numbers: 'no vectors in here'"),
        ([b"3 3", *GOOD], "the header says 3 rows, but the file has 2"),
        ([b"1 3", *GOOD], "the header says 1 rows, but the file has 2"),
        ([b"2 4", *GOOD], "line 2: expected 4 numbers, found 3"),
        ([b"0 3"], "the header says 0 rows of 3 numbers, but the file has 4 bytes"),
        (
            [b"1000000000000 300", *GOOD],
            "the header says 1,000,000,000,000 rows of 300 numbers, but the file has 49 bytes",
        ),
        ([b"9" * 5000 + b" 3", *GOOD], "rows of 3 numbers, but the file has"),
        (b"x" * 40_000_000, "line 1 does not end; is it a text file?"),
        # A damaged first number becomes part of the word, so check it on every line.
        ([b"the 0.x 0.2 0.3", *GOOD], "line 2: more than the 2 numbers of line 1: 'the 0.1 0.2"),
        ([b"the0.1 0.2 0.3", *GOOD], "line 2: more than the 2 numbers of line 1: 'the 0.1 0.2"),
        ([b"2 2", *GOOD], "line 2: more than the 2 numbers of the header: 'the 0.1 0.2 0.3'"),
        (
            [b"the 1 2 3 4", b"of 1 2 3 4and 1 2 3 4", b"to 1 2 3 4"],
            "line 2: expected 4 numbers, found 7: 'of 1 2 3 4and 1 2 3 4'",
        ),
        ([b"the\t0.1 0.2", b"of\t0.4"], "line 2: expected 2 numbers, found 1: 'of\t0.4'"),
        (
            [b"the,0.1,0.2", b"of,0.4,0.5"],
            "'the,0.1,0.2'; separate a word and its numbers by spaces or tabs, not by commas",
        ),
        (
            "the 0.1 0.2\n".encode("utf-16"),
            "the file is UTF-16: convert it to UTF-8, for example with iconv",
        ),
        (b"\xff\xd8\xff\xe0 no text", "no text'; is it a text file?"),
        (
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'",
            "; the embedding 'table' reads files that begin like this one",
        ),
        (
            b'\x40\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}',
            "; the embedding 'table' reads files that begin like this one",
        ),
        (
            b"\xba\x16\x4f\x2f\x0c\0\0\0",
            "; the embedding 'fasttext' reads files that begin like this one",
        ),
        (
            b"2 2\nthe \xcd\xcc\xcc\x3d\xcd\xcc\x4c\x3e\nof \x9a\x99\x99\x3e\xcd\xcc\xcc\x3e",
            "; the embedding 'word2vec' reads files that begin like this one",
        ),
    ],
    ids=range(29),
)
def test_malformed_files_raise(write: Write, content: bytes | list[bytes], message: str) -> None:
    path = write(content)
    tracemalloc.start()
    with pytest.raises(PluxelError) as caught:
        GloVe(file=path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert peak < 2e8


def test_few_words_may_end_in_a_number(write: Write) -> None:
    path = write([b"New 7 0.1 0.2", *(b"word%d 0.1 0.2" % i for i in range(2))])
    with pytest.raises(PluxelError, match=r"line 2: expected 3 numbers, found 2"):
        GloVe(file=path)
    assert GloVe(file=path, dim=2).itos[0] == "New 7"


def test_words_that_end_in_a_number_are_counted(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write([*(b"word%d 0.1 0.2" % i for i in range(5)), b"x 1 2 3", b"New 7 1 2"])
    assert list(GloVe(file=path).itos)[5:] == ["x 1", "New 7"]
    assert caplog.messages == [
        f"{path}: words that end in a space and a number: 2; do these lines have an extra "
        "number? The first is line 6: 'x 1 2 3'"
    ]


def test_byte_order_mark_is_dropped(write: Write) -> None:
    for lines in (GOOD, [b"2 3", *GOOD]):
        assert list(GloVe(file=write(b"\xef\xbb\xbf" + b"\n".join(lines))).itos) == ["the", "of"]


def test_one_dimension_with_a_header(write: Write) -> None:
    assert GloVe(file=write([b"2 1", b"the 0.5", b"of -1"])).vectors.tolist() == [[0.5], [-1]]


def test_late_line_is_named(write: Write) -> None:
    lines = [b"word%d 0.25 0.5" % i for i in range(212_400)]
    lines[212_344] = b"word212344 0.25"
    with pytest.raises(PluxelError, match=r"line 212,345: expected 2 numbers, found 1"):
        GloVe(file=write(lines))


def test_malformed_file_leaves_no_store(write: Write, cache: Path) -> None:
    with pytest.raises(PluxelError):
        GloVe(file=write([*GOOD, b"and 0.7"]))
    assert [*cache.glob("*.safetensors"), *cache.glob(".*")] == []


@pytest.mark.slow
def test_memory_is_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_text, "_BLOCK", 1 << 16)
    path = write([b"%d " % i + b"0.125 " * 300 for i in range(4000)])
    tracemalloc.start()
    found = GloVe(file=path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.vectors.nbytes == 4_800_000
    assert peak < 4_000_000


MIXED = ["zu\u0308rich-caf\u00e9", "z\u00fcrich-cafe\u0301", "zu\u0308rich-cafe\u0301"]


@pytest.mark.parametrize("text", [*MIXED, MIXED[0].capitalize()])
@pytest.mark.parametrize("kept", MIXED)
def test_words_may_have_accents_of_both_kinds(write: Write, kept: str, text: str) -> None:
    found = GloVe(file=write([b"the 1 2 3", f"{kept} 4 5 6".encode()]))
    assert found[text].tolist() == [4, 5, 6]
    assert found.name_vector(text).tolist() == [4, 5, 6]
    assert found.get_vecs_by_tokens(text, lower_case_backup=True).tolist() == [4, 5, 6]


@pytest.mark.parametrize("text", ["Zürich", "Zu\u0308rich", "zürich", "zu\u0308rich"])
@pytest.mark.parametrize("kept", ["zürich", "zu\u0308rich"])
def test_words_may_have_composed_or_decomposed_accents(write: Write, kept: str, text: str) -> None:
    found = GloVe(file=write([b"the 1 2 3", f"{kept} 4 5 6".encode()]))
    assert found[text].tolist() == [4, 5, 6]
    assert found.name_vector(text).tolist() == [4, 5, 6]
    assert found.get_vecs_by_tokens(text, lower_case_backup=True).tolist() == [4, 5, 6]
