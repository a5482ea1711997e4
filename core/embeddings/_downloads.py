"""Published files of word vectors: where they are, and how they come here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from ...registry import PluxelError
from ..common.files import MissingFile
from ._cache import cache_folder

_MEBIBYTE = 1 << 20
_RETRIES = 2

_allowed: ContextVar[bool] = ContextVar("allowed", default=True)


@dataclass(frozen=True)
class Download:
    """A file of vectors on the net.

    ``alias``: the name that torchtext gave it, or one like those. ``size``: bytes, 0 if unknown.
    ``hash``: ``sha256:`` or another algorithm, and its hexadecimal digits; None if its publisher
    tells none. ``member``: the file inside of the archive, if it is one.
    """

    alias: str
    url: str
    size: int = 0
    hash: str | None = None
    member: str = ""

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(urlparse(self.url).path).name

    def __str__(self) -> str:
        amount = f", {self.size / 1e6:,.0f} MB" if self.size else ""
        return f"{self.alias} ({self.url}{amount})"


@contextmanager
def without_downloads() -> Iterator[None]:
    """Have `fetch` fetch nothing in this block: checks are quick, and leave no trace."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


def fetch(download: Download, *, cache: Path | None = None, permitted: bool = False) -> Path:
    """Return the file, downloaded if need be and ``permitted``; it is there wholly or not at all.

    Raises: MissingFile if it is not here and may not be downloaded; PluxelError if the download
    fails or has another hash than it should.
    """
    folder = cache_folder(cache) / "downloads"
    path = folder / download.file_name
    if path.is_file():
        return path
    if not permitted:
        raise MissingFile(
            f"{download} is not in {folder}",
            ["'download: true' fetches it; 'file: …' takes one that is somewhere else"],
        )
    if not _allowed.get():
        raise MissingFile(f"{download} is not in {folder} yet, and will be downloaded")
    _retrieve(download, path)
    return path


def _retrieve(download: Download, path: Path) -> None:
    # Only who downloads pays for them.
    import pooch  # noqa: PLC0415

    from ..common.progress import track  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")
    files = pooch.create(
        path.parent,
        base_url="",
        registry={path.name: download.hash},
        urls={path.name: download.url},
        retry_if_failed=_RETRIES,
    )
    try:
        with track(f"{path.name} (MiB)", max(1, download.size // _MEBIBYTE)) as advance:
            bar: Any = _Bytes(advance)
            downloader: Any = pooch.HTTPDownloader(progressbar=bar, timeout=60)
            files.fetch(path.name, downloader=downloader)
        _check_size(path, download)
    except (OSError, ValueError) as error:  # those of requests are among them
        raise PluxelError(
            f"cannot download {download}: {error}",
            ["a file that came here in another way is given as 'file: …'"],
        ) from error


def _check_size(path: Path, download: Download) -> None:
    """Compare the size of what has no hash. Raises: ValueError, and the file is gone."""
    size = path.stat().st_size
    if download.hash is None and download.size not in {0, size}:
        path.unlink()
        raise ValueError(f"{size:,} bytes came, not {download.size:,}")


class _Bytes:
    """What pooch wants of a bar of progress, over one that counts steps."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self.total = 0
        self._advance, self._done, self._reported = advance, 0, 0

    def update(self, count: int) -> None:
        """Count bytes."""
        self._done += count
        while self._reported < self._done // _MEBIBYTE:
            self._reported += 1
            self._advance()

    def reset(self) -> None:
        """Begin again; pooch does so to fill the bar at the end."""
        self._done = 0

    def close(self) -> None:
        """Leave the bar to who made it."""
