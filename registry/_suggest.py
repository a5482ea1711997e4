"""Wording that all messages share: suggestions and articles."""

from __future__ import annotations

from collections.abc import Iterable


def suggest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice nearest to a misspelled ``word``, or None if none is near.

    Case and hyphens do not count. A word that is the beginning of exactly one choice matches it.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    folded = {_fold(choice): choice for choice in choices}
    near = get_close_matches(_fold(word), folded, n=1)
    if not near and word:
        near = [key for key in folded if key.startswith(_fold(word))]
    return folded[near[0]] if len(near) == 1 else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` with its leading space, or an empty string if none is near."""
    near = suggest(word, choices)
    return f" Did you mean {near!r}?" if near else ""


def article(noun: str) -> str:
    """Return the noun with its indefinite article: ``a loss``, ``an optimizer``."""
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"


def _fold(word: str) -> str:
    return word.lower().replace("-", "_")
