"""Published files of word vectors, and how to download them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from ..common.downloads import may_download, retrieve
from ..common.files import MissingFile
from ..common.logs import logger
from ..common.text import byte_size
from ._cache import cache_folder

_TORCHTEXT = ".vector_cache"
"""The folder in which torchtext keeps vectors, in the folder where it runs."""


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
        amount = f", {byte_size(self.size)}" if self.size else ""
        return f"{self.alias} ({self.url}{amount})"


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
    if not may_download():
        raise MissingFile(f"{download} is not in {folder} yet, and will be downloaded")
    retrieve(
        download.url,
        path,
        what=str(download),
        size=download.size,
        hash=download.hash,
        advice=["to use a copy that you already have, set 'file: …'"],
    )
    return path


def _kept_by_torchtext(download: Download, cache: Path | None) -> Path | None:
    texts = [name for name in (download.member, download.file_name) if name]
    names = [*texts, *(f"{name}.pt" for name in texts)]
    folders = [cache_folder(cache).parent, Path(_TORCHTEXT)]
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)
