"""Files that are either wholly there or not there at all."""

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
"""Seconds without a change after which nobody writes to an unfinished file any more."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the name ``path`` when all went well.

    Whatever fails on the way, the file that had the name before is untouched and nothing
    half-written is left behind.

    Raises: PluxelError where the disk refuses (full, read-only, quota, no place for a folder).
    """
    # By chance, because processes of several hosts may write to one file system. The suffix stays
    # last: image writers choose the format by it.
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
        with suppress(OSError):  # most often it has its new name; else the first error is told
            unfinished.unlink()


def remove_unfinished(folder: Path, suffix: str) -> None:
    """Delete what killed processes left unfinished in a folder: untouched for a day.

    ``suffix``: of the files that are looked at. What cannot be deleted stays.
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
    """Write a JSON file atomically; numbers that JSON lacks (NaN) must be ``None`` already."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


class MissingFile(PluxelError):  # noqa: N818 - reads as what it says
    """A file that is to be read is not there; it may be on another machine, or later on."""


def is_missing_file(error: BaseException) -> bool:
    """Tell whether an error was caused by a file that is not there."""
    return isinstance(error, MissingFile) or isinstance(error.__cause__, MissingFile)


def require_file(path: str | Path) -> Path:
    """Return a path. Raises: MissingFile if no file is there, but nothing or a folder."""
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise MissingFile(f"{path}: {what}")
    return path
