"""Datasets for loading.py: one sample of VOC by the steps of torchvision and of mmsegmentation.

A sample is (image (3, 512, 512), target (512, 512)). Where a library leaves a choice, or where we
know a faster way to compute the same, the peer gets the faster one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import io, tv_tensors
from torchvision.transforms import v2

CROP, VOID = 512, 255
BRIGHTNESS, CONTRAST, SATURATION = (0.875, 1.125), (0.5, 1.5), (0.5, 1.5)
HUE = 18
"""Largest shift of the hue, in steps of two degrees, as OpenCV stores it."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class VocFiles:
    """The names of the split ``train`` in a folder of VOC."""

    folder: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, root: Path) -> VocFiles:
        folder = root / "VOC2012"
        lists = folder / "ImageSets" / "Segmentation"
        return cls(folder, tuple((lists / "train.txt").read_text(encoding="utf-8").split()))

    def image(self, n: int) -> Path:
        return self.folder / "JPEGImages" / f"{self.names[n % len(self.names)]}.jpg"

    def mask(self, n: int) -> Path:
        return self.folder / "SegmentationClass" / f"{self.names[n % len(self.names)]}.png"


class Torchvision(Dataset[tuple[Tensor, Tensor]]):
    """Transforms v2, as the reference scripts of torchvision for segmentation use them.

    ``decode``: `by_torchvision` or `by_pillow`. ``on_device``: whether the device normalizes and
    widens the targets; otherwise the result is float32 and int64. ``size``: (height, width) that
    the factor 0.5–2 applies to.
    """

    def __init__(
        self,
        files: VocFiles,
        decode: Callable[[Path], Any],
        *,
        on_device: bool,
        size: tuple[int, int],
        antialias: bool,
    ) -> None:
        self.files, self.decode = files, decode
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: VOID, "others": 0}
        hue = (-HUE / 180, HUE / 180)
        steps: list[Any] = [
            v2.ScaleJitter(size, (0.5, 2.0), antialias=antialias),
            v2.RandomCrop((CROP, CROP), pad_if_needed=True, fill=fill),
            v2.RandomHorizontalFlip(0.5),
            v2.ColorJitter(BRIGHTNESS, CONTRAST, SATURATION, hue),
        ]
        if not on_device:
            types = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}
            steps += [v2.ToDtype(types, scale=True), v2.Normalize(MEAN, STD)]
        self._transform = v2.Compose([*steps, v2.ToPureTensor()])

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        image = tv_tensors.Image(self.decode(self.files.image(n)))
        # Pillow, since torchvision turns the indices of a palette into colors.
        ids = torch.from_numpy(np.array(Image.open(self.files.mask(n))))
        return self._transform(image, tv_tensors.Mask(ids))


def by_torchvision(path: Path) -> Tensor:
    return io.decode_image(str(path), io.ImageReadMode.RGB)


def by_pillow(path: Path) -> Tensor:
    return v2.functional.pil_to_tensor(Image.open(path).convert("RGB"))


class Mmsegmentation(Dataset[tuple[Tensor, Tensor]]):
    """The steps of mmsegmentation 1.x for VOC, written from its documentation.

    ``base``: (longer, shorter) side that images are fitted to, before the factor 0.5–2.
    ``most``: largest share of a class in a crop, tried ten times. ``on_device``: whether the device
    widens the targets, which mmsegmentation does in its workers. It leaves the normalization, and
    the order of colors, to the device.
    """

    def __init__(
        self, files: VocFiles, *, base: tuple[int, int], most: float = 0.75, on_device: bool = False
    ) -> None:
        self._files, self._base, self._most = files, base, most
        self._target = torch.uint8 if on_device else torch.int64

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        image, ids = self._load(n)
        image, ids = self._resize(image, ids)
        image, ids = self._crop(image, ids)
        if random.random() < 0.5:
            image, ids = cv2.flip(image, 1), cv2.flip(ids, 1)
        image, ids = _pad(_distort(image), 0), _pad(ids, VOID)
        packed = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return packed, torch.from_numpy(ids).to(self._target)

    def _load(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        data = np.frombuffer(self._files.image(n).read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if image is None:
            raise RuntimeError(f"cannot read {self._files.image(n)}")
        return image, np.array(Image.open(self._files.mask(n)))

    def _resize(self, image: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sides = sorted(image.shape[:2])
        factor = random.uniform(0.5, 2.0) * min(self._base[0] / sides[1], self._base[1] / sides[0])
        size = int(image.shape[1] * factor + 0.5), int(image.shape[0] * factor + 0.5)
        resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        return resized, cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST)

    def _crop(self, image: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        window = self._window(ids)
        for _ in range(10 if self._most < 1 else 0):
            counts = np.bincount(ids[window].ravel(), minlength=256)[:VOID]
            if np.count_nonzero(counts) > 1 and counts.max() < self._most * counts.sum():
                break
            window = self._window(ids)
        return image[window], ids[window]

    def _window(self, ids: np.ndarray) -> tuple[slice, slice]:
        top, left = (random.randint(0, max(side - CROP, 0)) for side in ids.shape)
        return slice(top, top + CROP), slice(left, left + CROP)


def _pad(array: np.ndarray, value: int) -> np.ndarray:
    below, right = CROP - array.shape[0], CROP - array.shape[1]
    if not below and not right:
        return array
    return cv2.copyMakeBorder(array, 0, below, 0, right, cv2.BORDER_CONSTANT, value=[value] * 3)


def _distort(image: np.ndarray) -> np.ndarray:
    """PhotoMetricDistortion: each change with a probability of one half; contrast first or last."""
    is_first = random.random() < 0.5
    if random.random() < 0.5:
        image = _linear(image, 1, random.uniform(-32, 32))
    if is_first and random.random() < 0.5:
        image = _linear(image, random.uniform(*CONTRAST), 0)
    saturation, hue = random.random() < 0.5, random.random() < 0.5
    if saturation or hue:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        if saturation:
            hsv[..., 1] = _linear(hsv[..., 1], random.uniform(*SATURATION), 0)
        if hue:
            hsv[..., 0] = (hsv[..., 0].astype(np.int16) + random.randint(-HUE, HUE)) % 180
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if not is_first and random.random() < 0.5:
        image = _linear(image, random.uniform(*CONTRAST), 0)
    return image


def _linear(values: np.ndarray, factor: float, shift: float) -> np.ndarray:
    return (values.astype(np.float32) * factor + shift).clip(0, 255).astype(np.uint8)
