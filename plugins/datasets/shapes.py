"""Drawn forms on textured backgrounds: an endless dataset without files.

Classes differ only in form. All surfaces, including the background, draw their textures from the
same distribution of colors, so a single pixel carries no information about its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from ...core import LabelMap, LazyMapping, Sample
from ...core.authoring import SplitError
from ...registry import did_you_mean

CLASSES = ("background", "disc", "square", "triangle", "cross", "ring")
SPLITS = ("train", "val", "test")

_SUBPIXEL = 4
"""OpenCV receives vertices in units of 1 / 2⁴ pixel."""
_TURN = np.pi / 7
"""Maximum rotation to either side in radians; a square never becomes a diamond."""
_CONTRAST = 64
"""Adjacent surfaces differ by 64–192 in every channel, more than their textures vary."""


class Shapes:
    """One to ``max_forms`` forms in an image of ``size`` × ``size``; ids are indices of `CLASSES`.

    ``size``: height and width of the images in pixels.
    ``length``: number of samples of ``val`` and ``test``, and of an epoch of ``train``.
    ``max_forms``: maximum number of forms in an image.
    ``seed``: selects the drawn samples; splits share none.

    ``train`` is endless: ``dataset[i]`` is a new sample for every ``i``.

    Raises: SplitError for an unknown split.
    """

    labels: Mapping[str, LabelMap] = {"semantic": LabelMap(dict(enumerate(CLASSES)))}

    def __init__(
        self,
        split: str,
        *,
        size: Annotated[int, Field(ge=32)] = 96,
        length: Annotated[int, Field(ge=1)] = 500,
        max_forms: Annotated[int, Field(ge=1, le=8)] = 3,
        seed: int = 0,
    ) -> None:
        if split not in SPLITS:
            hint = did_you_mean(split, SPLITS)
            raise SplitError(f"shapes has no split '{split}', it has {', '.join(SPLITS)}.{hint}")
        self.channels = {"image": 3}
        self.endless = split == "train"
        self._size = size
        self._length = length
        self._max_forms = max_forms
        self._seed = (seed, SPLITS.index(split))
        self._split = split

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Sample:
        if index < 0 or (index >= self._length and not self.endless):
            raise IndexError(f"shapes has {self._length} samples, not {index}")

        def generator(purpose: int) -> np.random.Generator:
            return np.random.default_rng([*self._seed, index, purpose])

        @cache
        def layers() -> list[np.ndarray]:
            forms = _arrange(self._size, self._max_forms, generator(0))
            return [_drawn(form, self._size) for form in forms]

        return Sample(
            name=f"{self._split}_{index:06d}",
            inputs=LazyMapping(image=lambda: _paint(layers(), self._size, generator(1))),
            labels=LazyMapping(semantic=lambda: _label(layers(), self._size)),
        )


@dataclass(frozen=True)
class _Form:
    """A form of class ``kind`` at (x, y), with a radius in pixels and an angle in radians."""

    kind: int
    x: float
    y: float
    radius: float
    angle: float


def _arrange(size: int, max_forms: int, generator: np.random.Generator) -> list[_Form]:
    """Return one or more forms that neither overlap nor leave the image."""
    forms: list[_Form] = []
    for _ in range(int(generator.integers(1, max_forms + 1))):
        kind = int(generator.integers(1, len(CLASSES)))
        for _ in range(20):
            radius = size * generator.uniform(0.21, 0.31)
            x, y = generator.uniform(radius, size - 1 - radius, 2)
            if all(np.hypot(x - f.x, y - f.y) > radius + f.radius for f in forms):
                forms.append(_Form(kind, x, y, radius, generator.uniform(-_TURN, _TURN)))
                break
    return forms


def _polygon(radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return vertices (n, 2) from polar coordinates: relative radii, angles in turns."""
    turns = angles * 2 * np.pi
    return radii[:, None] * np.stack([np.cos(turns), np.sin(turns)], -1)


def _cross() -> np.ndarray:
    """Return the twelve corners of a Greek cross with arms as wide as 0.43 of its length."""
    half, end = 0.4, 0.93
    arm = np.array([[end, -half], [end, half], [half, half]])
    quarter = np.array([[0, 1], [-1, 0]])
    return np.concatenate([arm @ np.linalg.matrix_power(quarter, turns) for turns in range(4)])


_CIRCLE = _polygon(np.ones(48), np.arange(48) / 48)
_OUTLINES: dict[str, list[np.ndarray]] = {
    "disc": [0.9 * _CIRCLE],
    "square": [_polygon(np.ones(4), np.arange(4) / 4 + 1 / 8)],
    "triangle": [1.1 * _polygon(np.ones(3), np.arange(3) / 3 - 1 / 4)],
    "cross": [_cross()],
    "ring": [_CIRCLE, 0.45 * _CIRCLE],  # the second outline is a hole (even-odd rule)
}


def _drawn(form: _Form, size: int) -> np.ndarray:
    """Return (size, size) uint8: the class where the form is, 0 elsewhere."""
    cosine, sine = np.cos(form.angle), np.sin(form.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    outlines = [
        np.rint((points @ turn.T * form.radius + (form.x, form.y)) * 2**_SUBPIXEL).astype(np.int32)
        for points in _OUTLINES[CLASSES[form.kind]]
    ]
    layer = np.zeros((size, size), np.uint8)
    cv2.fillPoly(layer, outlines, form.kind, shift=_SUBPIXEL)
    return layer


def _label(layers: Sequence[np.ndarray], size: int) -> np.ndarray:
    return np.maximum.reduce([np.zeros((size, size), np.uint8), *layers])


def _paint(layers: Sequence[np.ndarray], size: int, generator: np.random.Generator) -> np.ndarray:
    """Return (size, size, 3) uint8 with a textured surface for the background and each form."""
    # Colors are modulo 256: a uniform color plus any step is uniform, so forms have the same
    # distribution as the background, but always contrast with it.
    count = len(layers) + 1
    steps = generator.uniform(_CONTRAST, 256 - _CONTRAST, (count, 3))
    steps[0] = 0
    colors = (generator.uniform(0, 256, 3) + steps) % 256
    amplitudes = generator.uniform(6, 20, (count, 3)) * generator.choice((-1, 1), (count, 3))
    surface = np.zeros((size, size), np.uint8)
    texture = _texture(size, generator)
    for number, layer in enumerate(layers, 1):
        surface[layer > 0] = number
        np.copyto(texture, _texture(size, generator), where=layer > 0)
    image = generator.standard_normal((size, size, 3), np.float32) * np.float32(6)
    image += colors.astype(np.float32)[surface]
    image += amplitudes.astype(np.float32)[surface] * texture[..., None]
    return np.rint(image, out=image).clip(0, 255).astype(np.uint8)


def _texture(size: int, generator: np.random.Generator) -> np.ndarray:
    """Return (size, size) float32 in −1 … 1: stripes, checks or clouds."""
    kind = generator.integers(3)
    if kind == 2:
        cells = int(generator.integers(6, 20))
        coarse = generator.uniform(-1, 1, (cells, cells)).astype(np.float32)
        return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    along, across = _waves(size, generator)
    return np.sign(along * across) if kind else along


def _waves(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two perpendicular waves over the image, −1 … 1, 5 to 16 pixels long."""
    angle = generator.uniform(0, 2 * np.pi)
    rate = 2 * np.pi / generator.uniform(5, 16)
    a, b = rate * np.cos(angle), rate * np.sin(angle)
    return (
        _wave(size, a, b, generator.uniform(0, 2 * np.pi)),
        _wave(size, -b, a, generator.uniform(0, 2 * np.pi)),
    )


def _wave(size: int, a: float, b: float, phase: float) -> np.ndarray:
    """Return sin(a·x + b·y + phase), by the addition theorem, as two cheap outer products."""
    x, y = a * np.arange(size), b * np.arange(size) + phase
    sines, cosines = np.sin(x).astype(np.float32), np.cos(x).astype(np.float32)
    rows = np.stack([np.cos(y), np.sin(y)], -1).astype(np.float32)
    return rows @ np.stack([sines, cosines])
