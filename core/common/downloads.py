"""Download files: complete and correct, or absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ...registry import PluxelError

_MEBIBYTE = 1 << 20
_RETRIES = 2

_allowed: ContextVar[bool] = ContextVar("allowed", default=True)


@contextmanager
def without_downloads() -> Iterator[None]:
    """Permit no download in this block, so that checks are quick and leave no trace."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


def may_download() -> bool:
    """Return whether this is outside of `without_downloads`."""
    return _allowed.get()


def retrieve(
    url: str,
    path: Path,
    *,
    what: str,
    size: int = 0,
    hash: str | None = None,  # noqa: A002 - named as in pooch
    advice: Sequence[str] = (),
) -> None:
    """Download a file, with progress and a few retries; keep nothing if it fails.

    ``what``: the file in messages. ``size``: bytes, 0 if unknown. ``hash``: ``sha256:`` or another
    algorithm, and the hexadecimal digits; None if the publisher states none.

    Raises: PluxelError, with ``advice`` as notes, if the download fails or its hash does not match.
    """
    # Import them only for a download.
    import pooch  # noqa: PLC0415

    from .progress import track  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")
    files = pooch.create(
        path.parent,
        base_url="",
        registry={path.name: hash},
        urls={path.name: url},
        retry_if_failed=_RETRIES,
    )
    try:
        with track(f"{path.name} (MiB)", max(1, size // _MEBIBYTE)) as advance:
            bar: Any = Mebibytes(advance)
            downloader: Any = pooch.HTTPDownloader(progressbar=bar, timeout=60)
            files.fetch(path.name, downloader=downloader)
        if hash is None:
            _check_size(path, size)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise PluxelError(f"cannot download {what}: {error}", advice) from error


def _check_size(path: Path, size: int) -> None:
    """Check the size of a file without a hash. Raises: ValueError, after deleting the file."""
    received = path.stat().st_size
    if size not in {0, received}:
        path.unlink()
        raise ValueError(f"received {received:,} bytes, not {size:,}")


class Mebibytes:
    """Counts bytes on a bar whose steps are mebibytes; a progress bar as pooch expects it."""

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
