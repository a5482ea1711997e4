"""Files of word vectors as they come: here or to be downloaded, plain or packed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile, is_zipfile

from ...core.embeddings import Download, fetch
from ...core.logs import logger
from ...core.weights import require_file
from ...registry import PluxelError


def source_file(
    file: Path | None, download: Download | None, *, cache: Path | None, permitted: bool
) -> Path:
    """Return the file that is named, or else the published one.

    Raises: MissingWeights if it is not there, and may not be downloaded; PluxelError if that fails.
    """
    if file is not None:
        return require_file(file)
    if download is None:
        raise PluxelError("which vectors? 'file: …' names a file")
    return fetch(download, cache=cache, permitted=permitted)


@dataclass(frozen=True)
class Stream:
    """A file that is read once, from its beginning to its end.

    ``size``: its bytes, or None where only unpacking would tell. ``name``: what errors call it.
    """

    file: BinaryIO
    size: int | None
    name: str


@contextmanager
def unpacked_stream(path: Path, member: str = "") -> Iterator[Stream]:
    """Yield what is in a file, unpacked if it is a zip or gzip archive.

    ``member``: how the name of the file in a zip archive ends, where it holds several.

    Raises: PluxelError for a damaged archive, and for a member that there is not.
    """
    try:
        if is_zipfile(path):
            with ZipFile(path) as archive:
                name = _member(path, archive.namelist(), member)
                with archive.open(name) as file:
                    size = archive.getinfo(name).file_size
                    yield Stream(cast("BinaryIO", file), size, f"{path}/{name}")
        elif path.suffix == ".gz":
            with gzip.open(path) as file:
                yield Stream(cast("BinaryIO", file), None, str(path))
        else:
            with path.open("rb") as file:
                yield Stream(file, path.stat().st_size, str(path))
    except (BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise PluxelError(f"{path} is damaged: {error}") from error
    except OSError as error:  # gzip's own error is one
        raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error


def _member(path: Path, names: Sequence[str], member: str) -> str:
    files = [name for name in names if not name.endswith("/")]
    found = [name for name in files if name.endswith(member)]
    if len(found) != 1:
        wanted = f"'…{member}'" if member else "one file alone"
        raise PluxelError(f"{path} does not hold {wanted}, but {', '.join(files) or 'nothing'}")
    return found[0]


class Words:
    """Makes words of bytes; what is no UTF-8 becomes the replacement character, and is counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.replaced = 0

    def __call__(self, tokens: list[bytes]) -> list[bytes]:
        """Return words in valid UTF-8."""
        try:
            b"\n".join(tokens).decode()
        except UnicodeDecodeError:
            return [self._valid(token) for token in tokens]
        return tokens

    def _valid(self, token: bytes) -> bytes:
        valid = token.decode(errors="replace").encode()
        self.replaced += valid != token
        return valid

    def warn(self) -> None:
        """Tell of words that were not UTF-8, if there were any."""
        if self.replaced:
            logger.warning(
                "%s: %s words are not UTF-8; a replacement character stands for what is not",
                self.name,
                f"{self.replaced:,}",
            )
