"""Lists of sample names, and the files of these names in a folder.

Folders are listed once; no file is opened, and none is asked for its status.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ..common.files import read_lines
from ..common.text import plural
from .splits import BrokenData, SplitError


def read_names(listing: Path, column: int = 0) -> list[str]:
    """Return one word of each line of a list: that in ``column``, counted from 0.

    Lines may have further columns, or be empty.

    Raises: SplitError if a name occurs twice; BrokenData if the list is empty; PluxelError if the
    file cannot be read.
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
    if not first:
        raise BrokenData(f"{listing} is empty; expected one name in each line")
    return [*first]


class FolderFiles(Mapping[str, Path]):
    """Name -> its file in a folder: ``folder/NAMEsuffix``. A name may begin with subfolders.

    ``suffix``: the end of each file name, such as ``.png`` or ``_gt.png``. ``source``: the list or
    the folder that the names come from; the error begins with it. If it is None, the names are
    those of the folder itself, and nothing is checked. Paths are made on access, because a dataset
    may have many.

    Raises: BrokenData if a name has no file; KeyError for another name.
    """

    def __init__(
        self, folder: Path, suffix: str, names: Collection[str], source: Path | str | None
    ) -> None:
        self._folder, self._suffix = folder, suffix
        self._names = dict.fromkeys(names)  # in order, and fast to look up
        if source is not None and (absent := missing_files(folder, suffix, names)):
            count = plural(len(absent), "sample")
            raise BrokenData(
                f"{source}: {count} of {len(names)} without a file in {folder}; the first is "
                f"{absent[0]}{suffix}{_instead(folder, suffix, absent[0])}"
            )

    def __getitem__(self, name: str) -> Path:
        if name not in self._names:
            raise KeyError(name)
        return self._folder / f"{name}{self._suffix}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _instead(folder: Path, suffix: str, name: str) -> str:
    """Return what a folder has in place of a file, for an error; empty if there is nothing."""
    inner, _, last = name.rpartition("/")
    found = sorted(one for one in file_names(folder / inner) if one.startswith(f"{last}."))
    if not found:
        return ""
    usual = {".jpeg": ".jpg"}
    own, other = suffix.lower(), found[0].removeprefix(last)
    if usual.get(other.lower(), other.lower()) == usual.get(own, own):
        return f". The folder has {found[0]}: rename it"
    return f". The folder has {found[0]}{SWAPPED}"


SWAPPED = ": are the folders of images and masks swapped?"


def missing_files(folder: Path, suffix: str, names: Collection[str]) -> list[str]:
    """Return the names that have no file in the folder, called name + ``suffix``."""
    inner = {name.rpartition("/")[0] for name in names}
    there: set[str] = set()
    for parent in inner:
        prefix = f"{parent}/" if parent else ""
        there.update(prefix + file for file in file_names(folder / parent))
    return [name for name in names if name + suffix not in there]


def names_in(folder: Path, suffix: str, *, subfolders: bool = False) -> list[str]:
    """Return the sorted names of the files ``folder/NAMEsuffix``, without hidden ones.

    ``suffix``: the end of each file name, such as ``_gt.png``. ``subfolders``: the files are in
    subfolders, whose names are part of ``NAME``.
    """
    if not subfolders:
        return sorted(_stems(folder, suffix))
    inner = (name for name in file_names(folder) if name[0] != ".")
    return sorted(f"{one}/{stem}" for one in inner for stem in _stems(folder / one, suffix))


def _stems(folder: Path, suffix: str) -> list[str]:
    end = -len(suffix)
    return [n[:end] for n in file_names(folder) if n.endswith(suffix) and n[0] != "."]


def matched_files(
    images: tuple[Path, str], masks: tuple[Path, str], *, subfolders: bool = False
) -> tuple[list[str], FolderFiles, FolderFiles]:
    """Return the names of all images, sorted, and the files of images and masks.

    ``images`` and ``masks``: folder, and what follows the name in their file names, such as
    ``_gtFine_labelIds.png``. ``subfolders``: see `names_in`.

    Raises: BrokenData if there are no images, or if an image has no mask, or a mask no image.
    """
    names = names_in(*images, subfolders=subfolders)
    others = names_in(*masks, subfolders=subfolders)
    if not names:
        raise no_files(*images, masks[1], subfolders=subfolders)
    if names != others:  # one of these is an error
        FolderFiles(*masks, names, images[0])
        FolderFiles(*images, others, masks[0])
    return names, FolderFiles(*images, names, None), FolderFiles(*masks, names, None)


def no_files(folder: Path, suffix: str, other: str = "", *, subfolders: bool = False) -> BrokenData:
    """Return the error for a folder without files ``NAMEsuffix``.

    ``other``: suffix of masks. ``subfolders``: whether the files should be in subfolders.
    """
    inner = "*/" if subfolders else ""
    text = f"{folder} has no files {inner}*{suffix}"
    found = names_in(folder, other, subfolders=subfolders) if other else []
    return BrokenData(f"{text}, but {found[0]}{other}{SWAPPED}" if found else text)


def file_names(folder: Path) -> list[str]:
    """Return the names of the entries of a folder; none if it does not exist."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a Path for each of many files would be slow
    except (FileNotFoundError, NotADirectoryError):
        return []
