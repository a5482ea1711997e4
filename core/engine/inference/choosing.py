"""Choose the files to segment, and name their results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....registry import PluxelError, did_you_mean
from ...data.images import IMAGE_SUFFIXES, files_below, image_files
from ...data.pairing import images_in, require_files
from ...data.videos import VIDEO_SUFFIXES, is_video
from .outputs import OUTPUT_KINDS, VIDEO_SUFFIX


@dataclass(frozen=True)
class Chosen:
    """The files of one sample, by input, and the name of its results without a suffix.

    ``main``: the file that the results are named after.
    """

    files: Mapping[str, Path]
    main: Path
    name: Path

    @property
    def is_video(self) -> bool:
        """Whether the sample is a video; it then has one input."""
        return is_video(self.main)


def choose_files(paths: Iterable[Path] | Mapping[str, Path], inputs: Sequence[str]) -> list[Chosen]:
    """Return the samples in files and folders; for several ``inputs``, ``paths`` is by input.

    Several inputs are paired by the names of their files, which may differ in type, or by what the
    ``*`` of a path stands for. Results are named after the first input.

    Raises: PluxelError for a path that does not exist, for an input that is missing or unknown, for
    an image without a counterpart, and if no image is found.
    """
    if isinstance(paths, Mapping):
        return _by_input({str(name): path for name, path in paths.items()}, inputs)
    if len(inputs) > 1:
        _refuse_videos(paths, inputs)
        parts = " ".join(f"{name}=PATH" for name in inputs)
        raise PluxelError(
            f"the model reads {', '.join(inputs)}: give the files or the folder of each input by "
            f"its name: {parts}"
        )
    names = output_names(find_images(paths))
    return [Chosen({inputs[0]: path}, path, name) for path, name in names.items()]


def _by_input(paths: Mapping[str, Path], inputs: Sequence[str]) -> list[Chosen]:
    for name in paths:
        if name not in inputs:
            raise PluxelError(
                f"the model has no input '{name}'; it reads {', '.join(inputs)}."
                f"{did_you_mean(name, inputs)}"
            )
    if missing := [name for name in inputs if name not in paths]:
        parts = " ".join(f"{name}=PATH" for name in missing)
        raise PluxelError(f"the model also reads {', '.join(missing)}: add {parts}")
    first, *others = inputs
    if others:
        _refuse_videos(paths.values(), inputs)
    if not others and "*" not in paths[first].name:
        return choose_files([paths[first]], inputs)
    if all(paths[name].is_file() for name in inputs):
        main = paths[first]
        return [Chosen({name: paths[name] for name in inputs}, main, Path(main.stem))]
    found = {name: _files_in(paths[name]) for name in inputs}
    alone = [name for name in inputs if paths[name].is_file()]
    if alone and any(found[first].keys() - found[name].keys() for name in others):
        one = next(name for name in inputs if name not in alone)
        raise PluxelError(
            f"{alone[0]}={paths[alone[0]]} is one file, but {one}={paths[one]} is not: give a file "
            "of each input, or a folder of each"
        )
    for name in others:
        require_files(found[first], f"input '{name}'", found[name], paths[name])
    names = {path: name for name, path in found[first].items()}
    results = output_names([(path, Path(name + path.suffix)) for path, name in names.items()])
    return [
        Chosen({one: found[one][names[path]] for one in inputs}, path, result)
        for path, result in results.items()
    ]


def _refuse_videos(paths: Iterable[Path], inputs: Sequence[str]) -> None:
    for path in paths:
        if is_video(path) and path.is_file():
            raise PluxelError(
                f"{path}: a model that reads {', '.join(inputs)} has no frames of videos to read; "
                "save the frames of each input as images"
            )


def _files_in(path: Path) -> dict[str, Path]:
    """Return name -> image file, in a folder or of a pattern with one ``*``."""
    if path.is_dir():
        found = images_in(path)
    elif path.is_file():
        found = {path.stem: path}
    elif path.name.count("*") == 1 and path.parent.is_dir():
        found = {}
        start, end = path.name.split("*")
        for file in image_files(path.parent):
            name = file.name
            if name.startswith(start) and name.endswith(end) and len(name) > len(start + end):
                folders = file.relative_to(path.parent).parts[:-1]
                found["/".join((*folders, name[len(start) : len(name) - len(end)]))] = file
    else:
        raise PluxelError(f"{path} does not exist")
    if not found:
        raise PluxelError(f"{path}: no images found; supported: {_SUPPORTED}")
    return found


_SUPPORTED = ", ".join(sorted(IMAGE_SUFFIXES))
_ALSO_VIDEOS = f"{_SUPPORTED}; as videos: {', '.join(sorted(VIDEO_SUFFIXES))}"


def find_images(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return pairs of an image or video and its name below the given path; search folders.

    Raises: PluxelError for a path that does not exist, or if none is found.
    """
    found = [pair for path in paths for pair in _expand(path)]
    if not found:
        raise PluxelError(f"no images or videos found; supported: {_ALSO_VIDEOS}")
    return found


def _expand(path: Path) -> Iterator[tuple[Path, Path]]:
    if path.is_dir():
        for file in files_below(path, IMAGE_SUFFIXES | VIDEO_SUFFIXES):
            yield file, file.relative_to(path)
    elif path.exists():
        yield path, Path(path.name)
    else:
        raise PluxelError(f"{path} does not exist")


def output_names(images: Sequence[tuple[Path, Path]]) -> dict[Path, Path]:
    """Return a unique name, without suffix, for the results of each image.

    If ``a.jpg`` and ``a.png`` collide, names keep their suffixes; a number distinguishes images
    with equal full names, and results that would have the name of a folder. A file that is given
    several times is named once.
    """
    unique = {}
    for path, name in images:
        unique.setdefault(path.parent.resolve() / path.name, (path, name))
    stems = Counter(name.with_suffix("") for _, name in unique.values())
    wanted = [
        (path, name if stems[name.with_suffix("")] > 1 else name.with_suffix(""))
        for path, name in unique.values()
    ]
    taken = {name for _, name in wanted}
    folders = {parent for _, name in wanted for parent in name.parents}
    of_images = {".tif", *(kind.suffix for kind in OUTPUT_KINDS)}
    of_videos = {"", VIDEO_SUFFIX}
    names, given = {}, set[Path]()
    for path, name in wanted:
        chosen, number = name, 1
        suffixes = of_videos if is_video(path) else of_images
        while (
            chosen in given
            or (number > 1 and chosen in taken)
            or any(Path(f"{chosen}{suffix}") in folders for suffix in suffixes)
        ):
            number += 1
            chosen = name.with_name(f"{name.name}-{number}")
        given.add(chosen)
        names[path] = chosen
    return names
