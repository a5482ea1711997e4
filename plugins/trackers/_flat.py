"""Names in the forms that dashboards accept."""

from __future__ import annotations

import re
from zlib import crc32

_LONGEST = 150
"""Bytes of a name: those of files have at most 255, and packages add numbers to them."""


def plain_name(name: str) -> str:
    """Return a name of letters, digits and ``_-. /``, which differs for different names."""
    parts = [re.sub(r"[^A-Za-z0-9_\-. ]", "_", part) for part in name.split("/")]
    plain = "/".join("_" if part.strip(". ") == "" else part for part in parts)
    return short_name(name) if plain == name else _numbered(plain, name)


def short_name(name: str) -> str:
    """Return a name that fits into a file name, which differs for different names."""
    return name if len(name.encode()) <= _LONGEST else _numbered(name, name)


def _numbered(text: str, name: str) -> str:
    """Return the beginning of a text with a number that stands for the whole name."""
    begin = text.encode()[:_LONGEST].decode(errors="ignore").rstrip("/ ")
    return f"{begin}-{crc32(name.encode()):08x}"
