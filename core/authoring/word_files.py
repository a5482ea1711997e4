"""Files of word vectors as they come: here or to be downloaded, plain or packed."""

from __future__ import annotations

import codecs
import gzip
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ...registry import PluxelError
from ..common.files import replacing, require_file
from ..common.logs import logger
from ..embeddings import Download, cache_folder, content_hash, fetch

_BLOCK = 1 << 20
_ENCRYPTED = 1
"""The flag of an entry of a .zip archive."""


class SeveralFiles(PluxelError):  # noqa: N818 - reads as what it says
    """An archive of more than one file, and nothing says which is meant."""


def source_file(
    file: str | Path | None, download: Download | None, *, cache: Path | None, permitted: bool
) -> Path:
    """Return the file that is named, or else the published one.

    Raises: MissingFile if it is not there, and may not be downloaded; PluxelError if that fails.
    """
    if file is not None:
        return require_file(file)
    if download is None:
        raise PluxelError("which vectors? 'file: …' names a file")
    return fetch(download, cache=cache, permitted=permitted)


class Readable:
    """A file to read from, whose failures are told as its own.

    Whoever reads it writes a store meanwhile, and would have blamed that.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``. Raises: PluxelError where the disk refuses."""
        return self._guarded(self._file.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Return the rest of the line, at most ``size`` bytes. Raises: as `read`."""
        return self._guarded(self._file.readline, size)

    def _guarded(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            raise PluxelError(f"cannot read {self._path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class ByteStream:
    """A file that is read once, from its beginning to its end.

    ``size``: its bytes, or None where only unpacking would tell. ``name``: what errors call it.
    """

    file: Readable
    size: int | None
    name: str


@contextmanager
def unpacked_stream(path: Path, member: str = "") -> Iterator[ByteStream]:
    """Yield what is in a file; of a .zip or .gz archive, what is in that.

    ``member``: how the name of the file in a .zip archive ends, where it holds several.

    Raises: PluxelError for a damaged archive, and for a member that there is not.
    """
    try:
        with _opened(path, member) as stream:
            yield stream
    except (BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise PluxelError(f"{path} is damaged: {error}") from error


@contextmanager
def _opened(path: Path, member: str) -> Iterator[ByteStream]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
        if path.suffix == ".zip":
            try:
                archive = stack.enter_context(ZipFile(file))
                info = _member(path, archive.infolist(), member)
                inner = cast("BinaryIO", stack.enter_context(archive.open(info)))
            except (OSError, ValueError) as error:  # places before the file's beginning, odd names
                raise BadZipFile(error) from error
            yield ByteStream(Readable(inner, path), info.file_size, f"{path}/{info.filename}")
        elif path.suffix == ".gz":
            packed = cast("BinaryIO", stack.enter_context(gzip.open(file)))
            yield ByteStream(Readable(packed, path), None, str(path))
        else:
            yield ByteStream(Readable(file, path), path.stat().st_size, str(path))


def unpacked(path: Path, member: str = "", *, cache: Path | None = None) -> Path:
    """Return a file that is no archive: ``path``, or what is in it, wholly, in the cache.

    Raises: PluxelError, as `unpacked_stream`, and where the disk refuses.
    """
    if path.suffix not in {".zip", ".gz"}:
        return path
    folder = cache_folder(cache)
    with unpacked_stream(path, member) as stream:
        name = Path(stream.name).name.removesuffix(".gz")
        target = folder / "unpacked" / content_hash(path, folder)[:16] / name
        if target.is_file():
            return target
        with replacing(target) as unfinished, unfinished.open("wb") as file:
            shutil.copyfileobj(stream.file, file, _BLOCK)
    return target


def _member(path: Path, entries: Sequence[ZipInfo], member: str) -> ZipInfo:
    # A damaged entry may have no name, which `is_dir` does not expect.
    files = [entry for entry in entries if entry.filename and not entry.is_dir()]
    found = [entry for entry in files if entry.filename.endswith(member)]
    if not found and len(files) == 1:  # others pack a release's file under a name of their own
        found = files
    if len(found) != 1:
        there = ", ".join(entry.filename for entry in files) or "nothing"
        if len(found) > 1 and not member:
            raise SeveralFiles(f"{path} holds several files: {there}")
        wanted = f"'…{member}'" if member else "a file"
        raise PluxelError(f"{path} does not hold {wanted}, but {there}")
    if found[0].flag_bits & _ENCRYPTED:
        raise PluxelError(f"{found[0].filename} in {path} is encrypted; unpack it, then 'file: …'")
    if found[0].compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise PluxelError(
            f"{found[0].filename} in {path} is packed by a method that is not read; unpack it, "
            "then 'file: …'"
        )
    return found[0]


class Words:
    """Makes words of bytes; what cannot be read becomes the replacement character, and is counted.

    ``encoding``: of the bytes. Raises: PluxelError if there is no such encoding.
    """

    def __init__(self, name: str, encoding: str = "utf-8") -> None:
        try:
            self.encoding = codecs.lookup(encoding).name
        except LookupError as error:
            raise PluxelError(f"there is no encoding '{encoding}'") from error
        self.name = name
        self.replaced = 0

    def __call__(self, tokens: list[bytes]) -> list[bytes]:
        """Return words in valid UTF-8."""
        if self.encoding != "utf-8":
            return [self._valid(token) for token in tokens]
        try:
            b"\n".join(tokens).decode()
        except UnicodeDecodeError:
            return [self._valid(token) for token in tokens]
        return tokens

    def _valid(self, token: bytes) -> bytes:
        try:
            return token.decode(self.encoding).encode()
        except UnicodeDecodeError:
            self.replaced += 1
            return token.decode(self.encoding, errors="replace").encode()

    def warn(self) -> None:
        """Tell of words that could not be read, if there were any."""
        if self.replaced:
            logger.warning(
                "%s: %s words are not %s; a replacement character stands for what is not",
                self.name,
                f"{self.replaced:,}",
                self.encoding.upper(),
            )
