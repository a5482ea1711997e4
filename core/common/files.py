"""Write files atomically, so that none is ever incomplete, and check that files exist."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...registry import PluxelError

_UNTOUCHED = 24 * 3600.0
"""Seconds without a change after which an unfinished file counts as abandoned."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename that file to ``path`` if the block succeeds.

    If the block fails, an existing file at ``path`` is unchanged and the temporary file is deleted.

    Raises: PluxelError if the file cannot be written (disk full, read-only, over quota, or the
    folder cannot be made).
    """
    # The name is random, because processes on several hosts may write to one file system. The
    # suffix stays last, because image writers choose the format by it.
    unfinished = path.with_name(f".{path.stem}.{os.urandom(8).hex()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise PluxelError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # usually renamed by now; otherwise the first error is raised
            unfinished.unlink()


def remove_unfinished(folder: Path, suffix: str) -> None:
    """Delete the unfinished files with ``suffix`` that killed processes left in a folder.

    A file must be unchanged for a day. Files that cannot be deleted stay.
    """
    limit = time.time() - _UNTOUCHED
    for path in folder.glob(f".*{suffix}"):
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically; replace NaN and infinity, which JSON lacks, by None first."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


class MissingFile(PluxelError):  # noqa: N818 - the name states the error
    """A file to read does not exist; it may exist on another machine, or at a later time."""


def is_missing_file(error: BaseException) -> bool:
    """Return whether a missing file caused an error."""
    return isinstance(error, MissingFile) or isinstance(error.__cause__, MissingFile)


def require_file(path: str | Path) -> Path:
    """Return a path. Raises: MissingFile if it is a folder or does not exist."""
    path = Path(path)
    if not path.is_file():
        reason = "a folder, not a file" if path.is_dir() else "no such file"
        raise MissingFile(f"{path}: {reason}")
    return path
