"""Which embedding reads a file: by the suffixes that the components declare, then by its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...registry import Component, Host, PluxelError
from ..contracts.offers import offering, offers
from ..contracts.optional import DeclaresSuffixes, RecognizesFiles
from ._archives import PACKED, SeveralFiles, unpacked_stream

Declared = tuple[Component, DeclaresSuffixes]

_HEAD = 64
"""Bytes at the beginning of a file by which it is recognized."""


def reader_of(host: Host, path: Path) -> Component:
    """Return the embedding that reads files like this one.

    The suffix of a packed file is that of the file in it, if an embedding declares it. A file is
    opened only if it is packed, or if several embeddings declare its suffix.

    Raises: PluxelError if no embedding declares the suffix, if not exactly one of several
    recognizes the file, or if the file cannot be read.
    """
    declared = [*offering(host, "embedding", DeclaresSuffixes)]
    inner = _inner_name(path)
    found = _declaring(declared, inner) or _declaring(declared, path)
    if not found:
        known = ", ".join(sorted({suffix for _, made in declared for suffix in made.suffixes}))
        raise _undecided(path, f"unsupported file suffix; supported: {known}")
    if len(found) > 1:
        names = ", ".join(one.qualified for one, _ in found)
        found = _recognizing(found, _head_of(path))
        if len(found) != 1:
            number = "more than one" if found else "none"
            raise _undecided(path, f"{number} of the embeddings {names} recognizes it")
    return found[0][0]


def _declaring(declared: Sequence[Declared], path: Path) -> list[Declared]:
    return [(one, made) for one, made in declared if path.suffix.lower() in made.suffixes]


def _inner_name(path: Path) -> Path:
    """Return the name of the only file in a packed file, or else ``path``."""
    if path.suffix.lower() not in PACKED or not path.is_file():
        return path
    try:
        with unpacked_stream(path) as stream:
            return Path(stream.inner)
    except SeveralFiles:
        return path


def _recognizing(embeddings: Sequence[Declared], head: bytes) -> list[Declared]:
    """Return the embeddings that recognize a file; if none does, those that cannot judge."""
    judging = [one for one in embeddings if offers(one[1], RecognizesFiles)]
    found = [one for one in embeddings if offers(one[1], RecognizesFiles) and one[1].sniff(head)]
    return found or [one for one in embeddings if one not in judging]


def _undecided(path: Path, reason: str) -> PluxelError:
    return PluxelError(f"'{path}': {reason}", ["--embedding names the embedding that reads it"])


def _head_of(path: Path) -> bytes:
    with unpacked_stream(path) as stream:
        return stream.file.read(_HEAD)
