"""Evaluation results against gensim and scipy on the same vectors, and file formats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import (
    AnalogyScores,
    PairScores,
    Tally,
    WordSearch,
    WordVectors,
    evaluate,
)
from pluxel.core.embeddings._evaluation import _correlation, _ranks
from pluxel.registry import PluxelError
from scipy import stats
from torch import Tensor

Peer = Callable[[str], Any]
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "set.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def search() -> WordSearch:
    """a, b, c and d in the plane, at 0, 30, 60 and 90 degrees; then A at 45."""
    angles = np.deg2rad([0, 30, 60, 90, 45])
    rows = torch.tensor(np.column_stack([np.cos(angles), np.sin(angles)]), dtype=torch.float32)
    return WordSearch(WordVectors(["a", "b", "c", "d", "A"], rows))


@pytest.fixture(scope="session")
def sets(peer: Peer) -> Path:
    """The folder of the sets that gensim includes."""
    return Path(peer("gensim").__file__).parent / "test" / "test_data"


def test_wordsim(glove: WordVectors, sets: Path) -> None:
    scores = evaluate(sets / "wordsim353.tsv", WordSearch(glove))
    assert isinstance(scores, PairScores)
    assert (round(scores.spearman, 6), round(scores.pearson, 6)) == (0.503320, 0.506619)
    assert (scores.used, scores.total) == (353, 353)


def test_simlex_and_a_restriction(glove: WordVectors, sets: Path) -> None:
    scores = evaluate(sets / "simlex999.txt", WordSearch(glove), first=300_000)
    assert isinstance(scores, PairScores)
    assert (round(scores.spearman, 6), round(scores.pearson, 6)) == (0.263060, 0.292269)
    assert (scores.used, scores.total) == (998, 999)


def test_analogies_equal_gensims(glove: WordVectors, sets: Path, write: Write, peer: Peer) -> None:
    """The most frequent words and some questions of each section; a benchmark covers all."""
    models = peer("gensim.models")
    count = 20_000
    lines = (sets / "questions-words.txt").read_text().splitlines()
    sections = [i for i, line in enumerate(lines) if line.startswith(":")]
    some = [line for i in sections for line in lines[i : i + 12]]
    path = write("\n".join(some) + "\n")
    theirs = models.KeyedVectors(50)
    theirs.add_vectors(glove.itos[:count], glove.vectors[:count].numpy())
    accuracy, parts = theirs.evaluate_word_analogies(str(path), restrict_vocab=count)
    scores = evaluate(path, WordSearch(glove), first=count)
    assert isinstance(scores, AnalogyScores)
    assert scores.total.accuracy == pytest.approx(accuracy, abs=1e-9)
    for part in parts[:-1]:
        right, wrong = len(part["correct"]), len(part["incorrect"])
        assert scores.sections[part["section"]][:2] == (right, right + wrong)
    assert scores.total.total == 11 * len(sections) == 154
    assert [*scores.parts] == ["semantic", "syntactic"]
    assert scores.parts["syntactic"].total == 9 * 11


def test_pairs_equal_gensims_where_capitals_differ(write: Write, peer: Peer) -> None:
    models = peer("gensim.models")
    random = np.random.default_rng(0)
    names = ["Apple", "apple", "PEAR", "pear", "plum", "Straße", "fig"]
    rows = random.normal(size=(len(names), 5)).astype(np.float32)
    theirs = models.KeyedVectors(5)
    theirs.add_vectors(names, rows)
    path = write("APPLE\tpear\t3\nplum\tPlum\t9\nstrasse\tfig\t1\nnone\tfig\t2\nfig\tpear\t3\n")
    pearson, spearman, missing = theirs.evaluate_word_pairs(str(path))
    scores = evaluate(path, WordSearch(WordVectors(names, torch.from_numpy(rows))))
    assert isinstance(scores, PairScores)
    assert scores.spearman == pytest.approx(spearman[0], abs=1e-9)
    assert scores.pearson == pytest.approx(pearson[0], abs=1e-6)
    assert 100 * (1 - scores.used / scores.total) == pytest.approx(missing)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1)), min_size=2, max_size=30))
def test_correlations_are_scipys(values: list[tuple[int, float]]) -> None:
    one, other = ([float(v) for v in column] for column in zip(*values, strict=True))
    if min(np.ptp(one), np.ptp(other)) < 1e-3:
        return  # scipy warns
    ranked = _correlation(_ranks(one), _ranks(other))
    assert ranked == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-9)
    assert _correlation(one, other) == pytest.approx(stats.pearsonr(one, other)[0], abs=1e-9)


FORMATS = {
    "gensim's": "# comment\na\tb\t9\na\tc\t5\na\td\t1\n",
    "WordSim-353, table": "Word 1,Word 2,Human (mean)\na,b,9\na,c,5.0\na,d,1\n",
    "WordSim-353, tabs": "Word 1\tWord 2\tHuman (mean)\na\tb\t9\na\tc\t5\na\td\t1\n",
    "SimLex-999": (
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\na\tb\tA\t9\t1\na\tc\tN\t5\t9\na\td\tV\t1\t5\n"
    ),
    "rare words": "a\tb\t9\t9\t8\t7\na\tc\t5\t1\t1\t1\na\td\t1\t10\t10\t10\n",
    "spaces": "a b 9\na c 5\na d 1",
    "Windows": "\ufeffa\tb\t9\r\na\tc\t5\r\n\r\na\td\t1\r\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_pairs(search: WordSearch, write: Write, name: str) -> None:
    scores = evaluate(write(FORMATS[name]), search)
    assert isinstance(scores, PairScores)
    assert scores.spearman == pytest.approx(1)
    assert scores.pearson == pytest.approx(
        np.corrcoef([9, 5, 1], np.cos([np.pi / 6, np.pi / 3, np.pi / 2]))[0, 1], abs=1e-6
    )
    assert (scores.used, scores.total) == (3, 3)


def test_unknown_words_are_skipped_and_counted(search: WordSearch, write: Write) -> None:
    scores = evaluate(write("a b 9\na zz 5\nc d 1\n"), search)
    assert isinstance(scores, PairScores)
    assert (scores.used, scores.total) == (2, 3)
    scores = evaluate(write(": family\na b c d\na b c zz\n: gram1\nb c a b\n"), search)
    assert scores == AnalogyScores({"family": Tally(1, 1, 2), "gram1": Tally(0, 1, 1)})
    assert isinstance(scores, AnalogyScores)
    assert scores.total == Tally(1, 2, 3)
    assert scores.total.accuracy == 0.5


def test_the_first_of_two_spellings_counts(search: WordSearch, write: Write) -> None:
    """`A`, at 45 degrees, equals `a` in uppercase, so it never answers a question about `a`."""
    scores = evaluate(write("A\td\t1\nA\tb\t2\n"), search)
    assert isinstance(scores, PairScores)
    assert scores.pearson == pytest.approx(1)
    scores = evaluate(write(": s\nb c a d\na b b c\n"), search)
    assert isinstance(scores, AnalogyScores)
    assert scores.sections["s"] == Tally(2, 2, 2)


def test_answers_come_from_the_first_words(write: Write) -> None:
    rows = torch.tensor([[1.0, 0], [0, 1], [-1, 0.1], [0, -1], [-1, 0]])
    search = WordSearch(WordVectors([*"abcde"], rows))
    for first, right in ((4, 1), (None, 0)):
        scores = evaluate(write(": s\na b c d\n"), search, first=first)
        assert scores == AnalogyScores({"s": Tally(right, 1, 1)})


def test_subwords_give_rare_words_vectors(write: Write) -> None:
    class Parts(WordVectors):
        has_subwords = True

        def known(self, word: str) -> Tensor | None:
            found = super().known(word)
            return (
                torch.tensor([1.0, 1.0]) if found is None and self.unknown == "subword" else found
            )

    rows, path = torch.eye(2), write("x y 1\nx zz 3\n")
    for unknown, first, used in (
        ("subword", None, 2),
        ("subword", 1, 2),
        ("error", None, 1),
    ):
        scores = evaluate(path, WordSearch(Parts(["x", "y"], rows, unknown=unknown)), first=first)
        assert isinstance(scores, PairScores)
        assert scores.used == used
    with pytest.raises(PluxelError, match="no pair has all its words in the vocabulary"):
        evaluate(path, WordSearch(Parts(["x", "y"], rows)), first=1)


def test_correlation_of_one_pair_is_nan(search: WordSearch, write: Write) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = evaluate(write("a b 9\n"), search)
    assert isinstance(scores, PairScores)
    assert np.isnan(scores.spearman)
    assert np.isnan(scores.pearson)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file contains no pairs or questions\n  note: the authors publish the sets"),
        ("# x\n\n", ": the file contains no pairs or questions"),
        (
            "a b 9\na b\n",
            ":2: expected two words and a score; an analogy file begins with a ': section' line",
        ),
        ("a b 9\na b nan\n", ":2: expected two words and a score"),
        ("a b 9\n\na b nine\n", ":3: expected two words and a score"),
        ("x y 9\n", ": no pair has all its words in the vocabulary"),
        (": s\na b c\n", ":2: expected four words"),
        (": s\nx y z a\n", ": no question has all its words in the vocabulary"),
        (": s\n", ": no question has all its words in the vocabulary"),
    ],
)
def test_malformed_files_raise(search: WordSearch, write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(PluxelError) as caught:
        evaluate(path, search)
    assert str(caught.value).startswith(f"{path}{message}")


def test_unreadable_files_raise(search: WordSearch, tmp_path: Path) -> None:
    with pytest.raises(PluxelError, match=r"cannot read .*none\.txt: No such file") as caught:
        evaluate(tmp_path / "none.txt", search)
    assert "gensim/test/test_data" in str(caught.value)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"a\xff b 3\n")
    with pytest.raises(PluxelError, match="is not UTF-8 text"):
        evaluate(binary, search)
