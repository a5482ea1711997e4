"""Published files of word vectors, and how to download them."""

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
from ..common.logs import logger
from ._cache import cache_folder

_MEBIBYTE = 1 << 20
_RETRIES = 2
_TORCHTEXT = ".vector_cache"
"""The folder in which torchtext keeps vectors, in the folder where it runs."""

_allowed: ContextVar[bool] = ContextVar("allowed", default=True)


@dataclass(frozen=True)
class Download:
    """A file of vectors on the web.

    ``alias``: its name in torchtext, or a name in the same style. ``size``: bytes, 0 if unknown.
    ``hash``: ``sha256:`` or another algorithm, and the hexadecimal digits; None if the publisher
    states none. ``member``: the file inside the archive; empty if the file is not an archive.
    """

    alias: str
    url: str
    size: int = 0
    hash: str | None = None
    member: str = ""

    @property
    def file_name(self) -> str:
        """The last part of the URL path."""
        return PurePosixPath(urlparse(self.url).path).name

    def __str__(self) -> str:
        amount = f", {self.size / 1e6:,.0f} MB" if self.size else ""
        return f"{self.alias} ({self.url}{amount})"


@contextmanager
def without_downloads() -> Iterator[None]:
    """Stop `fetch` from downloading in this block, so that checks are quick and leave no trace."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


def fetch(download: Download, *, cache: Path | None = None, permitted: bool = False) -> Path:
    """Return the path of the file, downloading it if it is missing and ``permitted``.

    A copy that torchtext has in ``cache``, or in its own folder ``.vector_cache``, is used as well:
    the archive, a file unpacked from it, or the vectors with the suffix .pt. A failed download
    leaves no file behind.

    Raises: MissingFile if the file is missing and downloading is not permitted; PluxelError if the
    download fails or its hash does not match.
    """
    folder = cache_folder(cache) / "downloads"
    path = folder / download.file_name
    if path.is_file():
        return path
    if kept := _kept_by_torchtext(download, cache):
        logger.info("%s: using %s", download.alias, kept.absolute())
        return kept
    if not permitted:
        raise MissingFile(
            f"{download} is not in {folder}",
            ["set 'download: true' to fetch it, or 'file: …' to use another copy"],
        )
    if not _allowed.get():
        raise MissingFile(f"{download} is not in {folder} yet, and will be downloaded")
    _retrieve(download, path)
    return path


def _kept_by_torchtext(download: Download, cache: Path | None) -> Path | None:
    texts = [name for name in (download.member, download.file_name) if name]
    names = [*texts, *(f"{name}.pt" for name in texts)]
    folders = [cache_folder(cache).parent, Path(_TORCHTEXT)]
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def _retrieve(download: Download, path: Path) -> None:
    # Import them only for a download.
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
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise PluxelError(
            f"cannot download {download}: {error}",
            ["to use a copy that you already have, set 'file: …'"],
        ) from error


def _check_size(path: Path, download: Download) -> None:
    """Check the size of a file without a hash. Raises: ValueError, after deleting the file."""
    size = path.stat().st_size
    if download.hash is None and download.size not in {0, size}:
        path.unlink()
        raise ValueError(f"received {size:,} bytes, not {download.size:,}")


class _Bytes:
    """The progress bar that pooch expects, on top of one that counts steps of a mebibyte."""

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
        """Reset the count; pooch does this before it fills the bar at the end."""
        self._done = 0

    def close(self) -> None:
        """Do nothing: the caller closes the bar."""
