"""The Oxford-IIIT Pet Dataset: cats and dogs of 37 breeds, one pet in each image.

Parkhi et al., "Cats and dogs" (2012). 3,680 / 3,669 images for trainval / test. Its trimaps have
three ids: 1 is the pet (``foreground``), 2 what is around it (``background``), and 3 the band
between them, which the authors did not classify (``boundary``). There is no published palette;
classes have the colors of VOC in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ...core import LabelMap
from ...core.authoring import (
    MAIN,
    Archive,
    BrokenData,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    Origin,
    dataset_root,
    read_names,
    read_original_mask,
    split_folder,
)

_SPLITS = {"train": "trainval", "test": "test"}
_SITE = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"
_HASHES = {
    "images": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "annotations": "95a8c909bbe2e81eed6a22bccdf3f68f",
}
"""MD5 of the archives, as in torchvision."""

_read = partial(read_original_mask, advice=": use the original file of annotations/trimaps")


class OxfordPets(FileDataset):
    """``images/ID.jpg`` with ``annotations/trimaps/ID.png``.

    ``root``: the folder that contains ``images`` and ``annotations``, or one around it.
    ``download``: fetch both archives into ``root`` if they are missing (800 MB).

    The splits are the lists ``annotations/trainval.txt`` (also called ``train``) and ``test.txt``.
    To ignore the band around the pet, set ``labels: {map: {3: ignore}}``.

    Raises: MissingData for a missing folder or file, SplitError for another split.
    """

    labels: Mapping[str, LabelMap] = {
        MAIN: LabelMap({1: "foreground", 2: "background", 3: "boundary"})
    }

    def __init__(self, split: str, *, root: Path, download: bool = False) -> None:
        name = split_folder(split, _SPLITS, root)
        folder = dataset_root(root, ORIGIN, download=download)
        listing = folder / "annotations" / f"{name}.txt"
        if not listing.is_file():
            raise BrokenData(f"the list {listing} is not a file", ORIGIN.again)
        names = read_names(listing)
        images = FolderFiles(folder / "images", ".jpg", names, listing)
        masks = FolderFiles(folder / "annotations" / "trimaps", ".png", names, listing)
        super().__init__(names, {"image": InputFiles(images)}, {MAIN: LabelFiles(masks, _read)})


ORIGIN = Origin(
    "the Oxford-IIIT Pet Dataset",
    "images.tar.gz and annotations.tar.gz from the site of the Visual Geometry Group "
    "(robots.ox.ac.uk/~vgg/data/pets)",
    "images and annotations/trimaps",
    ("images", "annotations/trimaps"),
    ("oxford-iiit-pet",),
    archives=lambda: [
        Archive(f"{_SITE}/{name}.tar.gz", f"md5:{md5}", {name: name})
        for name, md5 in _HASHES.items()
    ],
)
