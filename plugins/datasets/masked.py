"""Hide the foreground or the background of images, by their ground truth.

Shelhamer, Long & Darrell, "Fully Convolutional Networks for Semantic Segmentation" (PAMI 2016),
table 8: how much of the scores is due to objects, to their context, and to their shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ...core import Dataset, Factory, LabelMap, LabelSpace, LazyMapping, Normalization, Sample
from ...core.authoring import (
    DerivedFile,
    InputSpec,
    derived_files,
    group_of,
    input_specs,
    is_endless,
    main_map,
    neutral_value,
    open_split,
    raw_input,
    raw_labels,
    read_sample,
    resolved_parameters,
    unpaired_files,
)
from ...registry import PluxelError, did_you_mean

Keep = Literal["foreground", "background", "shape"]
Level = Annotated[float, Field(ge=0, le=255)]
Fill = Literal["mean"] | Annotated[tuple[Level, ...], Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]

_IMAGENET = Normalization().mean


class MaskedError(PluxelError):
    """Images cannot be masked as configured."""


class Masked:
    """Samples in whose images only a part is visible; labels stay.

    ``dataset``: the dataset whose images to mask.
    ``keep``: what is visible. ``foreground`` and ``background`` hide all other pixels; ``shape``
    also paints the foreground white.
    ``background``: the classes of the background; all others are foreground.
    ``target``: the label map with these classes, by default ``semantic`` or the only one.
    ``fill``: the color of hidden pixels: one value for all channels or one for each, 0–255;
    ``mean`` is the mean color of ImageNet.

    An ignored pixel may be either, so it is hidden. Inputs that are not colors, such as depth, are
    hidden with their mean, and ``shape`` hides them everywhere. Predictions read files as they are.

    Raises: MaskedError, and the errors of the dataset.
    """

    def __init__(
        self,
        split: str,
        *,
        dataset: Factory[Dataset],
        keep: Keep,
        background: Names = ("background",),
        target: str | None = None,
        fill: Fill = "mean",
    ) -> None:
        self._dataset = inner = open_split(dataset, split)
        self._keep: Keep = keep
        self.labels: Mapping[str, LabelMap] = inner.labels
        self.channels: Mapping[str, int] = inner.channels
        self.inputs: Mapping[str, InputSpec] = input_specs(inner)
        self.endless = is_endless(inner)
        self.unpaired = unpaired_files(inner)
        self.resolved_parameters: Mapping[str, Any] = {
            "dataset": dataset.given(resolved_parameters(inner))
        }
        self._target = _label_map(inner.labels, target)
        self._space = LabelSpace(inner.labels[self._target])
        self._background = _indices(self._space.class_names, background)
        for name, spec in self.inputs.items():
            count = self.channels[name]
            if spec.kind == "color" and fill != "mean" and len(fill) not in (1, count):
                raise MaskedError(
                    f"fill: has {len(fill)} values, but input '{name}' has {count} channels: give "
                    "one value for each, or one for all"
                )
        self._fill: Fill = fill

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self) and not self.endless:
            raise IndexError(f"there are {len(self)} samples, not {index}")
        sample = read_sample(self._dataset, index)
        raw = cache(partial(raw_labels, self._dataset, sample, self._target))  # read once for all

        def label(name: str) -> np.ndarray:
            return raw() if name == self._target else sample.labels[name]

        def masked(name: str) -> np.ndarray:
            return self._masked(sample, name, raw())

        return Sample(
            name=sample.name,
            inputs=LazyMapping(**{name: partial(masked, name) for name in self.channels}),
            labels=LazyMapping(**{name: partial(label, name) for name in sample.labels}),
            paths=sample.paths,
        )

    def group_of(self, index: int) -> str:
        """Return the group that the dataset names for a sample; empty without one."""
        return group_of(self._dataset, index)

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return the files that the dataset derives for a sample."""
        return derived_files(self._dataset, index)

    def _masked(self, sample: Sample, name: str, raw: np.ndarray) -> np.ndarray:
        """Return an input (H, W, channels) in which a part is hidden."""
        given = raw_input(self._dataset, sample, name)
        pixels = np.array(given)  # without the mask of pixels without data
        path = sample.paths.get(self._target, sample.name)
        classes = self._space.encode(raw, path)
        if classes.shape != pixels.shape[:2]:
            (rows, columns), (height, width) = classes.shape, pixels.shape[:2]
            raise MaskedError(
                f"{path}: is {rows}×{columns}, but its {name} is {height}×{width} (height × width)"
            )
        spec = self.inputs[name]
        is_background = np.isin(classes, self._background)
        is_foreground = ~is_background & (classes != self._space.ignore_index)
        visible = is_background if self._keep == "background" else is_foreground
        if self._keep == "shape":
            if spec.kind == "color":
                pixels[visible] = _full(pixels.dtype)
            else:
                visible = np.zeros_like(visible)
        pixels[~visible] = self._color(spec, pixels.dtype, pixels.shape[2])
        holes = np.ma.getmask(given)
        return pixels if holes is np.ma.nomask else np.ma.MaskedArray(pixels, holes)

    def _color(self, spec: InputSpec, dtype: np.dtype, channels: int) -> np.ndarray:
        """Return the value (channels,) of hidden pixels."""
        if spec.kind != "color":
            return neutral_value(spec, dtype, channels)
        if self._fill != "mean":
            return _of_type(np.array(self._fill) / 255, dtype)
        if spec.normalization is not None:
            return neutral_value(spec, dtype, channels)
        mean = _IMAGENET if channels == 3 else (float(np.mean(_IMAGENET)),)
        return _of_type(np.array(mean), dtype)


def _full(dtype: np.dtype) -> float:
    """Return the value that stands for 1."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def _of_type(unit: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in 0–1 as pixels of a type."""
    values = unit * _full(dtype)
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


def _label_map(labels: Mapping[str, LabelMap], target: str | None) -> str:
    """Return the name of the label map. Raises: MaskedError if it is unknown or ambiguous."""
    found = main_map(labels) if target is None else target
    if found is None:
        raise MaskedError(f"target: the dataset has several label maps: {', '.join(labels)}")
    if found not in labels:
        hint = did_you_mean(found, labels) or f" Available: {', '.join(labels)}."
        raise MaskedError(f"target: unknown label map '{found}'.{hint}")
    return found


def _indices(class_names: Sequence[str], background: Sequence[str]) -> list[int]:
    """Return the indices of the classes of the background.

    Raises: MaskedError for unknown classes, and if no other class remains.
    """
    for name in background:
        if name not in class_names:
            hint = did_you_mean(name, class_names) or f" Classes: {', '.join(class_names)}."
            raise MaskedError(f"background: unknown class '{name}'.{hint}")
    if {*background} == {*class_names}:
        raise MaskedError("background: lists every class, so nothing is foreground")
    return [class_names.index(name) for name in background]
