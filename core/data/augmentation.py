"""A YAML list of albumentations transforms becomes a function of (seed, n, arrays) alone.

Every entry is ``Name`` or ``{Name: {argument: value}}``, with albumentations' own names;
``OneOf``, ``SomeOf`` and ``Sequential`` hold such a list under ``transforms``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...registry import PluxelError
from ..images import RAW_MAXIMUM, with_channels
from ._random import generator
from ._transforms import Builder, Problem, load_albumentations

_INSIDE = "inside"
"""A map of zeros that rides along where needed: it becomes ``ignore`` outside of the image."""

Arrays = Mapping[str, np.ndarray]


class AugmentationError(PluxelError):
    """A transform that cannot be built, or that failed on a sample."""


def check_transforms(transforms: Sequence[Any]) -> list[Problem]:
    """Return what is wrong with a list of transforms: (place, message), in order.

    A place is a path into the list, such as ``(1, "RandomCrop", "hieght")``.
    """
    builder = Builder()
    builder.build(transforms)
    return builder.problems


def build_transforms(
    transforms: Sequence[Any],
    *,
    seed: int = 0,
    ignore_index: Mapping[str, int] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Augmentation:
    """Return the augmentation that a list describes.

    ``ignore_index``: name of a target -> its value for ignored pixels. ``fill``: colour of what
    lies outside the image, 0–255, for transforms that are not told otherwise.

    Raises: AugmentationError with everything that `check_transforms` would have found.
    """
    return Augmentation(transforms, seed, ignore_index or {"semantic": 255}, fill)


class Augmentation:
    """Transforms that treat all inputs and targets of a sample alike; see `build_transforms`.

    What sample *n* becomes depends on (seed, n) and its arrays, on no earlier call and no process.
    """

    def __init__(
        self,
        transforms: Sequence[Any],
        seed: int,
        ignore_index: Mapping[str, int],
        fill: float | Sequence[float] | None,
    ) -> None:
        self._transforms = list(transforms)
        self._seed = seed
        self._ignore = dict(ignore_index)
        self._fill = fill
        # A pipeline fills with one number: where targets differ, all travel as the wider kind.
        self._outside = max(self._ignore.values(), default=255)
        self._composes = {"uint8": self._compose("uint8")}

    def _compose(self, pixels: str) -> Any:
        """Build the pipeline for images of a type, in whose range it fills."""
        scale = RAW_MAXIMUM.get(pixels, 1) / RAW_MAXIMUM["uint8"]
        fill = self._fill
        if fill is not None:
            fill = [scale * v for v in fill] if isinstance(fill, Sequence) else scale * fill
        builder = Builder(self._outside, fill)
        built = builder.build(self._transforms)
        if builder.problems:
            places = ((".".join(map(str, place)), text) for place, text in builder.problems)
            text = "; ".join(f"{place}: {text}" for place, text in places)
            raise AugmentationError(f"augment: {text}")
        return load_albumentations().Compose(built)

    def __call__(
        self, n: int, inputs: Arrays, targets: Arrays
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Transform inputs (H, W, channels) and targets (H, W) alike; their types stay.

        Inputs of the kind of the first one are images; others (depth, say) are treated as maps:
        nearest neighbours, no colour changes, 0 outside.

        Raises: AugmentationError with the sizes, where a transform fails.
        """
        if not self._transforms:
            return dict(inputs), dict(targets)
        input_keys, target_keys = _input_keys(inputs), _target_keys(targets)
        data = {key: _enter(inputs[name]) for name, key in input_keys.items()}
        data |= {key: self._widen(name, targets[name]) for name, key in target_keys.items()}
        if any(key.startswith("map ") for key in data):
            data[_INSIDE] = np.zeros(data["image"].shape[:2], np.uint16)
        self._run(n, data)
        outside = data[_INSIDE] == self._outside if _INSIDE in data else None
        return (
            {
                name: _leave(data[key], inputs[name], key, outside)
                for name, key in input_keys.items()
            },
            {name: self._narrow(name, data[key]) for name, key in target_keys.items()},
        )

    def _run(self, n: int, data: dict[str, np.ndarray]) -> None:
        maps = ("map ", "target ", _INSIDE)
        extra = {key: "mask" if key.startswith(maps) else "image" for key in data}
        pixels = data["image"].dtype.name
        compose = self._composes.get(pixels) or self._compose(pixels)
        self._composes[pixels] = compose
        compose.add_targets({k: v for k, v in extra.items() if k not in ("image", "mask")})
        draws = generator(self._seed, n, "augmentation")
        # One generator for all: albumentations' own set_random_seed gives every transform the same
        # draws, so that an image that is flipped would always be brightened too.
        compose.set_random_state(draws, random.Random(int(draws.integers(2**63))))
        height, width = data["image"].shape[:2]
        try:
            data |= compose(**data)
        except Exception as error:
            raise AugmentationError(
                f"augmentation failed on an image of {height}×{width} (height × width): "
                f"{_explain(error)}"
            ) from error

    def _widen(self, name: str, target: np.ndarray) -> np.ndarray:
        own = self._ignore[name]
        if own == self._outside:
            return target
        return np.where(target == own, self._outside, target.astype(np.uint16))

    def _narrow(self, name: str, target: np.ndarray) -> np.ndarray:
        own = self._ignore[name]
        if own != self._outside:
            target = np.where(target == self._outside, own, target)
        return np.ascontiguousarray(target, np.uint8 if own == 255 else np.uint16)


def _input_keys(inputs: Arrays) -> dict[str, str]:
    """Name of an input -> its key in albumentations; the first key is always ``image``."""
    first = "image" if "image" in inputs else next(iter(inputs))
    like = (inputs[first].dtype, inputs[first].shape[2])
    keys = {
        name: f"{'input' if (array.dtype, array.shape[2]) == like else 'map'} {name}"
        for name, array in inputs.items()
    }
    return keys | {first: "image"}


def _target_keys(targets: Arrays) -> dict[str, str]:
    """Name of a target -> its key; the first is ``mask``, which some transforms look at."""
    return {name: f"target {name}" if i else "mask" for i, name in enumerate(targets)}


def _enter(array: np.ndarray) -> np.ndarray:
    """Return what transforms expect: (H, W) for one channel."""
    return array[..., 0] if array.shape[2] == 1 else array


def _leave(
    array: np.ndarray, before: np.ndarray, key: str, outside: np.ndarray | None
) -> np.ndarray:
    """Return (H, W, channels), contiguous and of the type that went in."""
    array = with_channels(array)
    if array.dtype != before.dtype and before.dtype.kind == "u":
        array = np.rint(array).clip(0, np.iinfo(before.dtype).max)
    if key.startswith("map ") and outside is not None and outside.any():
        array = np.where(outside[..., None], 0, array)
    return np.ascontiguousarray(array, before.dtype)


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "CropSizeError":
        return f"{text} Give the crop pad_if_needed: true, or make it smaller"
    return text
