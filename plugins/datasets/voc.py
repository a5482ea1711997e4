"""PASCAL VOC segmentation in its original layout: 20 classes and background.

Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge" (2010). 1,112 / 1,111 images
for train / val of 2011, 1,464 / 1,449 of 2012; 736 for ``seg11valid``, on which the FCN paper
(Long, Shelhamer & Darrell 2015, footnote 7) evaluates: val of 2011 without the images that SBD
trains on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from ...core import LabelMap
from ...core.authoring import (
    IGNORE,
    MAIN,
    Archive,
    BrokenData,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    expand_home,
    names_in,
    read_names,
    read_palette_mask,
    unknown_split,
    unquoted,
    voc_color,
)
from .published import listed

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
LABELS = LabelMap(
    ids=dict(enumerate(CLASSES)) | {255: IGNORE},
    palette={name: voc_color(index) for index, name in enumerate(CLASSES)}
    | {IGNORE: voc_color(255)},
)
COLORS = {raw: LABELS.palette[name] for raw, name in LABELS.ids.items()}

SEG11VALID = "seg11valid"
Year = Annotated[Literal["2011", "2012"], unquoted("2011", "2012")]


class VOC(FileDataset):
    """``JPEGImages/ID.jpg`` with ``SegmentationClass/ID.png`` (palette indices, 255 is void).

    ``root``: the folder ``VOC2012``, or one that contains ``VOC2012`` or ``VOCdevkit``.
    ``year``: year in the name of the folder ``VOC2012``.
    ``download``: fetch the archive of that year into ``root`` if the dataset is missing (2 GB).

    A split is the name of a list in ``ImageSets/Segmentation`` (``train``, ``val``, ``trainval``
    …), the path of a list file, or ``seg11valid``, which needs no file.

    Raises: MissingData for a missing folder or file, SplitError for an unknown list.
    """

    labels: Mapping[str, LabelMap] = {MAIN: LABELS}

    def __init__(
        self, split: str, *, root: Path, year: Year = "2012", download: bool = False
    ) -> None:
        self.origin = origin(year)
        folder = dataset_root(root, self.origin, download=download)
        images = folder / "JPEGImages"
        masks = self.origin.part(folder / "SegmentationClass", "the masks of VOC")
        self.lists = folder / "ImageSets" / "Segmentation"
        names, listing = split_names(self.lists, split, self.origin, [SEG11VALID])
        read = partial(read_palette_mask, palette=COLORS)
        super().__init__(
            names,
            {"image": InputFiles(FolderFiles(images, ".jpg", names, listing))},
            {MAIN: LabelFiles(FolderFiles(masks, ".png", names, listing), read)},
        )


def origin(year: str, *, others: Sequence[str] = ()) -> Origin:
    """Return where VOC of a year comes from; ``others``: further folders to find its images by."""
    return Origin(
        f"PASCAL VOC {year}",
        f"the training and validation data of VOC{year} from the site of the PASCAL VOC challenge "
        f"(host.robots.ox.ac.uk/pascal/VOC/voc{year})",
        f"VOC{year}, with JPEGImages, SegmentationClass and ImageSets",
        ("JPEGImages", *others),
        (f"VOC{year}", f"VOCdevkit/VOC{year}", f"TrainVal/VOCdevkit/VOC{year}"),
        [f"VOC{other}" for other in range(2005, 2013) if str(other) != year],
        partial(_archives, year),
    )


def _archives(year: str) -> list[Archive]:
    # torchvision knows the addresses and the hashes; importing it takes a second.
    from torchvision.datasets.voc import DATASET_YEAR_DICT  # noqa: PLC0415

    known = DATASET_YEAR_DICT[year]
    place = f"VOCdevkit/VOC{year}"
    return [Archive(known["url"], f"md5:{known['md5']}", {known["base_dir"]: place})]


def split_names(
    folder: Path, split: str, source: Origin, shipped: Collection[str] = ()
) -> tuple[list[str], Path | str]:
    """Return the names of a split, and where they come from.

    ``folder``: of the lists of VOC, which comes from ``source``. ``shipped``: lists that need no
    file, perhaps ``seg11valid``.

    Raises: SplitError for an unknown list, and for a list that names an image twice.
    """
    if split.endswith(".txt") or "/" in split:
        if not expand_home(Path(split)).is_file():
            raise BrokenData(f"the list of split '{split}' is not a file")
        listing = expand_home(Path(split))
        return read_names(listing), listing
    known = names_in(folder, ".txt")
    if split in known:
        listing = folder / f"{split}.txt"
        return read_names(listing), listing
    if split in shipped:
        return seg11valid(), f"the list {SEG11VALID}"
    source.part(folder, "the lists of VOC")
    every = {*known, *shipped} if known else ()
    raise unknown_split(split, every, folder, advice=source.again)


def seg11valid() -> list[str]:
    """Return the 736 names of the list ``seg11valid.txt`` of the FCN paper's release."""
    return listed(SEG11VALID)
