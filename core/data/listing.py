"""Lists of sample names, and the files of these names in a folder.

Folders are listed once; no file is opened, and none is asked for its status.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ..common.files import read_lines
from ..common.text import plural
from .splits import MissingData, SplitError


def read_names(listing: Path, column: int = 0) -> list[str]:
    """Return one word of each line of a list; lines may have further columns, or be empty.

    Raises: SplitError if a name occurs twice; PluxelError if the file cannot be read.
    """
    first: dict[str, int] = {}
    for number, line in enumerate(read_lines(listing), 1):
        if not (words := line.split()):
            continue
        name = words[column]
        if name in first:
            raise SplitError(
                f"{listing}:{number}: '{name}' is listed already, in line {first[name]}"
            )
        first[name] = number
    return [*first]


class FolderFiles(Mapping[str, Path]):
    """Name -> its file in a folder: ``folder/NAMEsuffix``. A name may begin with subfolders.

    Paths are made on access, because a dataset may have many.

    Raises: MissingData if a name has no file; ``source`` is where the names come from.
    """

    def __init__(
        self, folder: Path, suffix: str, names: Collection[str], source: Path | str
    ) -> None:
        self._folder, self._suffix, self._names = folder, suffix, names
        if absent := missing_files(folder, suffix, names):
            count = plural(len(absent), "sample")
            raise MissingData(
                f"{source}: {count} of {len(names)} without a file in {folder}; the first is "
                f"{absent[0]}{suffix}"
            )

    def __getitem__(self, name: str) -> Path:
        return self._folder / f"{name}{self._suffix}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def missing_files(folder: Path, suffix: str, names: Collection[str]) -> list[str]:
    """Return the names that have no file ``folder/NAMEsuffix``."""
    inner = {name.rpartition("/")[0] for name in names}
    there: set[str] = set()
    for parent in inner:
        prefix = f"{parent}/" if parent else ""
        there.update(prefix + file for file in file_names(folder / parent))
    return [name for name in names if name + suffix not in there]


def file_names(folder: Path) -> list[str]:
    """Return the names of the entries of a folder; none if it does not exist."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a Path for each of many files would be slow
    except (FileNotFoundError, NotADirectoryError):
        return []
