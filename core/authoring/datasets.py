"""Base class and errors for datasets whose samples are in files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ...registry import PluxelError, did_you_mean
from ..common.logs import log_once
from ..common.text import plural
from ..contracts.inputs import PLAIN, InputSpec
from ..contracts.kinds import Sample
from ..contracts.labels import MAIN, LabelMap
from ..data.annotations import annotations_in
from ..data.images import read_image, read_index_mask
from ..data.lazy import LazyMapping
from ..data.listing import file_names
from ..data.pairing import FilePair, images_in, pair_up
from ..data.roots import existing_folder
from ..data.splits import BrokenData, SplitError

IMAGE: Mapping[str, InputSpec] = {"image": PLAIN}
"""One color image."""


@dataclass(frozen=True)
class InputFiles:
    """The files of an input: ``files`` maps the name of a sample to its file.

    ``spec``: what the input is. ``channels``: their number, by default what is usual for the kind
    of input. ``entry``: returns the array of a sample that has no file of its own, by its name.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    spec: InputSpec = PLAIN
    channels: int | None = None
    entry: Callable[[str], np.ndarray] | None = None

    @property
    def num_channels(self) -> int:
        """The number of channels."""
        return self.channels or self.spec.rules.channels

    def array(self, name: str) -> np.ndarray:
        """Return the array (H, W[, channels]) of a sample."""
        if self.entry and name not in self.files:
            return self.entry(name)
        return read_image(self.files[name], self.num_channels, self.spec)


@dataclass(frozen=True)
class LabelFiles:
    """The files of a label map: sample name -> file; ``read`` returns its raw ids (H, W).

    ``entry``: returns the raw ids of a sample that has no file of its own, by its name.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    read: Callable[[Path], np.ndarray] = read_index_mask
    entry: Callable[[str], np.ndarray] | None = None

    def array(self, name: str) -> np.ndarray:
        """Return the raw ids (H, W) of a sample."""
        if self.entry and name not in self.files:
            return self.entry(name)
        return self.read(self.files[name])


class FileDataset:
    """A dataset of samples in files, any number of inputs and label maps; files are read on access.

    Subclasses declare ``labels``. ``names``: of the samples, in order. ``input_files`` and
    ``label_files``: by the name of the input or label map. ``unpaired``: skipped files, whose
    counterpart is missing.

    Raises: PluxelError if an input has the name of a label map.
    """

    labels: Mapping[str, LabelMap]

    def __init__(
        self,
        names: Iterable[str],
        input_files: Mapping[str, InputFiles],
        label_files: Mapping[str, LabelFiles],
        *,
        unpaired: Sequence[Path] = (),
    ) -> None:
        if both := [name for name in input_files if name in label_files]:
            raise PluxelError(
                f"'{both[0]}' is the name of an input and of a label map: rename the input"
            )
        self.names = tuple(names)
        self.inputs: Mapping[str, InputSpec] = {name: one.spec for name, one in input_files.items()}
        self.channels: Mapping[str, int] = {
            name: one.num_channels for name, one in input_files.items()
        }
        self.unpaired = tuple(unpaired)
        self.input_files, self.label_files = dict(input_files), dict(label_files)
        if self.unpaired:
            log_once(
                logging.WARNING,
                f"skipped {plural(len(self.unpaired), 'file')} without a counterpart, "
                f"such as {self.unpaired[0]}",
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        sources = {**self.input_files, **self.label_files}
        return Sample(
            name=name,
            inputs=LazyMapping(
                **{key: partial(one.array, name) for key, one in self.input_files.items()}
            ),
            labels=LazyMapping(
                **{key: partial(one.array, name) for key, one in self.label_files.items()}
            ),
            paths={key: one.files[name] for key, one in sources.items() if name in one.files},
        )


def files_of_pairs(
    pairs: Sequence[FilePair],
    *,
    inputs: Mapping[str, InputSpec] = IMAGE,
    channels: Mapping[str, int] | None = None,
    read_mask: Callable[[Path], np.ndarray] = read_index_mask,
) -> tuple[list[str], dict[str, InputFiles], dict[str, LabelFiles]]:
    """Return the arguments of a `FileDataset` for images, masks and perhaps further inputs.

    ``inputs``: name -> what the input is; the files of all inputs but ``image`` are those of the
    pairs. ``channels``: name -> number of channels, if it is not the usual one. ``read_mask``:
    returns the raw ids (H, W) of a mask; a function of a module, as in `LabelFiles`.
    """
    files = {
        name: {pair.name: pair.inputs[name] for pair in pairs} for name in inputs.keys() - {"image"}
    }
    files["image"] = {pair.name: pair.image for pair in pairs}
    masks = {pair.name: pair.mask for pair in pairs}
    counts = channels or {}
    return (
        [pair.name for pair in pairs],
        {name: InputFiles(files[name], spec, counts.get(name)) for name, spec in inputs.items()},
        {MAIN: LabelFiles(masks, read_mask)},
    )


def split_pairs(
    split: str, images: Path, masks: Path, *, image_suffix: str = "", mask_suffix: str = ""
) -> tuple[list[FilePair], list[Path]]:
    """Return the pairs of images and masks of a split, and the files without a counterpart.

    A split is a subfolder of both folders; files of a pair have equal names. ``image_suffix``,
    ``mask_suffix``: ends of file stems, such as ``_gt`` in ``street_gt.png``.

    Raises: MissingData for a missing folder, SplitError for an unknown or an empty split.
    """
    existing_folder(images, "the images", is_part=bool(file_names(masks)))
    existing_folder(masks, "the masks", is_part=True)
    known = [path.name for path in images.iterdir() if (masks / path.name).is_dir()]
    if split not in known:
        raise unknown_split(split, known, images)
    images, masks = images / split, masks / split
    pairs, alone = pair_up(images_in(images, image_suffix), images_in(masks, mask_suffix))
    if not pairs:
        raise empty_split(split, images, masks)
    return pairs, alone


def empty_split(split: str, images: Path, masks: Path) -> SplitError:
    """Return the error for a split without pairs; it names files of annotation tools.

    ``images``, ``masks``: the folders that were searched.
    """
    found = annotations_in(masks)
    text = f"split '{split}' is empty: no image of {images} has a mask in {masks}"
    return SplitError(text + (f". {found}" if found else ""))


def unknown_split(
    split: str, known: Iterable[str], where: Path, *, advice: Sequence[str] = ()
) -> SplitError:
    """Return the error for a split that does not exist; BrokenData if there are no splits.

    ``known``: the splits that exist. ``where``: the folder or the list that has them; the error
    begins with it. ``advice``: notes of the error if there are none.
    """
    names = sorted(known)
    if not names:
        return BrokenData(f"{where} has no split '{split}'; it has no splits at all", advice)
    available = f"it has {', '.join(names)}.{did_you_mean(split, names)}"
    return SplitError(f"{where} has no split '{split}'; {available}")


def split_folder(
    split: str,
    folders: Mapping[str, str],
    root: Path,
    *,
    unlabeled: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the folder in ``root`` of a split, which may also be called by that folder.

    ``folders``: split -> folder. ``unlabeled``: split -> folder of images in ``root``, for splits
    whose labels are not public.

    Raises: SplitError if the split is unknown or has no public labels.
    """
    if split in unlabeled:
        images = root / unlabeled[split]
        raise SplitError(
            f"the labels of split '{split}' are not public; it has images only",
            [f"to predict them:  pluxel predict RUN {images} --output MASKS"],
        )
    names = {folder: folder for folder in folders.values()} | dict(folders)
    if split not in names:
        raise unknown_split(split, folders, root)
    return names[split]
