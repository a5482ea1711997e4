"""The words in a name: ``traffic light``, ``traffic-light``, ``TrafficLight``, ``signsymbol``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_BOUNDARY = re.compile(r"[\W_]+|(?<=[^\W\d_])(?=\d)|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Characters other than letters and digits; a digit after a letter; a capital after a lowercase
letter; a capital that begins a word (``TVMonitor``)."""

_SHORTEST = 2
_MOST = 3
"""Fewest letters of each part of a run-together word, and most parts."""

_LONGEST = 64
"""Most letters of a run-together word: the time to split it grows with the third power."""


def split_phrase(text: str, stoi: Mapping[str, int], *, run_together: bool = False) -> list[str]:
    """Return the words of a name, each as the vocabulary spells it.

    A text that is in the vocabulary, as spelled or in lowercase, stays whole. Any other text is
    split at spaces, hyphens, underscores, capitals and digits. With ``run_together``, a part that
    is not in the vocabulary is split into the two or three words that are most frequent together:
    vocabularies list words by frequency, and by Zipf's law the logarithm of a word's rank is its
    cost. A part that remains unknown is returned unchanged.
    """
    if (whole := spelled(text, stoi)) is not None:
        return [whole]
    found: list[str] = []
    for part in filter(None, _BOUNDARY.split(text)):
        known = spelled(part, stoi)
        cut = run_together and len(part) <= _LONGEST
        pieces = likeliest_cut(part.lower(), stoi) if known is None and cut else None
        found += pieces or [known if known is not None else part]
    return found or [text]


def spelled(word: str, stoi: Mapping[str, int]) -> str | None:
    """Return a word as the vocabulary spells it: as given, else in lowercase, else None."""
    return next((form for form in (word, word.lower()) if form in stoi), None)


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
