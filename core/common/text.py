"""Phrases of messages."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 image``, ``2,000 images``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
