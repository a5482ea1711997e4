"""Pair images, masks and further inputs of equal names in several folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...registry import did_you_mean
from ..common.text import plural
from .images import IMAGE_SUFFIXES, image_files
from .splits import SplitError


@dataclass(frozen=True)
class FilePair:
    """An image and its mask; ``name`` is unique in the split.

    ``name`` may begin with folders, which are also those of the image. ``inputs``: name of each
    further input -> its file.
    """

    name: str
    image: Path
    mask: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)

    def is_called(self, text: str, folder: Path) -> bool:
        """Return whether a name or path means this image, with or without file type.

        A text with fewer folders than the path of the image matches if the path ends with it. A
        path with other folders at its beginning, from another machine, matches if it ends with
        ``folder``, the folder of the images as the configuration names it, and the name below it.
        """
        *folders, last = _parts(text)
        if self.last_names.isdisjoint({last, _without_type(last)}):
            return False
        own = self.image.absolute().parts[:-1]
        shared = 0
        for mine, theirs in zip(reversed(own), reversed(folders), strict=False):
            if mine != theirs:
                break
            shared += 1
        needed = max(1, len(folder.parts)) + self.name.count("/")
        return shared == len(folders) or shared >= needed

    @property
    def last_names(self) -> set[str]:
        """The names of the image without folders: with file type, without it, and in the split."""
        return {self.image.name, self.image.stem, self.name.rpartition("/")[2]}


def _parts(text: str) -> tuple[str, ...]:
    """Return the parts of a path, which may come from a list written on Windows."""
    return Path(text.replace("\\", "/")).parts or ("",)


def _without_type(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in IMAGE_SUFFIXES else name


def listed_pairs(
    pairs: Sequence[FilePair], lines: Iterable[str], listing: Path, folder: Path
) -> list[FilePair]:
    """Return the pairs that the lines of a list name, in the order of the list.

    ``listing``, ``folder``: the list and the folder of the images, for errors and relative paths. A
    line is a name or a path of an image; see `FilePair.is_called`. The path of an existing file,
    from the working folder or that of the list, means only this file. Empty lines are skipped.

    Raises: SplitError, with the line, if it means no image or several, or one that was listed.
    """
    by_last: dict[str, list[FilePair]] = {}
    for pair in pairs:
        for last in pair.last_names:
            by_last.setdefault(last, []).append(pair)
    chosen: dict[str, tuple[FilePair, int]] = {}
    for number, line in enumerate(lines, 1):
        if not (text := line.strip()):
            continue
        where = f"{listing}:{number}"
        last = _parts(text)[-1]
        candidates = {id(p): p for n in (last, _without_type(last)) for p in by_last.get(n, ())}
        named = [p for p in candidates.values() if p.is_called(text, folder)]
        file = next((f for f in (Path(text), listing.parent / text) if f.is_file()), None)
        if file is not None and len(_parts(text)) > 1:
            named = [pair for pair in named if pair.image.samefile(file)]
        pair = _only_one(named, text, where)
        if pair is None:
            hint = did_you_mean(text, [pair.name for pair in pairs])
            raise SplitError(f"{where}: no image with a mask has the name '{text}'.{hint}")
        if pair.name in chosen:
            earlier = chosen[pair.name][1]
            raise SplitError(f"{where}: {pair.image} is listed already, in line {earlier}")
        chosen[pair.name] = pair, number
    return [pair for pair, _ in chosen.values()]


def _only_one(found: Sequence[FilePair], text: str, where: str) -> FilePair | None:
    exact = [pair for pair in found if pair.name == text]
    if len(exact or found) > 1:
        raise SplitError(
            f"{where}: '{text}' may be {found[0].image} or {found[1].image}: add folders"
        )
    return next(iter(exact or found), None)


def images_in(folder: Path, suffix: str = "", *, not_ending: Iterable[str] = ()) -> dict[str, Path]:
    """Return name -> path of the image files below a folder, sorted.

    A name is the path below the folder, without file type and ``suffix``. Files whose stems do not
    end in ``suffix``, or end in one of ``not_ending``, are skipped.

    Raises: SplitError if two files differ only in file type.
    """
    found: dict[str, Path] = {}
    others = tuple(one for one in not_ending if one)
    start = len(folder.parts)
    for path in image_files(folder):
        stem = path.stem
        if not stem.endswith(suffix) or stem.endswith(others):
            continue
        name = "/".join((*path.parts[start:-1], stem.removesuffix(suffix)))
        if name in found:
            raise SplitError(f"{path} and {found[name]} have the same name")
        found[name] = path
    return found


def pair_up(
    images: Mapping[str, Path], masks: Mapping[str, Path]
) -> tuple[list[FilePair], list[Path]]:
    """Return pairs of equal names, and the files without a counterpart.

    ``images``, ``masks``: name -> file, as `images_in` returns.
    """
    pairs = [FilePair(name, images[name], masks[name]) for name in images if name in masks]
    alone = [images[name] for name in images if name not in masks]
    return pairs, alone + [masks[name] for name in masks if name not in images]


def with_input(
    pairs: Sequence[FilePair], name: str, files: Mapping[str, Path], folder: Path
) -> list[FilePair]:
    """Return the pairs with a further input ``name``; its ``files`` in ``folder`` have equal names.

    Raises: SplitError that names the first image without such a file.
    """
    require_files({pair.name: pair.image for pair in pairs}, f"input '{name}'", files, folder)
    return [replace(pair, inputs={**pair.inputs, name: files[pair.name]}) for pair in pairs]


def require_files(
    images: Mapping[str, Path], what: str, files: Mapping[str, Path], folder: Path
) -> None:
    """Check that ``what``, such as a further input, has a file in ``folder`` for each image.

    Raises: SplitError that names the first image without one, and the number of others.
    """
    alone = [one for one in images if one not in files]
    if alone:
        more = f" ({plural(len(alone), 'file')} in all)" if len(alone) > 1 else ""
        raise SplitError(
            f"{what}: {folder} has no file '{alone[0]}' for {images[alone[0]]}{more}."
            f"{did_you_mean(alone[0], files)}"
        )
