"""Agreement of word vectors with human judgment: rated word pairs, and analogies.

The evaluation sets are text files from their authors. The results equal those of gensim's
``evaluate_word_pairs`` and ``evaluate_word_analogies``. Words are compared in uppercase; if several
words are equal in uppercase, the most frequent one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.numerics import finite_or_none, unit_vectors
from ._queries import Query, WordSearch

WHERE_SETS_ARE = """\
the authors publish the sets as files: WordSim-353 (Finkelstein et al. 2002), SimLex-999 (Hill, \
Reichart & Korhonen 2015), rare words (Luong, Socher & Manning 2013), questions-words.txt \
(Mikolov et al. 2013); the package gensim includes wordsim353.tsv, simlex999.txt and \
questions-words.txt in gensim/test/test_data"""
"""Where to get the evaluation sets."""

_NAMED_SCORE = "SimLex999"
"""The header of the score column; without it, the third column is the score."""

_TOP = 5
_BATCH = 1024


@dataclass(frozen=True)
class PairScores:
    """Correlation of cosines with human ratings, over the pairs that have vectors.

    ``spearman``, ``pearson``: correlations in [-1, 1], NaN if all values are equal. ``used``: the
    number of pairs with vectors, out of ``total``.
    """

    spearman: float
    pearson: float
    used: int
    total: int


class Tally(NamedTuple):
    """Counts of questions: answered ``right``, ``used`` (all words have vectors), and ``total``."""

    right: int = 0
    used: int = 0
    total: int = 0

    @property
    def accuracy(self) -> float:
        """The share of used questions answered right; NaN if none was used."""
        return self.right / self.used if self.used else float("nan")

    def plus(self, other: Tally) -> Tally:
        """Return the sum of both."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class AnalogyScores:
    """``sections``: the tally of each section of the file."""

    sections: Mapping[str, Tally]

    @property
    def parts(self) -> dict[str, Tally]:
        """Semantic and syntactic totals (Mikolov et al. 2013); empty unless the set has both."""
        parts = {
            part: _sum(t for name, t in self.sections.items() if name.startswith("gram") == syntax)
            for part, syntax in (("semantic", False), ("syntactic", True))
        }
        return parts if all(part.total for part in parts.values()) else {}

    @property
    def total(self) -> Tally:
        """The total over all sections."""
        return _sum(self.sections.values())


def evaluate(
    path: Path, search: WordSearch, *, first: int | None = None
) -> PairScores | AnalogyScores:
    """Evaluate word vectors on a set of pairs or analogies; the file content decides which.

    Pairs: two words and a score a line, separated by tabs, commas or spaces; a header and further
    columns are allowed. Analogies: four words a line, below a ``: section`` line. Lines that begin
    with ``#`` are comments. ``first``: use only this many words of the vocabulary.

    Raises: PluxelError if the file cannot be read, if a line is malformed (with its number), and
    if no pair or question has vectors.
    """
    lines = list(_lines(path))
    known = _Known(search, first, {word.upper() for line in lines for word in line.words})
    if lines[0].text.startswith(":"):
        return _analogies(lines, known, path)
    return _pairs(lines, known, path)


class _NumberedLine(NamedTuple):
    number: int
    text: str

    @property
    def words(self) -> list[str]:
        return self.columns[:4]

    @property
    def columns(self) -> list[str]:
        """The columns, separated by tabs, else by commas, else by white space."""
        separator = next((mark for mark in "\t," if mark in self.text), None)
        return [column.strip() for column in self.text.split(separator)]


class _Known:
    """The words of a set that have a vector.

    ``places``: the row of each such word, by the word in uppercase.
    """

    def __init__(self, search: WordSearch, first: int | None, wanted: set[str]) -> None:
        self.search, self.first = search, first
        self.places: dict[str, int] = {}
        for place, word in enumerate(search.words.itos):
            if place == first:
                break
            if (capitals := word.upper()) in wanted:
                self.places.setdefault(capitals, place)

    def vector(self, word: str) -> Tensor | None:
        """Return the vector of a word, else the vector of its subwords, else None."""
        words, place = self.search.words, self.places.get(word.upper())
        if place is not None:
            return words.vectors[place]
        return words.known(word) if words.has_subwords and words.unknown == "subword" else None


def _lines(path: Path) -> Iterator[_NumberedLine]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PluxelError(
            f"cannot read {path}: {error.strerror or error}", [WHERE_SETS_ARE]
        ) from error
    except UnicodeDecodeError as error:
        raise PluxelError(f"{path} is not UTF-8 text", [WHERE_SETS_ARE]) from error
    lines = [
        _NumberedLine(number, line)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise PluxelError(f"{path}: the file contains no pairs or questions", [WHERE_SETS_ARE])
    return iter(lines)


def _pairs(lines: Sequence[_NumberedLine], known: _Known, path: Path) -> PairScores:
    header = lines[0].columns
    score = header.index(_NAMED_SCORE) if _NAMED_SCORE in header else 2
    if len(header) > score and _number(header[score]) is None:
        lines = lines[1:]
    ratings, cosines = [], []
    for line in lines:
        columns = line.columns
        value = _number(columns[score]) if len(columns) > score else None
        if value is None:
            raise PluxelError(
                f"{path}:{line.number}: expected two words and a score; "
                "an analogy file begins with a ': section' line"
            )
        one, other = (known.vector(word) for word in columns[:2])
        if one is not None and other is not None:
            ratings.append(value)
            cosines.append(_cosine(one, other))
    _require_some(ratings, "pair", path)
    return PairScores(
        _correlation(_ranks(ratings), _ranks(cosines)),
        _correlation(ratings, cosines),
        len(ratings),
        len(lines),
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return finite_or_none(value)


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(unit_vectors(one) @ unit_vectors(other))


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Return ranks, with ties averaged, for Spearman's coefficient."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[inverse]


def _correlation(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    if min(np.ptp(one), np.ptp(other)) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _analogies(lines: Sequence[_NumberedLine], known: _Known, path: Path) -> AnalogyScores:
    sections: dict[str, Tally] = {}
    asked: list[tuple[str, list[str]]] = []
    section = ""
    for line in lines:
        if line.text.startswith(":"):
            section = re.sub(r"^[: ]+", "", line.text).strip()
            sections.setdefault(section, Tally())
            continue
        words = [word.upper() for word in line.text.split()]
        if len(words) != 4:
            raise PluxelError(f"{path}:{line.number}: expected four words")
        is_known = all(word in known.places for word in words)
        sections[section] = sections[section].plus(Tally(0, int(is_known), 1))
        if is_known:
            asked.append((section, words))
    _require_some(asked, "question", path)
    for (section, words), found in zip(asked, _answers([w for _, w in asked], known), strict=True):
        sections[section] = sections[section].plus(Tally(int(found == words[3])))
    return AnalogyScores(sections)


def _answers(questions: Sequence[Sequence[str]], known: _Known) -> Iterator[str]:
    """Yield the word nearest to b − a + c in uppercase, never one of the three in any case."""
    vectors = known.search.words.vectors
    count = len(known.search.words) if known.first is None else known.first
    for start in range(0, len(questions), _BATCH):
        batch = questions[start : start + _BATCH]
        places = torch.tensor([[known.places[word] for word in one[:3]] for one in batch])
        unit = unit_vectors(vectors[places])
        targets = unit[:, 1] - unit[:, 0] + unit[:, 2]
        queries = [
            Query(target, tuple(own)) for target, own in zip(targets, places.tolist(), strict=True)
        ]
        k = max(1, min(_TOP, count - 3))
        for words, found in zip(
            batch, known.search.nearest(queries, k, first=known.first), strict=True
        ):
            capitals = [word.upper() for word, _ in found]
            yield next((word for word in capitals if word not in words[:3]), "")


def _sum(tallies: Iterable[Tally]) -> Tally:
    return reduce(Tally.plus, tallies, Tally())


def _require_some(found: Sequence[object], noun: str, path: Path) -> None:
    if not found:
        raise PluxelError(f"{path}: no {noun} has all its words in the vocabulary")
