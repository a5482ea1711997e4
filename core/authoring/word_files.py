"""Find files of word vectors, local or downloaded, unpack models, and decode words."""

from __future__ import annotations

import codecs
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...registry import PluxelError
from ..common.files import replacing, require_file
from ..common.logs import logger
from ..common.text import excerpt
from ..embeddings import Download, cache_folder, content_hash, fetch, is_packed, unpacked_stream

_BLOCK = 1 << 20
_ASCII = " 0\n"
"""Characters that must have the bytes of ASCII, since the formats separate words by them."""


def source_file(
    file: str | Path | None, download: Download | None, *, cache: Path | None, permitted: bool
) -> Path:
    """Return the named file, or else the published one, which may be downloaded to ``cache``.

    Raises: MissingFile if it does not exist and ``permitted`` is false; PluxelError if the download
    fails.
    """
    if file is not None:
        return require_file(file)
    if download is None:
        raise PluxelError("no vectors selected; name a file with 'file: …'")
    return fetch(download, cache=cache, permitted=permitted)


def unpacked(path: Path, member: str = "", *, cache: Path | None = None) -> Path:
    """Return ``path`` if it is not an archive, else its unpacked content in the cache.

    ``member``: the file to take from an archive of several.

    Raises: PluxelError, as `unpacked_stream`, and if writing fails.
    """
    if not is_packed(path):
        return path
    folder = cache_folder(cache)
    with unpacked_stream(path, member) as stream:
        target = folder / "unpacked" / content_hash(path, folder)[:16] / stream.inner
        if target.is_file():
            return target
        with replacing(target) as unfinished, unfinished.open("wb") as file:
            shutil.copyfileobj(stream.file, file, _BLOCK)
    return target


class Words:
    """Decode words, replace bytes that cannot be decoded, and count the words concerned.

    ``replaced``: the number of these words.

    ``encoding``: of the bytes. Raises: PluxelError if it is unknown, or if it does not contain
    ASCII, as UTF-16.
    """

    def __init__(self, name: str, encoding: str = "utf-8") -> None:
        try:
            self.encoding = codecs.lookup(encoding).name
            has_ascii = _ASCII.encode().decode(encoding, "replace") == _ASCII
        except LookupError as error:
            raise PluxelError(f"unknown encoding '{encoding}'") from error
        if not has_ascii:
            raise PluxelError(
                f"{name}: the encoding '{encoding}' does not contain ASCII; convert the file to "
                "UTF-8, for example with iconv"
            )
        self.name = name
        self.replaced = 0
        self._first = ""

    def __call__(self, tokens: list[bytes], place: Callable[[int], str]) -> list[bytes]:
        """Return the words as valid UTF-8. ``place(i)`` names the place of word i in the file."""
        if self.encoding == "utf-8":
            with suppress(UnicodeDecodeError):
                b"\n".join(tokens).decode()
                return tokens
        return [self._valid(token, i, place) for i, token in enumerate(tokens)]

    def _valid(self, token: bytes, i: int, place: Callable[[int], str]) -> bytes:
        try:
            return token.decode(self.encoding).encode()
        except UnicodeDecodeError:
            word = token.decode(self.encoding, errors="replace")
            self.replaced += 1
            self._first = self._first or f"{place(i)}: '{excerpt(word)}'"
            return word.encode()

    def facts(self) -> dict[str, str]:
        """Warn of words that could not be decoded; return their number and the first of them."""
        if not self.replaced:
            return {"replaced": "0"}
        first = f"the first is {self._first}; {_advice(self.encoding)}"
        logger.warning(
            "%s: words that are not valid %s: %s; invalid bytes became replacement characters "
            "(\\ufffd); %s",
            self.name,
            self.encoding.upper(),
            f"{self.replaced:,}",
            first,
        )
        return {"replaced": f"{self.replaced}", "replacement": first}


def _advice(encoding: str) -> str:
    other = "cp1252" if encoding == "utf-8" else "utf-8"
    return f"if the file has another encoding, set it, such as 'encoding: {other}'"
