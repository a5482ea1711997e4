"""Stores by the content of what they were made from: made once, mapped ever after."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch

from ...registry import PluxelError
from ..common.files import remove_unfinished, write_json
from ..common.logs import logger
from ._store import FORMAT, Store, StoreWriter, open_store, writing

VARIABLE = "PLUXEL_CACHE"
"""The environment variable that names the folder of all caches."""


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return where stores are kept: ``folder``, ``$PLUXEL_CACHE`` or ``~/.cache/pluxel``."""
    if folder is None:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pluxel")
        folder = Path(os.environ.get(VARIABLE) or usual)
    return Path(folder) / "embeddings"


def cached_store(
    source: Path,
    recipe: Mapping[str, Any],
    build: Callable[[StoreWriter], Mapping[str, str]],
    *,
    beside: Sequence[Path] = (),
    cache: str | Path | None = None,
) -> Store:
    """Return the store of a file, made now if it is not in the cache.

    ``beside``: further files that belong to it, such as a list of words.
    ``recipe``: what else the result depends on: the reader and its parameters, as JSON has them.
    ``build(writer)`` adds all rows, and returns what is to be kept as metadata.
    Of two processes that make the same one, the second replaces the first by its equal.

    Raises: PluxelError if there is no such file, for what ``build`` raises, where the disk refuses.
    """
    folder = cache_folder(cache)
    key = _key([content_hash(file, folder) for file in (source, *beside)], recipe)
    # The same content may have come under another name before. Names of files have 255 bytes, and
    # a letter up to four.
    new = folder / f"{source.stem[:50]}-{key[:16]}.safetensors"
    path = min(folder.glob(f"*-{key[:16]}.safetensors"), default=new)
    if path.is_file():
        try:
            return open_store(path)
        except PluxelError as error:
            logger.warning("%s; it is made anew", error)
    _check_writable(folder)
    remove_unfinished(folder, ".safetensors")
    # Whoever builds a model without memory for its weights reads its words all the same.
    with torch.device("cpu"), writing(path) as writer:
        writer.finish({"source": source.name, **build(writer)})
    if writer.duplicates:
        logger.warning(
            "%s: words that stood there before: %s; of each, the first counts",
            source,
            f"{writer.duplicates:,}",
        )
    return open_store(path)


def content_hash(source: Path, folder: Path) -> str:
    """Return the SHA-256 of a file, remembered as long as its size and its date stay the same.

    Raises: PluxelError if it cannot be read.
    """
    try:
        there = source.stat()
        place = hashlib.sha256(os.fsencode(source.resolve())).hexdigest()
        known = folder / "sources" / f"{place}.json"
        state = {"size": there.st_size, "modified": there.st_mtime_ns}
        if digest := _remembered(known, state):
            return digest
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PluxelError(f"cannot read {source}: {error.strerror or error}") from error
    # A cache that cannot be written to may have the store all the same.
    with suppress(PluxelError):
        write_json(known, {"path": str(source.resolve()), **state, "sha256": digest})
    return digest


def _remembered(known: Path, state: Mapping[str, int]) -> str | None:
    """Return the hash in a record, or None if there is none, or one of another state, or damage."""
    try:
        record = json.loads(known.read_bytes())
        is_same = {name: record[name] for name in state} == state
        return str(record["sha256"]) if is_same else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PluxelError(
            f"cannot write to the cache {folder}: {error.strerror or error}; 'cache:' or "
            f"${VARIABLE} names another folder"
        ) from error


def _key(content: Sequence[str], recipe: Mapping[str, Any]) -> str:
    text = json.dumps([FORMAT, content, recipe], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
