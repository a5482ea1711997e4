"""VOC and SBD as one training set, without the images on which the network is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    DerivedFile,
    FileDataset,
    InputFiles,
    LabelFiles,
    SplitError,
    derived_files,
    log_once,
)
from .sbd import SBD, read_mask
from .voc import LABELS, SEG11VALID, VOC, Year, split_names


class VOCAndSBD(FileDataset):
    """The split ``train`` of VOC with the images of SBD; all other splits are those of VOC.

    ``voc``: the root of VOC. ``sbd``: the root of SBD.
    ``year``: of VOC.
    ``validation``: the split of VOC on which you evaluate. Its images are left out of the split
    ``train``, because SBD trains on images that VOC validates on; the log says how many. Other
    splits that share an image with ``train`` are an error, because their scores would be too high.
    ``sbd_split``: the lists of SBD to train on: ``train``, as in the FCN paper, or ``train+val``,
    which with ``validation: val`` gives the 10,582 images known as *trainaug*.
    ``voc_train``: whether to train on the images of VOC too; the FCN release trains on SBD alone.
    ``download``: fetch what is missing (3.4 GB).

    An image that is in both has the mask of VOC, which marks the borders of objects as void; SBD
    does not.

    Raises: MissingData for a missing folder or file; SplitError for an unknown list or a list that
    shares images with ``train``.
    """

    labels: Mapping[str, LabelMap] = {MAIN: LABELS}

    def __init__(
        self,
        split: str,
        *,
        voc: Path,
        sbd: Path,
        year: Year = "2012",
        validation: str = SEG11VALID,
        sbd_split: Literal["train", "train+val"] = "train",
        voc_train: bool = True,
        download: bool = False,
    ) -> None:
        own = VOC(split, root=voc, year=year, download=download)
        held_out = {*split_names(own.lists, validation, own.origin, [SEG11VALID])[0]}
        is_train = split == "train"
        of_sbd: list[SBD] = []
        if is_train or not held_out.issuperset(own.names):
            of_sbd = [SBD(one, root=sbd, download=download) for one in sbd_split.split("+")]
        if is_train:
            of_voc = [own] if voc_train else []
            _report("VOC", of_voc, held_out, validation)
            _report("SBD", of_sbd, held_out, validation)
            parts, names = [*of_voc, *of_sbd], _without(held_out, *of_voc, *of_sbd)
        else:
            trained = {*_without(held_out, *of_sbd)}
            if of_sbd and voc_train:
                trained |= {*split_names(own.lists, "train", own.origin)[0]} - held_out
            _check_separate(split, own.names, trained, validation)
            parts, names = [own], own.names
        # The first dataset that has an image counts.
        self._places = {
            name: (part, at) for part in reversed(parts) for at, name in enumerate(part.names)
        }
        of = {name: part for name, (part, _) in self._places.items()}
        images = {name: of[name].input_files["image"].files[name] for name in names}
        masks = {name: of[name].label_files[MAIN].files[name] for name in names}
        super().__init__(names, {"image": InputFiles(images)}, {MAIN: LabelFiles(masks, read_mask)})

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return the mask of SBD as PNG; none for a mask of VOC."""
        return derived_files(*self._places[self.names[index]])


def _without(held_out: Collection[str], *parts: FileDataset) -> list[str]:
    """Return the names of all parts, each once, but those that are held out."""
    every = dict.fromkeys(name for part in parts for name in part.names)
    return [name for name in every if name not in held_out]


def _check_separate(
    split: str, names: Sequence[str], trained: Collection[str], validation: str
) -> None:
    """Raise SplitError if training would see an image of the split."""
    if count := sum(name in trained for name in names):
        raise SplitError(
            f"{count} of {len(names)} images of split '{split}' are also in the split 'train', "
            f"which leaves out the images of '{validation}' only: scores on '{split}' would be too "
            f"high. To train without them, set validation: {split}; or evaluate on '{validation}'"
        )


def _report(
    what: str, parts: Iterable[FileDataset], held_out: Collection[str], validation: str
) -> None:
    """Log how many images of one of the two datasets are left out."""
    names = [name for part in parts for name in part.names]
    count = sum(name in held_out for name in names)
    if count or what == "SBD":
        log_once(
            logging.INFO, f"{count} of {len(names)} {what} images are in {validation}; left out"
        )
