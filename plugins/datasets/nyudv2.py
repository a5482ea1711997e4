"""NYUDv2: indoor scenes in color and depth, with 40, 13 or 4 classes.

Silberman et al., "Indoor segmentation and support inference from RGBD images" (2012), which
has the 4 classes; the 40 of Gupta, Arbeláez & Malik, "Perceptual organization and recognition of
indoor scenes from RGB-D images" (2013); the 13 of Couprie et al., "Indoor semantic segmentation
using depth information" (2013). 381 / 414 / 795 / 654 images for train / val / trainval / test.
There is no published palette; classes have the colors of VOC in order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from ...core import LabelMap, read_image
from ...core.authoring import (
    IGNORE,
    MAIN,
    BrokenData,
    Camera,
    DerivedFile,
    FileDataset,
    FolderFiles,
    InputFiles,
    InputSpec,
    LabelFiles,
    MissingPixels,
    Origin,
    array_input,
    dataset_root,
    encode_hha,
    log_once,
    mat73_entry,
    mat73_names,
    mat73_shape,
    names_in,
    read_mat_labels,
    unknown_split,
)
from ...registry import PluxelError
from ._nyudv2_classes import CLASSES, MEMBERS
from .published import facts

LABELED = "nyu_depth_v2_labeled.mat"
_ORIGIN = Origin(
    "NYUDv2",
    f"{LABELED}, from the page of the NYU Depth Dataset V2 (Silberman et al., NYU)",
    f"{LABELED}, or data/images, data/depth, data/hha and segmentation of Gupta et al.",
    (LABELED,),
    ("nyudv2", "nyud"),
)
_EXTRACTED = Origin(
    "NYUDv2", _ORIGIN.fetch, _ORIGIN.layout, ("data/images", "segmentation"), ("nyudv2", "nyud")
)
_PLACES = {"image": "data/images", "depth": "data/depth"}
_HHA, _RAW_HHA = "data/hha", "data/hha_raw"
"""The folders of HHA that was computed from depth with filled holes, and from raw depth."""
_MILLIMETERS = 1000
_FIRST = 5001
"""The number of the first image in the names of Gupta et al."""

CAMERA = Camera(fx=518.85790117, fy=519.46961112, cx=324.58244941, cy=252.73616633)
"""The color camera, onto which depth is projected: camera_params.m of the NYUDv2 toolbox, with
pixels counted from 0."""
CAMERAS = {
    (480, 640): CAMERA,
    # The files of Gupta et al. lack the 45 rows and 40 columns at the border.
    (425, 560): replace(CAMERA, cx=CAMERA.cx - 40, cy=CAMERA.cy - 45),
}

Classes = Literal[40, 13, 4]
Input = Literal["image", "depth", "hha"]
Inputs = Annotated[list[Input], Field(min_length=1)]


class NYUDv2(FileDataset):
    """The labeled ``.mat`` file, or the files that Gupta et al. extracted from it.

    ``root``: the folder with ``nyu_depth_v2_labeled.mat``, or the file itself; or the folder with
    ``data/images/img_ID.png``, ``data/depth``, ``data/hha`` and ``segmentation/img_ID.mat``.
    ``classes``: 40, 13 or 4. Pixels without a label are ignored.
    ``inputs``: ``image``, ``depth`` (millimeters) and ``hha`` (disparity, height, angle to
    gravity), by default the image alone. HHA is computed from depth when it is read, unless
    ``pluxel data prepare nyudv2`` has written it.
    ``missing``: what becomes of pixels without a depth: ``ignore`` also ignores their labels,
    ``mean`` replaces them by the mean, ``fill`` by the nearest depth. HHA always fills them.
    ``raw_depth``: read the depth of the camera, which has holes, from the ``.mat`` file, instead of
    the one with filled holes. Its HHA is in the folder ``data/hha_raw``.
    ``download``: not permitted by the terms of NYUDv2; the error says what to fetch.

    Raises: MissingData for a missing folder or file, SplitError for an unknown split.
    """

    inputs: Mapping[str, InputSpec] = {
        "image": InputSpec(),
        "depth": InputSpec(kind="depth"),
        "hha": InputSpec(kind="hha"),
    }
    derived_splits: Sequence[str] = ("trainval", "test")

    def __init__(
        self,
        split: str,
        *,
        root: Path,
        classes: Classes = 40,
        inputs: Inputs | None = None,
        missing: MissingPixels = "mean",
        raw_depth: bool = False,
        download: bool = False,
    ) -> None:
        names = [f"img_{_FIRST - 1 + number}" for number in _numbers(split, root)]
        specs = {**type(self).inputs, "depth": InputSpec(kind="depth", missing=missing)}
        wanted = inputs or ["image"]
        original = {name: specs[name] for name in wanted if name != "hha"}
        extracted = None if _is_labeled(root) else _EXTRACTED.find(root)
        source = f"split '{split}'"
        if extracted is not None:
            folder = extracted
            if raw_depth:
                raise PluxelError(
                    f"{folder} has no raw depth: set root to {LABELED}, or raw_depth: false"
                )
            found, labels = _extracted(folder, names, source, original)
            self._depth = partial(_depth_file, folder)
        else:
            file = root
            if not _is_labeled(root):
                file = dataset_root(root, _ORIGIN, download=download) / LABELED
            depth = "rawDepths" if raw_depth else "depths"
            found, labels = _labeled(file, names, source, original, depth)
            folder = file.parent
            self._depth = partial(_entry, file, depth, specs["depth"])
        self._hha = folder / (_RAW_HHA if raw_depth else _HHA)
        if "hha" in wanted:
            present = {*names_in(self._hha, ".png")}
            stored = [name for name in names if name in present]
            if absent := [name for name in names if name not in present]:
                if extracted is not None:
                    what = "the depth of NYUDv2, from which HHA is computed,"
                    place = _EXTRACTED.part(extracted / _PLACES["depth"], what)
                    FolderFiles(place, ".png", absent, source)  # raises if one is missing
                _log_computed(len(absent), len(names), folder, raw=raw_depth)
            files = FolderFiles(self._hha, ".png", stored, None)
            compute = partial(_encoded, self._depth)
            found["hha"] = InputFiles(files, specs["hha"], entry=compute)
        super().__init__(names, {name: found[name] for name in wanted}, labels)
        self.labels: Mapping[str, LabelMap] = {MAIN: label_map(classes)}

    @classmethod
    def labels_for(cls, parameters: Mapping[str, Any]) -> Mapping[str, LabelMap]:
        """Return the label map of 40, 13 or 4 classes."""
        return {MAIN: label_map(parameters["classes"])}

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return HHA as PNG."""
        name = self.names[index]
        return [DerivedFile(self._hha / f"{name}.png", partial(_write_hha, self._depth, name))]


def _numbers(split: str, root: Path) -> list[int]:
    """Return the numbers of the images of a split, from 1."""
    given = facts("nyudv2")
    splits = {name: given[name] for name in ("train", "val", "test")}
    splits["trainval"] = sorted(splits["train"] + splits["val"])
    if split not in splits:
        raise unknown_split(split, splits, root)
    return splits[split]


def label_map(classes: Classes) -> LabelMap:
    """Return the raw ids, which are those of the 40 classes; 0 is no label."""
    names = CLASSES[classes]
    ids = {
        raw: name
        for number, name in enumerate(names, 1)
        for raw, member in enumerate(MEMBERS[classes], 1)
        if member == number
    }
    return LabelMap({0: IGNORE} | ids)


def _is_labeled(root: Path) -> bool:
    return root.suffix == ".mat" and root.is_file()


def _extracted(
    folder: Path, names: list[str], source: str, specs: Mapping[str, InputSpec]
) -> tuple[dict[str, InputFiles], dict[str, LabelFiles]]:
    """Return the inputs and labels of the files of Gupta et al."""
    inputs = {}
    for name, spec in specs.items():
        place = _EXTRACTED.part(folder / _PLACES[name], f"the input '{name}' of NYUDv2")
        inputs[name] = InputFiles(FolderFiles(place, ".png", names, source), spec)
    masks = FolderFiles(folder / "segmentation", ".mat", names, source)
    return inputs, {MAIN: LabelFiles(masks, partial(read_mat_labels, key="segmentation"))}


def _labeled(
    file: Path, names: list[str], source: str, specs: Mapping[str, InputSpec], depth: str
) -> tuple[dict[str, InputFiles], dict[str, LabelFiles]]:
    """Return the inputs and labels of the labeled file, which has all images."""
    count = mat73_shape(file, "labels")[-1]
    last = max(map(_index, names)) + 1
    if count < last:
        text = f"{file}: has {count} images, but {source} needs image {last}"
        raise BrokenData(text, ["the original file has 1449 images: copy or fetch it again"])
    keys = {"image": "images", "depth": depth}
    inputs = {
        name: InputFiles(spec=spec, entry=partial(_entry, file, keys[name], spec))
        for name, spec in specs.items()
    }
    return inputs, {MAIN: LabelFiles(entry=partial(_labels, file, _table(file)))}


def _log_computed(count: int, total: int, folder: Path, *, raw: bool) -> None:
    """Log that HHA is not stored for some images, and how to store it."""
    command = f"pluxel data prepare nyudv2 root={folder}{' raw_depth=true' if raw else ''}"
    log_once(
        logging.INFO,
        f"HHA of {count} of {total} images is computed whenever it is read; to store it, run:  "
        f"{command}",
    )


def _index(name: str) -> int:
    """Return the place in the labeled file of an image, from 0."""
    return int(name.removeprefix("img_")) - _FIRST


def _entry(file: Path, key: str, spec: InputSpec, name: str) -> np.ndarray:
    """Return an image (H, W, 3), or a depth (H, W, 1) in millimeters."""
    array = mat73_entry(file, key, _index(name))
    if spec.kind == "depth":
        array = array.astype(np.float32) * _MILLIMETERS
    return array_input(array, spec.rules.channels, f"{file}, {key} of {name}", spec)


def _table(file: Path) -> np.ndarray:
    """Return the number of the class, of 40, for each raw id of the labeled file."""
    known = facts("nyudv2")["ids_40"]
    names = mat73_names(file, "names")
    if unknown := [name for name in names if name not in known]:
        raise PluxelError(f"{file}: the class '{unknown[0]}' is not one of NYUDv2")
    return np.array([0, *(known[name] for name in names)], np.uint8)


def _labels(file: Path, table: np.ndarray, name: str) -> np.ndarray:
    """Return the raw ids (H, W) of an image: numbers of 40 classes, 0 without a label."""
    raw = mat73_entry(file, "labels", _index(name))
    if raw.dtype.kind not in "iu" or (raw.size and not 0 <= raw.min() <= raw.max() < len(table)):
        raise PluxelError(
            f"{file}: the labels of {name} must be integers from 0 to {len(table) - 1}"
        )
    return table[raw]


def _depth_file(folder: Path, name: str) -> np.ndarray:
    """Return the depth (H, W, 1) in millimeters of an extracted file."""
    path = folder / _PLACES["depth"] / f"{name}.png"
    return read_image(path, 1, InputSpec(kind="depth"))


def _write_hha(depth: Callable[[str], np.ndarray], name: str, path: Path) -> None:
    """Write HHA as PNG. Raises: the errors of `_encoded`."""
    Image.fromarray(_encoded(depth, name)).save(path, format="PNG")


def _encoded(depth: Callable[[str], np.ndarray], name: str) -> np.ndarray:
    """Return HHA (H, W, 3) uint8 of an image; holes take the nearest depth first.

    Raises: PluxelError for depth of another size than NYUDv2 has.
    """
    millimeters = depth(name)[..., 0]
    if millimeters.shape not in CAMERAS:
        height, width = millimeters.shape
        raise PluxelError(
            f"the depth of {name} is {height}×{width} (height × width); HHA needs the camera, "
            "which is known for 480×640 and for 425×560, the sizes of the original files"
        )
    return encode_hha(millimeters, CAMERAS[millimeters.shape], missing="fill")
