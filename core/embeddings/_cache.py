"""A cache of stores, keyed by source content: built once, then memory-mapped."""

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
from ..common.files import expand_home
from ..common.json_files import write_json
from ..common.logs import logger
from ._store import FORMAT, Store, StoreWriter, open_store, writing

VARIABLE = "PLUXEL_CACHE"
"""The environment variable that names the folder of all caches."""

SOURCES = "sources"
"""The folder of a cache that records the hashes of sources."""


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of stores: in ``folder``, ``$PLUXEL_CACHE`` or ``~/.cache/pluxel``.

    Raises: PluxelError if none of them is set and the user has no home directory.
    """
    folder = folder or os.environ.get(VARIABLE) or _usual_folder()
    return expand_home(Path(folder)) / "embeddings"


def _usual_folder() -> Path:
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches, "pluxel")
    try:
        return Path.home() / ".cache" / "pluxel"
    except RuntimeError as error:
        raise PluxelError(
            f"there is no home directory for the cache: set {VARIABLE} to a folder"
        ) from error


def cached_store(
    source: Path,
    recipe: Mapping[str, Any],
    build: Callable[[StoreWriter], Mapping[str, str]],
    *,
    beside: Sequence[Path] = (),
    cache: str | Path | None = None,
) -> Store:
    """Return the store of a file, building it if the cache has none.

    ``beside``: further source files, such as a list of words. ``recipe``: everything else that
    affects the result, such as the reader and its parameters, as JSON values. ``build(writer)``
    adds all rows and returns the metadata to keep. If two processes build the same store, the
    second replaces the file of the first with an equal one.

    Raises: PluxelError if the source cannot be read or the cache cannot be written, and whatever
    ``build`` raises.
    """
    folder = cache_folder(cache)
    key = _key([content_hash(file, folder) for file in (source, *beside)], recipe)
    # The same content may be cached under another name. A file name has at most 255 bytes, and a
    # character takes up to four.
    new = folder / f"{source.stem[:50]}-{key[:16]}.safetensors"
    path = min(folder.glob(f"*-{key[:16]}.safetensors"), default=new)
    if path.is_file():
        try:
            return open_store(path)
        except PluxelError as error:
            logger.warning("%s; rebuilding it", error)
    _check_writable(folder)
    # A caller that builds its model on the meta device still needs real word vectors.
    with torch.device("cpu"), writing(path) as writer:
        writer.finish({"source": source.name, **build(writer)})
    if writer.duplicates:
        logger.warning(
            "%s: repeated words: %s; only the first of each counts",
            source,
            f"{writer.duplicates:,}",
        )
    if writer.empty:
        logger.warning(
            "%s: rows without a word: %s, left out; the first is %s",
            source,
            f"{writer.empty:,}",
            writer.gap,
        )
    return open_store(path)


def content_hash(source: Path, folder: Path) -> str:
    """Return the SHA-256 of a file, remembered while its size and modification time stay the same.

    Raises: PluxelError if it cannot be read.
    """
    try:
        status = source.stat()
        name = hashlib.sha256(os.fsencode(source.resolve())).hexdigest()
        record = folder / SOURCES / f"{name}.json"
        state = {"size": status.st_size, "modified": status.st_mtime_ns}
        if digest := _remembered(record, state):
            return digest
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PluxelError(f"cannot read {source}: {error.strerror or error}") from error
    # A read-only cache may still hold the store.
    with suppress(PluxelError):
        write_json(record, {"path": str(source.resolve()), **state, "sha256": digest})
    return digest


def _remembered(path: Path, state: Mapping[str, int]) -> str | None:
    """Return the hash in a record, or None if it is missing, outdated or damaged."""
    try:
        record = json.loads(path.read_bytes())
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
            f"cannot write to the cache {folder}: {error.strerror or error}; set 'cache:' "
            f"or ${VARIABLE} to another folder"
        ) from error


def _key(content: Sequence[str], recipe: Mapping[str, Any]) -> str:
    text = json.dumps([FORMAT, content, recipe], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
