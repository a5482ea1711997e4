"""Pair images and masks of equal names in two folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .images import image_files
from .splits import SplitError


@dataclass(frozen=True)
class FilePair:
    """An image and its mask; ``name`` is unique in the split."""

    name: str
    image: Path
    mask: Path


def images_in(folder: Path, suffix: str = "", *, not_ending: str = "") -> dict[str, Path]:
    """Return name -> path of the image files below a folder, sorted.

    A name is the path below the folder, without file type and ``suffix``. Files whose stems do not
    end in ``suffix``, or end in ``not_ending``, are skipped.

    Raises: SplitError if two files differ only in file type.
    """
    found: dict[str, Path] = {}
    start = len(folder.parts)
    for path in image_files(folder):
        stem = path.stem
        if not stem.endswith(suffix) or (not_ending and stem.endswith(not_ending)):
            continue
        name = "/".join((*path.parts[start:-1], stem.removesuffix(suffix)))
        if name in found:
            raise SplitError(f"{path} and {found[name]} have the same name")
        found[name] = path
    return found


def pair_up(
    images: Mapping[str, Path], masks: Mapping[str, Path]
) -> tuple[list[FilePair], list[Path]]:
    """Return pairs of equal names, and the files without a counterpart."""
    pairs = [FilePair(name, images[name], masks[name]) for name in images if name in masks]
    alone = [images[name] for name in images if name not in masks]
    return pairs, alone + [masks[name] for name in masks if name not in images]
