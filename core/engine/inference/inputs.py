"""Read the images that a pipeline accepts into raw pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ....registry import PluxelError, article, did_you_mean
from ...common.text import extent
from ...contracts.inputs import PLAIN, InputSpec
from ...data.images import array_input, convert, read_image

ImageLike = str | Path | Image.Image | np.ndarray
"""A file, a PIL image (rotated by its EXIF orientation), or raw pixels (H, W[, channels])."""


def read_inputs(
    image: ImageLike | Mapping[str, ImageLike],
    channels: Mapping[str, int],
    inputs: Mapping[str, InputSpec],
) -> dict[str, np.ndarray]:
    """Return the raw pixels (H, W, channels) of each input; those without data are masked.

    ``channels``: the number of channels of each input of the model, by name. ``inputs``: how
    files and arrays encode the values of inputs, by name, if a dataset declared it.

    Raises: PluxelError for an unreadable file, an empty image, another type or layout, and inputs
    that are missing, unknown, or of different sizes.
    """
    names = [*channels]
    if not isinstance(image, Mapping):
        if len(names) > 1:
            raise PluxelError(
                f"the model reads {', '.join(names)}: pass a mapping by these names, such as "
                f"{_example(names)}"
            )
        image = dict.fromkeys(names, image)
    for name in image:
        if name not in names:
            raise PluxelError(
                f"the model has no input '{name}'; it reads {', '.join(names)}."
                f"{did_you_mean(str(name), names)}"
            )
    if missing := [name for name in names if name not in image]:
        raise PluxelError(f"the model also reads {', '.join(missing)}: pass {_example(names)}")
    arrays = {
        name: _pixels(image[name], channels[name], name, inputs.get(name, PLAIN)) for name in names
    }
    _check_sizes(arrays)
    return arrays


def other_than_color(channels: int, spec: InputSpec, supported: Collection[int]) -> str:
    """Return what an input reads if that is not color of a supported number of channels, or ""."""
    if spec.kind != "color":
        return f"kind: {spec.kind}"
    return "" if channels in supported else f"{channels} channels"


def _example(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"'{name}': …" for name in names) + "}"


def _pixels(image: ImageLike, channels: int, name: str, spec: InputSpec) -> np.ndarray:
    if isinstance(image, str | Path):
        array = read_image(Path(image), channels, spec)
    elif isinstance(image, Image.Image):
        # An image opened from a file has a filename.
        place = getattr(image, "filename", "") or f"input '{name}'"
        array = convert(image, channels, place, spec)
    elif not isinstance(image, np.ndarray):
        raise PluxelError(
            f"input '{name}': is {article(type(image).__name__)}; expected a file, a PIL image, or "
            f"a numpy array (height, width, {channels}) of uint8, uint16, or floats in 0–1"
        )
    else:
        array = array_input(image, channels, f"input '{name}'", spec)
    is_masked = isinstance(array, np.ma.MaskedArray)  # a copy by now
    return array if is_masked else np.require(array, requirements=["C", "W"])


def _check_sizes(arrays: Mapping[str, np.ndarray]) -> None:
    sizes = {name: array.shape[:2] for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {extent(size)}" for name, size in sizes.items())
        raise PluxelError(f"the inputs have different sizes (height × width): {found}")
