"""Carry inputs that are not color images through a pipeline of albumentations.

Each channel enters as a mask, (H, W) float32, so that color transforms leave it alone. Masks are
resized by nearest neighbors; for other interpolations, see `_smooth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..contracts.inputs import Change, InputSpec
from ..contracts.normalization import RAW_MAXIMUM
from .albumentations_private import functions_by_key
from .missing import neutral_value

MIRRORS: Mapping[str, int] = {"HorizontalFlip": 0, "TimeReverse": 0, "VerticalFlip": 1}
"""Transform -> the axis along which it mirrors an image; 0 is x, 1 is y."""

_CHANGES: Mapping[str, Change] = {
    "VerticalFlip": "flip the image vertically",
    **dict.fromkeys(
        ("D4", "RandomRotate90", "SquareSymmetry", "Transpose"), "rotate the image by more than 45°"
    ),
    **dict.fromkeys(
        ("ElasticTransform", "GridDistortion", "OpticalDistortion"), "deform the image"
    ),
    **dict.fromkeys(("Perspective", "PiecewiseAffine", "ThinPlateSpline"), "deform the image"),
}


def change_of(transform: Any) -> Change | None:
    """Return what a transform may do to an image; None if directions in it stay the same."""
    angle = max(map(abs, getattr(transform, "limit", None) or getattr(transform, "rotate", (0,))))
    shear = getattr(transform, "shear", None) or {}
    if angle > 45:
        return "rotate the image by more than 45°"
    if any(map(any, shear.values())):
        return "shear the image"
    return "rotate the image" if angle else _CHANGES.get(type(transform).__name__)


def refusals(transform: Any, specs: Mapping[str, InputSpec]) -> Iterator[str]:
    """Yield why inputs do not allow a transform."""
    change = change_of(transform)
    for name, spec in specs.items():
        if change is not None and change in spec.rules.refused:
            yield (
                f"{type(transform).__name__} may {change}, which input '{name}' does not allow: "
                f"{spec.rules.refused[change]}"
            )


@dataclass(frozen=True)
class MapInput:
    """One input in a pipeline: ``channels`` of raw values of a type."""

    name: str
    spec: InputSpec
    channels: int
    dtype: np.dtype

    @property
    def keys(self) -> list[str]:
        """The keys of the channels in a pipeline."""
        return [f"map {self.name} {i}" for i in range(self.channels)]

    @property
    def _share(self) -> str:
        """The key of the share of each pixel that consists of values, 0–1."""
        return f"map {self.name} share"

    @property
    def _is_smooth(self) -> bool:
        return self.spec.interpolation == "bilinear"

    @property
    def _center(self) -> np.ndarray:
        """The value (channels,) that enters as 0: that of no direction, or the neutral one."""
        if self.spec.rules.mirrored:
            full = RAW_MAXIMUM.get(self.dtype.name, 1)
            return np.full(self.channels, 0 if self.spec.scale else full / 2, np.float32)
        return neutral_value(self.spec, self.dtype, self.channels).astype(np.float32)

    def enter(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Return the channels of an array (H, W, channels) by key, relative to the center."""
        planes = np.moveaxis(array.astype(np.float32) - self._center, -1, 0)
        if not self._is_smooth:
            return dict(zip(self.keys, map(np.ascontiguousarray, planes), strict=True))
        filled = array > 0 if self.spec.rules.zero_is_missing else np.ones(array.shape, bool)
        share = np.asarray(filled.all(-1), np.float32)
        # Weighted values, which are 0 without data, can be interpolated like their shares.
        return dict(zip([*self.keys, self._share], [*(planes * share), share], strict=True))

    def leave(self, data: Mapping[str, np.ndarray], outside: np.ndarray) -> np.ndarray:
        """Return the array (h, w, channels); ``outside`` of the image (h, w), values are neutral.

        A pixel has a value if at least half of it consists of values.
        """
        pixels = np.stack([data[key] for key in self.keys], -1)
        if self._is_smooth:
            share = data[self._share]
            outside = outside | (share < 0.5)
            pixels = pixels / np.maximum(share, 0.5)[..., None]
        pixels = pixels + self._center
        if self.dtype.kind == "u":
            pixels = np.rint(pixels).clip(0, np.iinfo(self.dtype).max)
        pixels = pixels.astype(self.dtype)
        pixels[outside] = neutral_value(self.spec, self.dtype, self.channels)
        return pixels

    def connect(self, transform: Any) -> None:
        """Replace what a transform does to the channels, after they were added as masks."""
        own = functions_by_key(transform)
        if self._is_smooth and hasattr(transform, "apply_to_mask"):
            own |= dict.fromkeys([*self.keys, self._share], partial(_smooth, transform))
        axis = MIRRORS.get(type(transform).__name__)
        channel = None if axis is None else self.spec.rules.mirrored.get(axis)
        if channel is not None and channel < self.channels:
            key = self.keys[channel]
            own[key] = partial(_negated, own[key])


def _smooth(transform: Any, mask: np.ndarray, **params: Any) -> np.ndarray:
    """Apply a transform to a mask with the interpolation that it uses for images, 0 outside."""
    twin = copy(transform)
    if hasattr(twin, "mask_interpolation"):
        twin.mask_interpolation = twin.interpolation
    if getattr(twin, "area_for_downscale", None) == "image":
        twin.area_for_downscale = "image_mask"
    if getattr(twin, "fill_mask", None) is not None:
        twin.fill_mask = params["fill_mask"] = 0
    if params.get("mask_drop_values") is not None:
        params["mask_drop_values"] = np.zeros_like(params["mask_drop_values"])
    return twin.apply_to_mask(mask, **params)


def _negated(apply: Callable[..., np.ndarray], mask: np.ndarray, **params: Any) -> np.ndarray:
    return -apply(mask, **params)
