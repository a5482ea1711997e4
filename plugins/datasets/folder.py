"""The user's own images and masks: two folders and a list of classes, without code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...core import LabelMap, MissingData, read_index_mask
from ...core.authoring import (
    MAIN,
    BrokenData,
    FileDataset,
    FilePair,
    InputKind,
    InputSpec,
    LabelFiles,
    RawIds,
    SplitError,
    empty_split,
    existing_folder,
    file_names,
    files_of_pairs,
    images_in,
    listed_pairs,
    pair_up,
    raw_id,
    read_binary_mask,
    read_lines,
    read_rgb_mask,
    require_files,
    unknown_split,
    unpack,
    with_input,
)
from ...registry import PluxelError

ALL = "all"
"""The split with all pairs, for parts such as ``all[:80%]``."""


class FolderInput(InputSpec):
    """A further input: files with the names of the images, except for suffixes.

    ``folder``: of the files. ``kind``: of their values. ``suffix``: end of file stems, such as
    ``_depth``. ``channels``: by default 1 for depth and maps, otherwise 3.
    """

    folder: Path
    kind: InputKind  # pyright: ignore[reportGeneralTypeIssues] - required, unlike in the base
    suffix: str = ""
    channels: Annotated[int, Field(ge=1)] | None = None

    @property
    def spec(self) -> InputSpec:
        """What the input is, without the place of its files."""
        return InputSpec(**{name: getattr(self, name) for name in InputSpec.model_fields})


MaskFormat = Literal["auto", "index", "rgb", "binary"]


class FolderTarget(BaseModel):
    """A further label map: masks with the names of the images, except for suffixes.

    ``masks``: their folder. ``classes``, ``mask_format``, ``mask_suffix``: as for `Folder`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    masks: Path
    classes: RawIds | list[str]
    mask_format: MaskFormat = "auto"
    mask_suffix: str = ""


Share = Annotated[float, Field(gt=0, le=1)]


class FolderError(PluxelError):
    """The parameters contradict each other."""


class Folder(FileDataset):
    """Images and masks of equal names (except for suffixes), including subfolders.

    ``images``: folder of the images. ``masks``: folder of the masks.
    ``root``: base folder of ``images``, ``masks`` and the list files of ``splits``.
    ``classes``: raw id (``"#rrggbb"`` for colored masks) -> class or ``ignore``; or a list of
    classes, numbered from 0.
    ``mask_format``: ``index`` reads integers of any type and palette indices; ``rgb``
    reads colors; ``binary`` reads 0 and 1 from masks of 0 and 255; ``auto`` is ``rgb`` if the keys
    of ``classes`` are colors, else ``index``.
    ``image_suffix``, ``mask_suffix``: ends of file stems, such as ``_gt`` in ``street_gt.png``.
    ``kind``: of the values of images, such as ``depth`` if there are no color images.
    ``channels``: number of image channels, by default 1 for depth and maps, otherwise 3; counts
    other than 1, 3 and 4 need ``.npy`` or TIFF files.
    ``scale``: the value in images that stands for 1, such as 10000 for reflectances; by default 255
    for uint8, 65535 for uint16 and 1 for floating point. For depth, the value of 1 mm.
    ``nodata``: the value of image pixels without data, in addition to what TIFF files declare; the
    labels of such pixels are ignored, except for depth and HHA. By default (``auto``) 0 for depth
    and HHA, otherwise none; ``null`` means none.
    ``inputs``: name -> a further input, such as ``{depth: {folder: depth, kind: depth}}``.
    ``targets``: name -> a further label map beside ``semantic``, such as
    ``{geometric: {masks: geo, classes: [sky, ground]}}``.

    ``splits``: split -> file that lists its images. By default, and without ``fractions``, splits
    are subfolders of the same name in both folders.
    ``fractions``: split -> share of the images. The split of an image depends only on its name and
    ``seed``, so adding images moves no others.
    ``seed``: selects which images the ``fractions`` assign to which split.

    ``all`` is always a split.

    Raises: FolderError, SplitError; MissingData for a missing folder or list file.
    """

    def __init__(
        self,
        split: str,
        *,
        images: Path,
        masks: Path,
        classes: RawIds | list[str],
        root: Path = Path(),
        mask_format: MaskFormat = "auto",
        image_suffix: str = "",
        mask_suffix: str = "",
        splits: dict[str, Path] | None = None,
        fractions: dict[str, Share] | None = None,
        seed: int = 0,
        kind: InputKind = "color",
        channels: Annotated[int, Field(ge=1)] | None = None,
        scale: Annotated[float, Field(gt=0)] | None = None,
        nodata: float | Literal["auto"] | None = "auto",
        inputs: dict[str, FolderInput] | None = None,
        targets: dict[str, FolderTarget] | None = None,
    ) -> None:
        # Check the parameters first: the data may not be on this machine.
        maps = targets or {}
        if MAIN in maps:
            raise FolderError(f"targets: '{MAIN}' is the name of 'masks'; choose another name")
        labels = {MAIN: _label_map(classes, mask_format)}
        labels |= {name: _label_map(one.classes, one.mask_format) for name, one in maps.items()}
        further = inputs or {}
        if "image" in further:
            raise FolderError("inputs: 'image' is the name of the images; choose another name")
        known = _described(splits, fractions)
        if known and split not in known:
            raise unknown_split(split, known, root / images)
        folder, images = images, _folder(root / images, "the images", beside=root / masks)
        masks = _folder(root / masks, "the masks", beside=images)
        places = {
            name: _folder(root / one.folder, f"the files of input '{name}'", beside=images)
            for name, one in further.items()
        }
        of_maps = {
            name: _folder(root / one.masks, f"the masks of target '{name}'", beside=images)
            for name, one in maps.items()
        }
        suffixes = {
            (masks, mask_suffix),
            *((places[name], one.suffix) for name, one in further.items()),
            *((of_maps[name], one.mask_suffix) for name, one in maps.items()),
        }
        others = [suffix for place, suffix in suffixes if place == images]
        if not known and split != ALL:
            known = {path.name for path in images.iterdir() if (masks / path.name).is_dir()} | {ALL}
            images, masks = _subfolder(images, split, known), _subfolder(masks, split, known)
            places = {name: _subfolder(place, split, known) for name, place in places.items()}
            of_maps = {name: _subfolder(place, split, known) for name, place in of_maps.items()}
        listing = root / splits[split] if splits and split != ALL else None
        if listing is not None and not listing.is_file():
            is_part = file_names(images)
            raise (BrokenData if is_part else MissingData)(f"the list {listing} is not a file")
        pairs, alone = pair_up(
            images_in(images, image_suffix, not_ending=others),
            images_in(masks, mask_suffix),
        )
        if not pairs:
            raise empty_split(split, images, masks)
        if listing is not None:
            pairs, alone = _listed(pairs, listing, folder), []
        elif fractions and split != ALL:
            pairs = _drawn(pairs, split, fractions, seed)
        for name, one in further.items():
            files = images_in(places[name], one.suffix)
            pairs = with_input(pairs, name, files, places[name])
        counts = {"image": channels, **{name: one.channels for name, one in further.items()}}
        read_mask = _reader(labels[MAIN], mask_format)
        own = {} if nodata == "auto" else {"nodata": nodata}
        specs = {"image": InputSpec.model_validate({"kind": kind, "scale": scale} | own)}
        specs |= {name: one.spec for name, one in further.items()}
        given = {name: count for name, count in counts.items() if count is not None}
        names, of_inputs, of_labels = files_of_pairs(
            pairs, inputs=specs, channels=given, read_mask=read_mask
        )
        for name, one in maps.items():
            found = images_in(of_maps[name], one.mask_suffix)
            require_files(of_inputs["image"].files, f"target '{name}'", found, of_maps[name])
            chosen = {each: found[each] for each in names}
            of_labels[name] = LabelFiles(chosen, _reader(labels[name], one.mask_format))
        super().__init__(names, of_inputs, of_labels, unpaired=alone)
        self.labels = labels


_READERS: Mapping[str, Callable[[Path], np.ndarray]] = {
    "index": read_index_mask,
    "rgb": read_rgb_mask,
    "binary": read_binary_mask,
}


def _reader(labels: LabelMap, mask_format: MaskFormat) -> Callable[[Path], np.ndarray]:
    usual = "rgb" if labels.packed_rgb else "index"
    return _READERS[usual if mask_format == "auto" else mask_format]


def _folder(folder: Path, what: str, *, beside: Path) -> Path:
    """Return an existing folder; without it, files ``beside`` it are an incomplete dataset."""
    return existing_folder(folder, what, is_part=bool(file_names(beside)))


def _label_map(classes: RawIds | list[str], mask_format: MaskFormat) -> LabelMap:
    if isinstance(classes, list):
        classes = dict(enumerate(classes))
    colored = {isinstance(key, str) for key in classes}
    if len(colored) > 1:
        raise FolderError("the keys of classes mix ids and colors")
    packed = colored == {True}
    if packed != (mask_format == "rgb") and mask_format != "auto" and classes:
        keys = "colors" if packed else "ids"
        raise FolderError(f"mask_format is {mask_format}, but the keys of classes are {keys}")
    ids = {raw_id(key): name for key, name in classes.items()}
    if mask_format == "binary" and set(ids) != {0, 1}:
        raise FolderError(
            "binary masks need two classes with ids 0 and 1, such as classes: [background, object]"
        )
    colors = {name: unpack(raw) for raw, name in reversed(ids.items())} if packed else {}
    return LabelMap(ids, colors, packed)


def _described(
    splits: Mapping[str, Path] | None, fractions: Mapping[str, float] | None
) -> set[str]:
    """Return the splits that the parameters define; empty if subfolders define them."""
    if splits and fractions:
        raise FolderError("give either splits or fractions, not both")
    if fractions and sum(fractions.values()) > 1 + 1e-9:
        raise FolderError(f"the fractions add up to {sum(fractions.values()):g}, more than 1")
    named = {*(splits or ()), *(fractions or ())}
    return named | {ALL} if named else set()


def _subfolder(folder: Path, split: str, known: set[str]) -> Path:
    if (folder / split).is_dir():
        return folder / split
    error = unknown_split(split, known, folder)
    raise SplitError(
        f"{error.message} A split is a subfolder of images and masks, a list file "
        "(splits: {train: train.txt}) or a share (fractions: {train: 0.8, val: 0.2})"
    )


def _listed(pairs: list[FilePair], listing: Path, folder: Path) -> list[FilePair]:
    """Return the pairs that a file lists, one name or path per line, in the order of the file."""
    listed = listed_pairs(pairs, read_lines(listing), listing, folder)
    if not listed:
        raise SplitError(f"{listing} lists no image")
    return listed


def _drawn(
    pairs: list[FilePair], split: str, fractions: Mapping[str, float], seed: int
) -> list[FilePair]:
    """Return the pairs whose names the fractions assign to a split."""
    drawn = [pair for pair in pairs if _share(pair.name, fractions, seed) == split]
    if not drawn:
        raise SplitError(
            f"split '{split}' is empty: none of {len(pairs)} images fell into its fraction "
            f"{fractions[split]:g}. Set another seed or fraction, or choose by position: "
            "splits: {train: 'all[:-2]', val: 'all[-2:]'}"
        )
    return drawn


def _share(name: str, fractions: Mapping[str, float], seed: int) -> str | None:
    """Return the split of a name: its hash, in 0–1, selects an interval of the fractions."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    for split, fraction in fractions.items():
        place -= fraction
        if place < 0:
            return split
    return None
