"""Open files of word vectors, plain or compressed, as one stream of bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from zipfile import (
    ZIP_BZIP2,
    ZIP_DEFLATED,
    ZIP_LZMA,
    ZIP_STORED,
    BadZipFile,
    ZipFile,
    ZipInfo,
)

from ...registry import PluxelError

_MAGIC = {
    ".zip": (b"PK\x03\x04", b"PK\x05\x06"),
    ".gz": (b"\x1f\x8b\x08",),
    ".bz2": tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)),
    ".xz": (b"\xfd7zXZ\x00",),
}
"""The first bytes of packed files, by suffix."""

PACKED = frozenset(_MAGIC)
"""Suffixes of packed files."""

_OPEN: dict[str, Callable[[BinaryIO], object]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}

_ENCRYPTED = 1
"""Flag bit of an encrypted entry in a .zip archive."""

_SYSTEM = frozenset(("__macosx", "thumbs.db", "desktop.ini"))
"""Names of files and folders that operating systems add to archives."""

_ABOUT = re.compile(
    r"readme.*|(licen[cs]e|copying|notice|citation|changelog|authors)([.-].*)?|"
    r".*\.(md|rst|pdf|html?|json|ya?ml|xml|bib|md5|sha256|py|sh)",
    re.IGNORECASE,
)
"""Names of files that describe the vectors."""


class SeveralFiles(PluxelError):  # noqa: N818 - the name describes the error
    """An archive has several files, and none was selected."""


class _DamagedError(Exception):
    """A packed file ends too early or is not valid."""


class Readable:
    """A binary file whose read errors name it.

    Its readers write a store at the same time, and would otherwise attribute the error to that.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``. Raises: PluxelError if reading fails."""
        return self._guarded(self._file.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Return the rest of the line, at most ``size`` bytes. Raises: PluxelError, as `read`."""
        return self._guarded(self._file.readline, size)

    def _guarded(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except OSError as error:
            if error.errno is None:  # from a decompressor, not from the system
                raise _DamagedError(error) from error
            raise PluxelError(f"cannot read {self._path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class ByteStream:
    """A file that is read once, from start to end.

    ``size``: in bytes, or None if it is unknown without unpacking. ``name``: shown in errors.
    ``inner``: the name of the unpacked file.
    """

    file: Readable
    size: int | None
    name: str
    inner: str


@contextmanager
def unpacked_stream(path: Path, member: str = "") -> Iterator[ByteStream]:
    """Yield the content of a file, unpacked if it is a .zip, .gz, .bz2 or .xz file.

    The first bytes of a file decide how it is packed, or else its suffix. ``member``: the end of
    the name of a file in a .zip archive; selects one of several files.

    Raises: PluxelError for a damaged archive, and if no single file matches ``member``.
    """
    broken = (_DamagedError, BadZipFile, EOFError, lzma.LZMAError, zlib.error, NotImplementedError)
    try:
        with _opened(path, member) as stream:
            yield stream
    except broken as error:
        raise PluxelError(f"{path} is damaged: {error}") from error


@contextmanager
def _opened(path: Path, member: str) -> Iterator[ByteStream]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            packing = _packing(path, file)
        except OSError as error:
            raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
        if packing == ".zip":
            try:
                archive = stack.enter_context(ZipFile(file))
                info = _member(path, archive.infolist(), member)
                inner = cast("BinaryIO", stack.enter_context(archive.open(info)))
            except (OSError, ValueError) as error:  # offsets before the file's start, odd names
                raise BadZipFile(error) from error
            name = PurePosixPath(info.filename).name
            yield ByteStream(Readable(inner, path), info.file_size, f"{path}/{info.filename}", name)
        elif packing:
            packed = stack.enter_context(cast("BinaryIO", _OPEN[packing](file)))
            inner_name = path.stem if path.suffix.lower() == packing else path.name
            yield ByteStream(Readable(packed, path), None, str(path), inner_name)
        else:
            yield ByteStream(Readable(file, path), path.stat().st_size, str(path), path.name)


def is_packed(path: Path) -> bool:
    """Return whether `unpacked_stream` unpacks a file. Raises: PluxelError if it is unreadable."""
    try:
        with path.open("rb") as file:
            return bool(_packing(path, file))
    except OSError as error:
        raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error


def _packing(path: Path, file: BinaryIO) -> str:
    """Return the suffix for the way in which a file is packed, or "" if it is not."""
    head = file.read(16)
    file.seek(0)
    suffix = path.suffix.lower()
    by_head = (kind for kind, starts in _MAGIC.items() if head.startswith(starts))
    return next(by_head, suffix if suffix in _MAGIC else "")


def _member(path: Path, entries: Sequence[ZipInfo], member: str) -> ZipInfo:
    # A damaged entry may have no name, which `is_dir` does not expect.
    every = [entry for entry in entries if entry.filename and not entry.is_dir()]
    every = [entry for entry in every if not _is_hidden(entry.filename)]
    files = [entry for entry in every if not _is_about(entry.filename)]
    # A list of words may be JSON.
    files = files or [entry for entry in every if entry.filename.lower().endswith(".json")]
    if every and not files:
        listed = ", ".join(entry.filename for entry in every)
        raise PluxelError(f"{path} contains no word vectors, only {listed}")
    matches = [entry for entry in files if entry.filename.endswith(member)]
    if not matches and len(files) == 1:  # a published file may be repacked under another name
        matches = files
    if len(matches) != 1:
        listed = ", ".join(entry.filename for entry in files) or "nothing"
        if len(matches) > 1 and not member:
            raise SeveralFiles(
                f"{path} contains several files: {listed}; unpack it, then name one with 'file: …'"
            )
        expected = f"'…{member}'" if member else "a file"
        raise PluxelError(f"{path} must contain {expected}, but it contains {listed}")
    if matches[0].flag_bits & _ENCRYPTED:
        raise PluxelError(
            f"{matches[0].filename} in {path} is encrypted; unpack it, then name it with 'file: …'"
        )
    if matches[0].compress_type not in {ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA}:
        raise PluxelError(
            f"{matches[0].filename} in {path} uses an unsupported compression method; unpack it, "
            "then name it with 'file: …'"
        )
    return matches[0]


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part.startswith(".") or part.lower() in _SYSTEM for part in parts)


def _is_about(name: str) -> bool:
    return _ABOUT.fullmatch(PurePosixPath(name).name) is not None
