"""Apply every transform of a pipeline once, whatever its probability."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..common.text import extent
from ._transforms import KeyPath, TransformProblem, load_albumentations
from .images import with_channels

_ByKey = dict[str, np.ndarray]
_Connect = Callable[[Any, Mapping[str, np.ndarray]], None]


@dataclass
class Attempt:
    """``problems``: places and messages. ``size``: smallest (height, width) of the result."""

    places: Mapping[int, KeyPath]
    problems: list[TransformProblem] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    connect: _Connect = field(default=lambda _compose, _data: None)

    @classmethod
    def of(
        cls,
        transforms: Sequence[Any],
        places: Mapping[int, KeyPath],
        data: _ByKey,
        connect: _Connect,
    ) -> Attempt:
        """Return the outcome for the transforms of a list, each applied to the result of the last.

        ``data``: the arrays of a sample by their key in a pipeline. ``places``: by identity.
        ``connect``: declares the keys to a pipeline.
        """
        attempt = cls(places, connect=connect)
        height, width = attempt._chain(transforms, data)["image"].shape[:2]
        attempt.size = height, width
        return attempt

    def _chain(self, transforms: Sequence[Any], data: _ByKey) -> _ByKey:
        for transform in transforms:
            data = self._apply(transform, data)
        return data

    def _apply(self, transform: Any, data: _ByKey) -> _ByKey:
        """Return the result of a transform; of alternatives, the one with the fewest pixels."""
        library = load_albumentations()
        if not isinstance(transform, library.BaseCompose):
            return self._single(transform, data)
        if isinstance(transform, library.Sequential):
            return self._chain(transform.transforms, data)
        results = [self._apply(one, data) for one in transform.transforms]
        return min(results, key=lambda result: result["image"].size)

    def _single(self, transform: Any, data: _ByKey) -> _ByKey:
        transform.p = 1.0
        compose = load_albumentations().Compose([transform], seed=0)
        self.connect(compose, data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = data | compose(**{key: array.copy() for key, array in data.items()})
        except Exception as error:  # noqa: BLE001 - transforms raise various errors
            self._problem(transform, _on(data["image"], f" fails: {explain(error)}"))
            return data
        before, after = (with_channels(one["image"]).shape[2] for one in (data, found))
        if before != after:
            self._problem(
                transform, f" turns {before} channels into {after}; the network needs {before}"
            )
            return data
        return found

    def _problem(self, transform: Any, message: str) -> None:
        self.problems.append((self.places[id(transform)], type(transform).__name__ + message))


def _on(image: np.ndarray, text: str) -> str:
    *size, channels = with_channels(image).shape
    return f" on an image of {extent(size)} (height × width) with {channels} channels{text}"


def explain(error: Exception) -> str:
    """Return the message of a transform's error, with a remedy for crops that are too large."""
    text = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "CropSizeError":
        return f"{text} Give the crop pad_if_needed: true, or make it smaller"
    return text
