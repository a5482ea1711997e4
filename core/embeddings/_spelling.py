"""Suggestions for misspelled words (after Norvig, 2007)."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from ._phrases import likeliest_cut, normalized
from ._vocabulary import Vocabulary

_LONGEST = 100
_OF_TWO = range(4, 13)
"""Most letters of a word for which to try one slip, and the range for two. Twelve letters have
400,000 pairs of slips, which take a second; two slips turn any two-letter word into any other."""

_FREQUENT = 50_000
_SHORTEST = 3
"""Highest rank and fewest letters of the words in a run-together word: rarer and shorter words
would split any nonsense."""


def suggestions(word: str, vocabulary: Vocabulary, count: int = 3) -> list[str]:
    """Return the most frequent words one slip away, else two slips away; at most ``count``.

    A slip is an extra letter, a missing letter, a wrong letter, or two swapped letters.
    Vocabularies list words by frequency. If no word is that close, return the two words that
    ``word`` may join, separated by a space.
    """
    word = normalized(word)
    # Every single letter is one slip away from a punctuation mark.
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
