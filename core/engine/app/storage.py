"""Keep uploads and results on disk within one limit; the oldest results make room for new ones."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ....registry import PluxelError
from ...common.text import byte_size
from .results import ResultError, StoredResult

_BLOCK = 4096
"""Bytes by which file systems usually allocate files."""


class DiskLimitError(PluxelError):
    """A photograph or its result does not fit on disk next to those in use."""


@dataclass(eq=False)
class StoredFolder:
    """A folder of the store; ``name``: of its photograph, for errors.

    ``size``: reserved bytes. ``users``: its writer, and the responses that are reading it.
    """

    store: ResultStore
    path: Path
    name: str
    size: int = 0
    users: int = 1
    is_kept: bool = False

    def reserve(self, size: int) -> None:
        """Reserve more bytes before they are written. Raises: DiskLimitError."""
        self.store.reserve(self, size)

    def keep(self) -> None:
        """Keep the folder, which is complete, as a result."""
        self.store.keep(self)


class ResultStore:
    """Folders that together take at most ``limit`` bytes.

    A folder in use is never deleted. All methods are thread-safe.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._lock = Lock()
        self._used = 0
        self._folders: dict[str, StoredFolder] = {}  # the oldest first

    @contextmanager
    def writing(self, name: str) -> Iterator[StoredFolder]:
        """Provide a new folder, and delete it at the end unless it is kept by then."""
        path = self.folder / secrets.token_hex(8)
        path.mkdir()
        folder = StoredFolder(self, path, name)
        with self._lock:
            self._folders[path.name] = folder
        try:
            yield folder
        finally:
            with self._lock:
                folder.users -= 1
                if not folder.is_kept:
                    del self._folders[path.name]
            if not folder.is_kept:
                self._delete([folder], folder.size)

    @contextmanager
    def reading(self, identifier: str) -> Iterator[StoredResult]:
        """Provide a result, which is not deleted while the block runs.

        Raises: ResultError if it has been deleted.
        """
        with self._lock:
            folder = self._folders.get(identifier)
            if folder is None or not folder.is_kept:
                raise ResultError("this result was deleted to make room; drop the photograph again")
            folder.users += 1
        try:
            yield StoredResult(folder.path)
        finally:
            with self._lock:
                folder.users -= 1

    def reserve(self, folder: StoredFolder, size: int) -> None:
        """Reserve bytes for a folder; delete the oldest unused results to make room.

        Raises: DiskLimitError if that is not enough.
        """
        with self._lock:
            idle = [one for one in self._folders.values() if not one.users]
            room = self.limit - self._used
            if size > room + sum(one.size for one in idle):
                raise DiskLimitError(
                    f"{folder.name}: needs {byte_size(size)} on disk, more than is free within the "
                    f"limit of {byte_size(self.limit)} for all photographs; try again later, or "
                    "raise the limit with --disk-limit"
                )
            deleted, freed = [], 0
            while size > room + freed:
                deleted.append(idle.pop(0))
                freed += deleted[-1].size
                del self._folders[deleted[-1].path.name]
            surplus = max(0, freed - size)
            folder.size += size
            self._used += size - freed + surplus
        self._delete(deleted, surplus)

    def keep(self, folder: StoredFolder) -> None:
        """Keep a complete folder as a result, with the bytes that its files have."""
        sizes = (file.stat().st_size for file in folder.path.iterdir())
        written = sum(-(-size // _BLOCK) * _BLOCK for size in sizes)
        with self._lock:
            self._used += written - folder.size
            folder.size, folder.is_kept = written, True

    def _delete(self, folders: Sequence[StoredFolder], size: int) -> None:
        """Delete folders that nobody finds anymore, then count their bytes as free.

        Without the lock: large files take time, and answers need not wait for it. ``size``: bytes
        of them that are not reserved again.
        """
        for folder in folders:
            shutil.rmtree(folder.path, ignore_errors=True)
        with self._lock:
            self._used -= size
