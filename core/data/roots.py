"""Find the folder of a dataset near the one that a configuration names."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..common.logs import log_once
from .splits import BrokenData, MissingData

_ARCHIVES = (".tar", ".tgz", ".gz", ".zip", ".rar", ".7z")


def find_root(
    root: Path,
    what: str,
    markers: Sequence[str],
    below: Sequence[str] = (),
    others: Collection[str] = (),
) -> Path | None:
    """Return the folder of a dataset: ``root``, or one below or above it; None if there is none.

    ``markers``: paths in the folder, all of which must exist. ``below``: where the folder may be
    in ``root``, such as ``VOCdevkit/VOC2012``. If none of these have the markers, the subfolders of
    ``root`` are tried, except ``others``, and then the two folders above it; what is found there is
    logged.

    Raises: BrokenData if ``root`` is a file, or if several subfolders have the markers.
    """
    if root.is_file():
        hint = "; unpack it" if root.suffix.lower() in _ARCHIVES else ""
        raise BrokenData(f"{what}: {root} is a file; expected the folder of the dataset{hint}")
    if usual := _first(root, markers, below):
        return usual
    inner = [folder for folder in _subfolders(root) if folder.name not in others]
    found = [*filter(None, (_first(folder, markers, below) for folder in inner))]
    if len(found) > 1:
        raise BrokenData(
            f"{what}: {root} contains several copies, such as {found[0]} and {found[1]}: set root "
            "to one of them"
        )
    above = root.absolute().parents[:2] if root.is_dir() else ()
    found += [folder for folder in above if _has(folder, markers)]
    if not found:
        return None
    # A warning is also seen where nothing else of the log is, as in  config check.
    log_once(
        logging.WARNING, f"{what}: root is {root}, but the dataset is in {found[0]}; using that"
    )
    return found[0]


def _first(root: Path, markers: Sequence[str], below: Sequence[str]) -> Path | None:
    folders = (root, *(root / inner for inner in below))
    return next((folder for folder in folders if _has(folder, markers)), None)


def _has(folder: Path, markers: Sequence[str]) -> bool:
    return all((folder / marker).exists() for marker in markers)


def _subfolders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        with os.scandir(root) as entries:
            names = sorted(one.name for one in entries if one.is_dir() and one.name[0] != ".")
        yield from (root / name for name in names)


def existing_folder(
    folder: Path, what: str, *, is_part: bool = False, advice: Sequence[str] = ()
) -> Path:
    """Return the folder if it exists.

    ``what``: what is in the folder, such as ``the images``; the errors begin with it: "the images
    not found: …". ``is_part``: whether other files of the dataset are there. ``advice``: notes of
    the errors.

    Raises: MissingData that names the deepest parent that exists; BrokenData for a missing part,
    and for a file.
    """
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise BrokenData(f"{what}: {folder} is a file; expected a folder", advice)
    kind = BrokenData if is_part else MissingData
    raise kind(f"{what} not found: {deepest_existing(folder)}", advice)


def deepest_existing(folder: Path) -> str:
    """Return a folder that does not exist, and the deepest parent that does, for an error."""
    existing = next(parent for parent in folder.absolute().parents if parent.is_dir())
    return f"{folder} (only {existing} exists)"
