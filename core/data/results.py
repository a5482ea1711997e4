"""Mark the pictures that prediction writes, so that nobody takes them for images by accident."""

from __future__ import annotations

from pathlib import Path

from PIL.PngImagePlugin import PngInfo

WRITTEN_BY = "pluxel predict"
"""The text in the PNG chunk and in the TIFF tag ``Software`` of results."""

INDEX, COLOR, OVERLAY, PROBABILITIES = FOLDERS = ("index", "color", "overlay", "prob")
"""Names of the kinds of results, and of the folders that prediction writes them into."""

_HEAD = 1 << 12
"""Bytes at the start of a PNG that include the mark, which follows the header."""


def png_mark() -> PngInfo:
    """Return the mark to save a PNG with."""
    mark = PngInfo()
    mark.add_text("Software", WRITTEN_BY)
    return mark


def is_result(path: Path, folder: Path) -> bool:
    """Return whether prediction wrote a picture that is somewhere below a folder.

    Pictures directly in the folder are not: somebody selected it, for example as masks to train on.
    """
    if {*FOLDERS}.isdisjoint(path.relative_to(folder).parts[:-1]):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if head.startswith(b"\x89PNG"):
        return f"Software\0{WRITTEN_BY}".encode() in head
    return head[:2] in (b"II", b"MM") and _software(path) == WRITTEN_BY


def _software(path: Path) -> str:
    """Return the tag Software of a TIFF; empty without one, or without the package to read it."""
    try:
        import tifffile  # noqa: PLC0415 - an extra

        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.tags.valueof("Software", ""))
    except Exception:  # noqa: BLE001 - the reader of the file reports what is wrong with it
        return ""
