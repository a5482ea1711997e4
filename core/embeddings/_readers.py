"""Which embedding reads a file: by the suffixes that the components declare, then by its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...registry import Component, Host, PluxelError
from ..contracts.offers import offering, offers
from ..contracts.optional import DeclaresSuffixes, RecognizesFiles

Declared = tuple[Component, DeclaresSuffixes]

_HEAD = 64
"""Bytes at the beginning of a file by which it is recognized."""


def reader_of(host: Host, path: Path) -> Component:
    """Return the embedding that reads files like this one.

    The file is opened only if several embeddings declare its suffix.

    Raises: PluxelError if no embedding declares the suffix, if not exactly one of several
    recognizes the file, or if the file cannot be read.
    """
    declared = [*offering(host, "embedding", DeclaresSuffixes)]
    found = [(one, made) for one, made in declared if path.suffix in made.suffixes]
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


def _recognizing(embeddings: Sequence[Declared], head: bytes) -> list[Declared]:
    """Return the embeddings that recognize a file; if none does, those that cannot judge."""
    judging = [one for one in embeddings if offers(one[1], RecognizesFiles)]
    found = [one for one in embeddings if offers(one[1], RecognizesFiles) and one[1].sniff(head)]
    return found or [one for one in embeddings if one not in judging]


def _undecided(path: Path, reason: str) -> PluxelError:
    return PluxelError(f"'{path}': {reason}", ["--embedding names the embedding that reads it"])


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
