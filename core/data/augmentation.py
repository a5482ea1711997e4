"""Turn a YAML list of albumentations transforms into a function of (seed, n, arrays).

Every entry is ``Name`` or ``{Name: {argument: value}}``, with the names of albumentations;
``OneOf``, ``SomeOf`` and ``Sequential`` contain such a list under ``transforms``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ...registry import PluxelError
from ..common.text import extent
from ..contracts.inputs import InputSpec
from ..contracts.normalization import RAW_MAXIMUM
from ._attempt import Attempt, explain
from ._entered import EnteredInputs
from ._random import generator
from ._transforms import Builder, TransformProblem, load_albumentations

Arrays = Mapping[str, np.ndarray]


class AugmentationError(PluxelError):
    """A transform cannot be built, or failed on a sample."""


def check_transforms(
    transforms: Sequence[Any], specs: Mapping[str, InputSpec] = MappingProxyType({})
) -> list[TransformProblem]:
    """Return the problems of a list of transforms, in order, as (place, message).

    A place is a path into the list, such as ``(1, "RandomCrop", "hieght")``. ``specs``: the inputs,
    which may not allow every transform.
    """
    builder = Builder(specs=specs)
    builder.build(transforms)
    return builder.problems


class Augmentation:
    """Applies the transforms of a list alike to all inputs and targets of a sample.

    ``ignore_index``: target name -> its value for ignored pixels. ``fill``: color outside the
    image, 0–255, for transforms that do not set one. ``specs``: input name -> what it is; by
    default, as for a dataset that does not specify its inputs.

    The result for sample *n* depends only on (seed, n) and its arrays, not on earlier calls or on
    the process.

    Raises: AugmentationError with all problems that `check_transforms` reports.
    """

    def __init__(
        self,
        transforms: Sequence[Any],
        *,
        seed: int = 0,
        ignore_index: Mapping[str, int] | None = None,
        fill: float | Sequence[float] | None = None,
        specs: Mapping[str, InputSpec] | None = None,
    ) -> None:
        self._transforms = list(transforms)
        self._seed = seed
        self._ignore = dict(ignore_index or {"semantic": 255})
        self._fill = fill
        self._specs = specs or {}
        # A pipeline fills with one value: if targets differ, all use the largest.
        self._outside = max(self._ignore.values())
        # Report problems now; importing albumentations takes seconds, so do so only if necessary.
        self._composes = {"uint8": self._compose("uint8")} if self._transforms else {}
        self._connected: dict[str, Any] = {}

    def _compose(self, pixels: str) -> Any:
        return load_albumentations().Compose(self._build(pixels)[0])

    def _build(self, pixels: str) -> tuple[list[Any], Builder]:
        """Build the transforms for a pixel type; ``fill`` is scaled to the range of the type."""
        scale = RAW_MAXIMUM.get(pixels, 1) / RAW_MAXIMUM["uint8"]
        fill = self._fill
        if fill is not None:
            fill = [scale * v for v in fill] if isinstance(fill, Sequence) else scale * fill
        builder = Builder(self._outside, fill, self._specs)
        built = builder.build(self._transforms)
        if builder.problems:
            places = ((".".join(map(str, place)), text) for place, text in builder.problems)
            text = "; ".join(f"{place}: {text}" for place, text in places)
            raise AugmentationError(f"augment: {text}")
        return built, builder

    def attempt(self, inputs: Arrays, targets: Arrays) -> Attempt:
        """Apply every transform once to a sample, also those that are drawn rarely."""
        entered = EnteredInputs.of(inputs, self._specs)
        data = entered.data | self._enter_targets(targets)
        built, builder = self._build(data["image"].dtype.name)
        return Attempt.of(built, builder.places, data, entered.connect)

    def __call__(
        self, n: int, inputs: Arrays, targets: Arrays
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Transform inputs (H, W, channels) and targets (H, W) alike, keeping their types.

        Color images are transformed as images. All other inputs, such as depth, move with them, but
        color transforms do not change them; outside of the image, they are neutral.

        Raises: AugmentationError with the image size if a transform fails.
        """
        if not self._transforms:
            return dict(inputs), dict(targets)
        entered = EnteredInputs.of(inputs, self._specs)
        data = entered.data | self._enter_targets(targets)
        self._run(n, data, entered)
        moved = entered.leave(data, self._outside)
        return (
            {name: moved[name] for name in inputs},
            {name: self._narrow(name, data[key]) for name, key in _target_keys(targets).items()},
        )

    def _enter_targets(self, targets: Arrays) -> dict[str, np.ndarray]:
        keys = _target_keys(targets)
        return {key: self._widen(name, targets[name]) for name, key in keys.items()}

    def _run(self, n: int, data: dict[str, np.ndarray], entered: EnteredInputs) -> None:
        pixels = data["image"].dtype.name
        compose = self._composes.get(pixels) or self._compose(pixels)
        self._composes[pixels] = compose
        arrays = [*data], entered.maps
        if self._connected.get(pixels) != arrays:  # samples rarely differ
            entered.connect(compose, data)
            self._connected[pixels] = arrays
        draws = generator(self._seed, n, "augmentation")
        # Share one generator: set_random_seed of albumentations gives every transform the same
        # draws, so that, for example, every flipped image would also be brightened.
        compose.set_random_state(draws, random.Random(int(draws.integers(2**63))))
        size = extent(data["image"].shape[:2])
        try:
            data |= compose(**data)
        except Exception as error:
            raise AugmentationError(
                f"augmentation failed on an image of {size} (height × width): {explain(error)}"
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


def _target_keys(targets: Arrays) -> dict[str, str]:
    """Return target name -> key; the first key is ``mask``, which some transforms read."""
    return {name: f"target {name}" if i else "mask" for i, name in enumerate(targets)}
