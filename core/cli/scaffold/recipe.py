"""Write a first configuration for a folder of images and masks, from a survey of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...common.text import plural
from ...config.tree.emit import scalar
from ...config.tree.files import read_text, shipped
from ...contracts.colors import hex_color, unpack
from ...contracts.labels import IGNORE
from ...data.survey import Survey, SurveyError
from .schema import MODELINE

TEMPLATE = "folder_fcn8s_resnet18"
"""The shipped configuration that has what a survey does not find out."""

_SECTION = re.compile(r"^(\w+):.*\n(?:[ #].*\n)*", re.MULTILINE)

_TRAIN = ("train", "training")
_VAL = ("val", "valid", "validation", "dev", "test", "testing")
_FEW = 40
"""Split fewer images than this by position: a random split may leave one side empty."""


_TRANSPARENT = (
    "Transparent pixels are ignored; if they are a class, save the masks without transparency"
)


def write_recipe(survey: Survey, images: Path, masks: Path, file: Path) -> str:
    """Return the text of a configuration that trains on a laptop, to be written to ``file``.

    Raises: SurveyError for fewer than two label ids or two images.
    """
    if len(survey.ids) < 2:
        only = _key(next(iter(survey.ids)), survey) if survey.ids else "of no class"
        hint = f". {_TRANSPARENT}" if survey.transparent else ""
        raise SurveyError(
            f"all masks contain only the id {only}; training needs at least two classes{hint}"
        )
    if len(survey.pairs) < 2:
        raise SurveyError("one image is not enough: validation needs a second image")
    options, splits, why = _division(survey)
    text = read_text(shipped()[TEMPLATE])
    template = {found[1]: found[0] for found in _SECTION.finditer(text)}
    dataset = [
        template["dataset"].splitlines()[1],  # its type
        f"  images: {scalar(str(images))}",
        f"  masks: {scalar(str(masks))}",
        *_options(survey),
        "  classes: # name them; `ignore` excludes pixels",
        *_classes(survey),
        *options,
    ]
    size = 8 if max(_crop(survey)) <= 256 else 4
    changed = {
        "dataset": _section("dataset:", dataset),
        "splits": _section(f"splits: {splits}"),
        "augment": _section("augment:", ["  train:", *_augmentation(survey)]),
        "training": re.sub(r"batch_size: \d+", f"batch_size: {size}", template["training"]),
    }
    header = [
        text.partition("\n")[0],
        *_found(survey, images, masks),
        f"# {why}",
        f"# Check it: pluxel data check {file}.  Then: pluxel train {file}",
        MODELINE,
    ]
    return _section(*header) + "".join({**template, **changed}.values())


def _section(*lines: str | Sequence[str]) -> str:
    flat = [one for line in lines for one in ([line] if isinstance(line, str) else line)]
    return "".join(f"{line}\n" for line in flat)


def _found(survey: Survey, images: Path, masks: Path) -> list[str]:
    heights, widths = zip(*survey.sizes, strict=True)
    size = f"{_range(heights)} × {_range(widths)} pixels (height × width)"
    kinds = {"index": "class ids", "rgb": "colors", "binary": "0 and 255"}
    found = f"{plural(len(survey.pairs), 'image')} with masks"
    lines = [
        "# Written by `pluxel data init`.",
        f"# Found: {found} in {images} and {masks}, {size}.",
        f"# Values of the masks: {kinds[survey.mask_format]}, {survey.values} different ones.",
    ]
    if survey.values > len(survey.ids):
        lines.append("# Shades between 0 and 255 are read as the nearer of the two.")
    if survey.transparent:
        lines.append(f"# {plural(survey.transparent, 'mask')} with transparent pixels.")
        lines.append(f"# {_TRANSPARENT}.")
    if survey.unpaired:
        lines.append(
            f"# Skipped {plural(len(survey.unpaired), 'file')} without a counterpart, "
            f"such as {survey.unpaired[0]}."
        )
    return lines


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"


def _division(survey: Survey) -> tuple[list[str], str, str]:
    """Return dataset lines, the splits, and a remark that describes the splits."""
    train = _first(_TRAIN, survey.subfolders)
    val = _first(_VAL, survey.subfolders)
    if train and val:
        remark = f"Subfolders: {train} for training, {val} for validation."
        return [], f"{{train: {scalar(train)}, val: {scalar(val)}}}", remark
    if len(survey.pairs) < _FEW:
        last = -(-len(survey.pairs) // 5)
        remark = f"Validation uses the last {plural(last, 'image')} by name."
        return [], f'{{train: "all[:-{last}]", val: "all[-{last}:]"}}', remark
    remark = "Validation uses a fifth of the images, selected by name and seed."
    lines = ["  fractions: {train: 0.8, val: 0.2}", "  seed: 0"]
    return lines, "{train: train, val: val}", remark


def _first(names: Sequence[str], folders: Sequence[str]) -> str | None:
    lower = {folder.lower(): folder for folder in folders}
    return next((lower[name] for name in names if name in lower), None)


def _options(survey: Survey) -> list[str]:
    options: Mapping[str, str | int] = {
        "image_suffix": survey.image_suffix,
        "mask_suffix": survey.mask_suffix,
        "mask_format": survey.mask_format if survey.mask_format != "index" else "",
        "channels": survey.channels if survey.channels != 3 else "",
    }
    return [f"  {name}: {scalar(value)}" for name, value in options.items() if value]


def _classes(survey: Survey) -> list[str]:
    lines = []
    for number, (one, (pixels, masks)) in enumerate(survey.ids.items()):
        share = 100 * pixels / survey.pixels
        lines.append(
            f"    {_key(one, survey)}: {_name(one, number, survey)} "
            f"# {share:.3g} % of the pixels, in {masks} of {len(survey.pairs)} masks"
        )
    return lines


def _key(one: int, survey: Survey) -> str:
    return f'"{hex_color(unpack(one))}"' if survey.mask_format == "rgb" else str(one)


def _name(one: int, number: int, survey: Survey) -> str:
    if one == 0:
        return "background"
    if survey.mask_format == "binary":
        return "object"
    if one < 0 or (one == 255 and survey.mask_format == "index" and not _are_shades(survey)):
        return IGNORE  # the usual meaning of this id
    return f"class_{number if survey.mask_format == 'rgb' else one}"


def _are_shades(survey: Survey) -> bool:
    """Return whether ids up to 255 are black, white, and gray between, not numbers of classes."""
    others = [one for one in survey.ids if one != 255]
    return len(others) < 2 or max(others) >= max(64, 8 * len(others))


def _crop(survey: Survey) -> tuple[int, int]:
    """Return (height, width): up to 320 and the smallest image, in multiples of 32."""
    height, width = (
        min(320, max(32, min(sides) // 32 * 32)) for sides in zip(*survey.sizes, strict=True)
    )
    return height, width


def _augmentation(survey: Survey) -> list[str]:
    height, width = _crop(survey)
    lines = [
        "    - RandomScale: {scale_limit: [-0.3, 0.5], p: 1}",
        f"    - RandomCrop: {{height: {height}, width: {width}, pad_if_needed: true}}",
        "    - HorizontalFlip # remove it if left and right differ in meaning",
    ]
    return [*lines, "    - RandomBrightnessContrast"] if survey.channels == 3 else lines
