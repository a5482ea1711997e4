"""Open files of word vectors: local or downloaded, plain or compressed."""

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
"""Flag bit of an encrypted entry in a .zip archive."""


class SeveralFiles(PluxelError):  # noqa: N818 - the name describes the error
    """An archive has several files, and none was selected."""


def source_file(
    file: str | Path | None, download: Download | None, *, cache: Path | None, permitted: bool
) -> Path:
    """Return the named file, or else the published one, which may be downloaded.

    Raises: MissingFile if it does not exist and ``permitted`` is false; PluxelError if the download
    fails.
    """
    if file is not None:
        return require_file(file)
    if download is None:
        raise PluxelError("no vectors selected; name a file with 'file: …'")
    return fetch(download, cache=cache, permitted=permitted)


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
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            raise PluxelError(f"cannot read {self._path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class ByteStream:
    """A file that is read once, from start to end.

    ``size``: in bytes, or None if it is unknown without unpacking. ``name``: shown in errors.
    """

    file: Readable
    size: int | None
    name: str


@contextmanager
def unpacked_stream(path: Path, member: str = "") -> Iterator[ByteStream]:
    """Yield the content of a file, unpacked if it is a .zip or .gz archive.

    ``member``: the end of the name of a file in a .zip archive; selects one of several files.

    Raises: PluxelError for a damaged archive, and if no single file matches ``member``.
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
            except (OSError, ValueError) as error:  # offsets before the file's start, odd names
                raise BadZipFile(error) from error
            yield ByteStream(Readable(inner, path), info.file_size, f"{path}/{info.filename}")
        elif path.suffix == ".gz":
            packed = cast("BinaryIO", stack.enter_context(gzip.open(file)))
            yield ByteStream(Readable(packed, path), None, str(path))
        else:
            yield ByteStream(Readable(file, path), path.stat().st_size, str(path))


def unpacked(path: Path, member: str = "", *, cache: Path | None = None) -> Path:
    """Return ``path`` if it is not an archive, else its unpacked content in the cache.

    Raises: PluxelError, as `unpacked_stream`, and if writing fails.
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
    matches = [entry for entry in files if entry.filename.endswith(member)]
    if not matches and len(files) == 1:  # a published file may be repacked under another name
        matches = files
    if len(matches) != 1:
        listed = ", ".join(entry.filename for entry in files) or "nothing"
        if len(matches) > 1 and not member:
            raise SeveralFiles(f"{path} contains several files: {listed}")
        expected = f"'…{member}'" if member else "a file"
        raise PluxelError(f"{path} must contain {expected}, but it contains {listed}")
    match = matches[0]
    if match.flag_bits & _ENCRYPTED:
        raise PluxelError(
            f"{match.filename} in {path} is encrypted; unpack it, then name it with 'file: …'"
        )
    if match.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise PluxelError(
            f"{match.filename} in {path} uses an unsupported compression method; unpack it, then "
            "name it with 'file: …'"
        )
    return match


class Words:
    """Decode words, replace bytes that cannot be decoded, and count the words concerned.

    ``encoding``: of the bytes. Raises: PluxelError if it is unknown.
    """

    def __init__(self, name: str, encoding: str = "utf-8") -> None:
        try:
            self.encoding = codecs.lookup(encoding).name
        except LookupError as error:
            raise PluxelError(f"unknown encoding '{encoding}'") from error
        self.name = name
        self.replaced = 0

    def __call__(self, tokens: list[bytes]) -> list[bytes]:
        """Return the words as valid UTF-8."""
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
        """Log a warning if any words could not be decoded."""
        if self.replaced:
            logger.warning(
                "%s: %s words are not valid %s; invalid bytes became replacement characters",
                self.name,
                f"{self.replaced:,}",
                self.encoding.upper(),
            )
