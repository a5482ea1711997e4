"""The words in a name: ``traffic light``, ``traffic-light``, ``TrafficLight``, ``signsymbol``."""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections.abc import Mapping

from ..common.logs import log_once

_BOUNDARY = re.compile(r" +|(?<=[^\W\d_])(?=\d)|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Spaces; a digit after a letter; a capital after a lowercase letter; a capital that begins a word
(``TVMonitor``)."""

_SEPARATORS = frozenset(" -_/.,;:()[]|")
"""Characters that only separate words."""

_SHORTEST = 2
_MOST = 3
"""Fewest letters of each part of a run-together word, and most parts."""

_LONGEST = 64
"""Most letters of a run-together word: the time to split it grows with the third power."""


def split_phrase(text: str, stoi: Mapping[str, int], *, run_together: bool = False) -> list[str]:
    """Return the words of a name, each as the vocabulary spells it.

    A text that is in the vocabulary, as spelled or in lowercase, stays whole. Any other text is
    split at capitals, digits, and characters other than letters and their marks (accents, vowel
    signs). If a character is dropped that may have a meaning, as in ``C#``, the log says what the
    text is taken for. With ``run_together``, a part that
    is not in the vocabulary is split into the two or three words that are most frequent together:
    vocabularies list words by frequency, and by Zipf's law the logarithm of a word's rank is its
    cost. A part that remains unknown is returned unchanged.
    """
    if (whole := spelled(text, stoi)) is not None:
        return [whole]
    found: list[str] = []
    letters = "".join(char if _belongs_to_word(char) else " " for char in normalized(text))
    for part in filter(None, _BOUNDARY.split(letters)):
        known = spelled(part, stoi)
        cut = run_together and len(part) <= _LONGEST
        pieces = likeliest_cut(part.lower(), stoi) if known is None and cut else None
        found += pieces or [known if known is not None else part]
    dropped = {*text} - {*letters} - _SEPARATORS
    if found and any(not char.isspace() and not _belongs_to_word(char) for char in dropped):
        log_once(logging.WARNING, f"{text!r} is not in the vocabulary; taken for {found}")
    return found or [text]


def normalized(text: str) -> str:
    """Return a text with each accent and its letter as one character, as vocabularies have it.

    Names of files on macOS have them apart.
    """
    return unicodedata.normalize("NFC", text)


def _belongs_to_word(char: str) -> bool:
    """Return whether a character is a letter, a digit, a mark of a letter, or joins letters."""
    return char.isalnum() or unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}


def spelled(word: str, stoi: Mapping[str, int]) -> str | None:
    """Return a word as the vocabulary spells it: as given, else in lowercase, else None."""
    forms = (word, normalized(word), normalized(word.lower()))
    return next((form for form in forms if form in stoi), None)


def likeliest_cut(
    word: str,
    stoi: Mapping[str, int],
    *,
    most: int = _MOST,
    shortest: int = _SHORTEST,
    rarest: float = math.inf,
) -> list[str] | None:
    """Return the likeliest split of ``word`` into words, or None.

    The split has two to ``most`` words. Each has at least ``shortest`` letters and is among the
    first ``rarest`` words of the vocabulary.
    """
    best: tuple[float, list[str]] = (math.inf, [])

    def cost(parts: list[str]) -> float:
        return sum(math.log(stoi[part] + 2) for part in parts)

    for place in range(shortest, len(word) - shortest + 1):
        head, tail = word[:place], word[place:]
        if stoi.get(head, math.inf) >= rarest:
            continue
        rests = [[tail]] if stoi.get(tail, math.inf) < rarest else []
        fewer = most - 1
        if fewer > 1 and (
            more := likeliest_cut(tail, stoi, most=fewer, shortest=shortest, rarest=rarest)
        ):
            rests.append(more)
        for rest in rests:
            best = min(best, (cost([head, *rest]), [head, *rest]))
    return best[1] or None
