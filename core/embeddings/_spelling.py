"""Words that a misspelled one may have been meant to be (after Norvig, 2007)."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from ._phrases import likeliest_cut
from ._vocabulary import Vocabulary

_LONGEST = 100
_OF_TWO = range(4, 13)
"""Letters of a word of which one slip is looked for, and two: twelve letters have 400,000 pairs of
slips, which take a second, and two slips make any word of two letters of any other."""

_FREQUENT = 50_000
_SHORTEST = 3
"""Rank and letters of words that one may have been run together of: rarer ones, and shorter ones,
make up every nonsense."""


def suggestions(word: str, vocabulary: Vocabulary, count: int = 3) -> list[str]:
    """Return the most frequent words one slip away, or two if there is none; at most ``count``.

    A slip is a letter too many, too few, another one, or two that changed places. Vocabularies list
    words by frequency. If there is none so near, two words that it may be run together of.
    """
    # Every single letter is one slip away from a sign.
    if len(word) > _LONGEST or not any(letter.isalnum() for letter in word):
        return []
    near = {slip for form in {word, word.lower()} for slip in _slips(form)}
    found = vocabulary.find_many(near)
    if not found and len(word) in _OF_TWO:
        found = vocabulary.find_many({further for one in near for further in _slips(one)})
    if found:
        return [vocabulary[place] for place in sorted(found)[:count]]
    stoi, small = vocabulary.stoi, word.lower()
    cut = likeliest_cut(small, stoi, most=2, shortest=_SHORTEST, rarest=_FREQUENT)
    return [" ".join(cut)] if cut else []


def _slips(word: str) -> Iterator[str]:
    letters = sorted({*ascii_lowercase, *word})
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in letters)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in letters)
