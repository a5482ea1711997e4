"""The inputs of a sample under the keys of a pipeline of albumentations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contracts.inputs import InputSpec, default_spec
from ..contracts.normalization import RAW_MAXIMUM
from ._transforms import load_albumentations
from .map_inputs import MapInput
from .pixels import with_channels

INSIDE = "inside"
"""Key of a map of zeros that becomes ``ignore`` outside the image, for inputs that are maps."""


@dataclass(frozen=True)
class EnteredInputs:
    """The inputs of a sample in a pipeline: color images by key, and all other inputs.

    ``data``: the arrays by key. ``types``: of the color images.
    """

    data: dict[str, np.ndarray]
    types: Mapping[str, np.dtype]
    maps: Sequence[MapInput]

    @classmethod
    def of(cls, inputs: Mapping[str, np.ndarray], specs: Mapping[str, InputSpec]) -> EnteredInputs:
        """Return the inputs as transforms expect them."""
        specs = {name: specs.get(name) or default_spec(name, inputs) for name in inputs}
        colors = [name for name, spec in specs.items() if spec.kind == "color"]
        colors.sort(key=lambda name: name != "image")
        size = next(iter(inputs.values())).shape[:2]
        data = {
            f"image {name}" if i else "image": _enter(inputs[name]) for i, name in enumerate(colors)
        }
        if not colors:  # transforms need an image
            data["image"] = np.zeros((*size, 3), np.uint8)
        maps = [
            MapInput(name, specs[name], inputs[name].shape[2], inputs[name].dtype)
            for name in inputs
            if name not in colors
        ]
        for one in maps:
            data |= one.enter(inputs[one.name])
        if maps:
            data[INSIDE] = np.zeros(size, np.uint16)
        return cls(data, {name: inputs[name].dtype for name in colors}, maps)

    def connect(self, compose: Any, data: Mapping[str, np.ndarray]) -> None:
        """Declare the keys of ``data`` to the transforms of a pipeline."""
        masks = [key for key in data if key != "mask" and not key.startswith("image")]
        colors = [key for key in data if key.startswith("image ")]
        compose.add_targets(dict.fromkeys(masks, "mask") | dict.fromkeys(colors, "image"))
        for transform in _leaves(compose):
            for one in self.maps:
                one.connect(transform)

    def leave(self, data: Mapping[str, np.ndarray], ignore: int) -> dict[str, np.ndarray]:
        """Return the inputs (h, w, channels) by name, in their types.

        ``ignore``: what the pipeline fills maps with, outside the image.
        """
        keys = [key for key in data if key.startswith("image")]
        colors = {
            name: _leave(data[key], dtype)
            for (name, dtype), key in zip(self.types.items(), keys, strict=False)
        }
        if not self.maps:
            return colors
        outside = data[INSIDE] == ignore
        return colors | {one.name: one.leave(data, outside) for one in self.maps}


def _leaves(compose: Any) -> Iterator[Any]:
    """Yield the transforms of a pipeline, also those of nested lists."""
    for transform in compose.transforms:
        if isinstance(transform, load_albumentations().BaseCompose):
            yield from _leaves(transform)
        else:
            yield transform


def _enter(image: np.ndarray) -> np.ndarray:
    """Return an image as transforms expect it: (H, W) for one channel; uint8 or float in 0–1.

    Some transforms silently convert 16-bit images to 8 bits or to zeros.
    """
    image = image[..., 0] if image.shape[2] == 1 else image
    return image / np.float32(RAW_MAXIMUM["uint16"]) if image.dtype == np.uint16 else image


def _leave(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return (H, W, channels), contiguous, converted back to ``dtype``."""
    image = with_channels(image)
    if dtype == np.uint16:
        image = image * RAW_MAXIMUM["uint16"]
    if image.dtype != dtype and dtype.kind == "u":
        image = np.rint(image).clip(0, np.iinfo(dtype).max)
    return np.ascontiguousarray(image, dtype)
