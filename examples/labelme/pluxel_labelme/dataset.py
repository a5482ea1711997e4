"""Annotations of labelme (Wada 2016): one JSON file of shapes for each image."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pluxel.core import LabelMap
from pluxel.core.authoring import (
    IGNORE,
    MAIN,
    FileDataset,
    FolderFiles,
    InputFiles,
    LabelFiles,
    existing_folder,
    images_in,
    names_in,
    no_files,
    unknown_split,
)

from .shapes import IGNORED, draw, embedded_image

_ALL = "all"
_IGNORED_ID = 255


def _embedded(files: Mapping[str, Path], name: str) -> np.ndarray:
    return embedded_image(files[name])


class LabelMe(FileDataset):
    """``root/SPLIT/NAME.json`` with an image ``NAME`` of any type beside it, or the image inside.

    The split ``all`` is the files in ``root`` itself, for parts such as ``all[:80%]``.

    ``root``: the folder of the annotations. ``classes``: the labels of the shapes, in the order of
    their ids, which start at 1. ``background``: the class of pixels outside of all shapes, or
    ``ignore``.

    Raises: MissingData for a missing folder, SplitError for an unknown split.
    """

    def __init__(
        self, split: str, *, root: Path, classes: list[str], background: str = "background"
    ) -> None:
        self.labels = self.labels_for({"classes": classes, "background": background})
        existing_folder(root, "the annotations of labelme")
        folder = root if split == _ALL else root / split
        if not folder.is_dir():
            known = [path.name for path in root.iterdir() if path.is_dir()]
            raise unknown_split(split, [*known, _ALL], root)
        names = names_in(folder, ".json")
        if not names:
            raise no_files(folder, ".json")
        files = FolderFiles(folder, ".json", names, None)
        images = {name: path for name, path in images_in(folder).items() if name in files}
        ids = {name: number for number, name in enumerate(classes, 1)} | {IGNORED: _IGNORED_ID}
        outside = _IGNORED_ID if background == IGNORE else 0
        super().__init__(
            names,
            {"image": InputFiles(images, entry=partial(_embedded, files))},
            {MAIN: LabelFiles(files, partial(draw, ids=ids, background=outside))},
        )

    @classmethod
    def labels_for(cls, parameters: Mapping[str, Any]) -> Mapping[str, LabelMap]:
        """Return the classes, which follow from the parameters."""
        named = dict(enumerate(parameters["classes"], 1))
        outside = {} if parameters["background"] == IGNORE else {0: parameters["background"]}
        return {MAIN: LabelMap({**outside, **named, _IGNORED_ID: IGNORE})}
