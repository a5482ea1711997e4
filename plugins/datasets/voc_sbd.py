"""VOC and SBD as one training set, without the images on which the network is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

from ...core import LabelMap
from ...core.authoring import MAIN, FileDataset, InputFiles, LabelFiles, log_once
from .sbd import SBD, read_mask
from .voc import LABELS, SEG11VALID, VOC, Year, split_names


class VOCAndSBD(FileDataset):
    """The split ``train`` of VOC with the images of SBD; all other splits are those of VOC.

    ``voc``: the root of VOC. ``sbd``: the root of SBD.
    ``year``: of VOC.
    ``validation``: the split of VOC on which you evaluate. Its images are left out of the split
    ``train``, because SBD trains on images that VOC validates on; the log says how many.
    ``sbd_split``: the lists of SBD to train on: ``train``, as in the FCN paper, or ``train+val``,
    which with ``validation: val`` gives the 10,582 images known as *trainaug*.
    ``voc_train``: whether to train on the images of VOC too; the FCN release trains on SBD alone.
    ``download``: fetch what is missing (3.4 GB).

    An image that is in both has the mask of VOC, which marks the borders of objects as void; SBD
    does not.

    Raises: MissingData for a missing folder or file, SplitError for an unknown list.
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
        parts: list[FileDataset] = [own] if voc_train or split != "train" else []
        held_out: set[str] = set()
        if split == "train":
            held_out = {*split_names(own.lists, validation, [SEG11VALID])[0]}
            more = [SBD(one, root=sbd, download=download) for one in sbd_split.split("+")]
            for what, listed in (("VOC", parts), ("SBD", more)):
                _report(what, listed, held_out, validation)
            parts += more
        # The first dataset that has an image counts.
        of = {name: part for part in reversed(parts) for name in part.names}
        every = dict.fromkeys(name for part in parts for name in part.names)
        names = [name for name in every if name not in held_out]
        images = {name: of[name].input_files["image"].files[name] for name in names}
        masks = {name: of[name].label_files[MAIN].files[name] for name in names}
        super().__init__(names, {"image": InputFiles(images)}, {MAIN: LabelFiles(masks, read_mask)})


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
