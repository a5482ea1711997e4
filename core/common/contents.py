"""Say what a file is when it is not what its reader expects."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

_HEAD = 1024
"""Bytes that decide."""

_BEGINNINGS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89HDF": "an HDF5 file",
    b"SQLite": "an SQLite database",
}
_BROKEN_DOWNLOAD = "the download probably failed: download the file again"


class Content(NamedTuple):
    """What a file is, such as ``a text file``, and what to do about it, if there is something."""

    what: str
    notes: tuple[str, ...] = ()


def recognized(path: Path) -> Content | None:
    """Return what a file is by its first bytes, or None if these do not tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head:
        return Content("an empty file", (_BROKEN_DOWNLOAD,))
    if head.startswith(b"version https://git-lfs"):
        return Content("a pointer of Git LFS", ("fetch the file with git lfs pull",))
    for beginning, what in _BEGINNINGS.items():
        if head.startswith(beginning):
            notes = ("unpack it first",) if "packed" in what or "archive" in what else ()
            return Content(what, notes)
    return _recognized_text(head)


def _recognized_text(head: bytes) -> Content | None:
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    # The last character may be cut.
    text = head.decode(encoding, errors="ignore" if len(head) == _HEAD else "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or any(_is_binary(char) for char in text):
        return None
    if re.match(r"<(!doctype\s+html|html|head|body|\?xml)\b", lines[0], re.IGNORECASE):
        return Content("a web page", (_BROKEN_DOWNLOAD,))
    return Content(f"a text file that begins with {lines[0][:40]!r}")


def _is_binary(char: str) -> bool:
    return char == "\ufffd" or (unicodedata.category(char) == "Cc" and char not in "\t\n\r\f")
