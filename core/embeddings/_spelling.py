"""Words that a misspelt one may have been meant to be (after Norvig, 2007)."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from ._vocabulary import Vocabulary

_LONGEST = 100
_LONGEST_OF_TWO = 12
"""Letters of a word of which one slip, and two, are looked for: 12 letters have 400,000 pairs of
slips, which take a second."""


def suggestions(word: str, vocabulary: Vocabulary, count: int = 3) -> list[str]:
    """Return the most frequent words one slip away, or two if there is none; at most ``count``.

    A slip is a letter too many, too few, another one, or two that changed places. Vocabularies list
    words by frequency.
    """
    if not any(letter.isalnum() for letter in word):
        return []  # every single letter is one slip away from a sign
    forms = {word, word.lower()} if len(word) <= _LONGEST else set[str]()
    near = {slip for form in forms for slip in _slips(form)}
    found = vocabulary.find_many(near)
    if not found and len(word) <= _LONGEST_OF_TWO:
        found = vocabulary.find_many({further for one in near for further in _slips(one)})
    return [vocabulary[place] for place in sorted(found)[:count]]


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
