"""A trained run, used on images: any size in, the same size out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from ....registry import Host, PluxelError, did_you_mean
from ...common.devices import choose_device
from ...common.logs import log_once
from ...common.progress import track
from ...contracts.labels import LabelSpace
from ...contracts.normalization import RAW_MAXIMUM
from ...data.images import check_pixels, check_range, convert, read_image
from ...geometry.scores import Scores
from ...model.build import build_model
from ...model.network import SegmentationModel
from ...model.strips import resampled_predictions
from ..trained import open_trained
from .tiling import Reach, Region, Tiling, tried

LARGE = 2048 * 2048
"""Pixels above which an image goes through the network in tiles by itself."""

TILE = 1024
"""Pixels along each side of a tile, by default; more for networks that look far."""

Tile = int | Literal["auto", "off"]

OVERLAY_OPACITY = 0.55

ImageLike = str | Path | Image.Image | np.ndarray
"""A file, a PIL image (turned upright by its EXIF), or (H, W) or (H, W, channels) raw pixels."""


@dataclass(frozen=True)
class Prediction:
    """What a head says of one image.

    ``classes``: (H, W) class indices. ``probabilities``: (C, H, W) float32 in 0–1, if asked for.
    """

    space: LabelSpace
    classes: np.ndarray
    probabilities: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """Raw label ids, (H, W): the first id that the label map lists for each class."""
        return self.space.decode(self.classes)

    @property
    def color(self) -> np.ndarray:
        """The classes in their colors, (H, W, 3) uint8."""
        return self.space.colorize(self.classes)

    def overlay(self, image: np.ndarray) -> np.ndarray:
        """Return the colors laid over an image (H, W, channels) of raw pixels: (H, W, 3) uint8."""
        shown = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
        range_ = RAW_MAXIMUM.get(image.dtype.name, 1)
        mixed = self.color * np.float32(OVERLAY_OPACITY)
        mixed += shown * np.float32((1 - OVERLAY_OPACITY) * 255 / range_)
        return np.rint(mixed, out=mixed).clip(0, 255, out=mixed).astype(np.uint8)


class Pipeline:
    """``Pipeline.load(run)``, then ``pipeline(image) -> mask`` of raw label ids, (H, W).

    ``spaces``: by head, what its classes mean. ``channels``: channels of each named input.
    """

    def __init__(
        self,
        model: SegmentationModel,
        spaces: Mapping[str, LabelSpace],
        channels: Mapping[str, int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.model = model.to(device).eval()
        self.spaces = spaces
        self.channels = channels
        self.device = torch.device(device)

    @classmethod
    def load(
        cls,
        run: str | Path,
        overrides: Sequence[str] = (),
        *,
        device: str | None = None,
        host: Host | None = None,
    ) -> Pipeline:
        """Rebuild the model of a run; neither its data nor its pretrained weights are needed.

        ``overrides`` change its configuration: ``["decoder={type: atrous, decoder: fcn32s}"]``.
        ``device``: ``auto`` by default, wherever it was trained.

        Raises: PluxelError if ``run`` is no run, if a plugin that it needs is not installed, and
        for overrides under which the weights fit no more.
        """
        trained = open_trained(Path(run), overrides, device=device, host=host or Host())
        blueprint = trained.blueprint
        model = trained.filled(build_model(trained.config, blueprint))
        place = choose_device(trained.config.pipeline.device)
        return cls(model, blueprint.label_spaces(), blueprint.channels, place)

    def __call__(self, image: ImageLike | Mapping[str, ImageLike]) -> Any:
        """Return the raw label ids of an image; with several heads, a mapping by head."""
        masks = {head: found.mask for head, found in self.predict(image).items()}
        return masks if len(masks) > 1 else next(iter(masks.values()))

    def predict(
        self,
        image: ImageLike | Mapping[str, ImageLike],
        *,
        probabilities: bool = False,
        tile: Tile = "auto",
    ) -> dict[str, Prediction]:
        """Return the prediction of each head.

        A model with several inputs takes a mapping by their names. ``tile``: pixels along each side
        of the pieces in which a large image goes through the network; ``auto`` cuts those above
        `LARGE` pixels, ``off`` none.

        Raises: PluxelError for an unreadable file, an empty image, inputs that are missing,
        unknown, or of different sizes, and a tile that is smaller than what it looks at around it.
        """
        arrays = self.read(image)
        height, width = arrays[self.model.input_names[0]].shape[:2]
        whole: dict[str, Prediction] = {}
        pieces = self.pieces(_window_of(arrays), (height, width), probabilities, tile)
        for region, found in pieces:
            if region.size == (height, width):
                return found
            for head, part in found.items():
                if head not in whole:
                    whole[head] = _blank(part, (height, width))
                _fill(whole[head], region, part)
        return whole

    @torch.inference_mode()
    def pieces(
        self,
        read: Callable[[Region], Mapping[str, np.ndarray]],
        size: tuple[int, int],
        probabilities: bool = False,
        tile: Tile = "auto",
    ) -> Iterator[tuple[Region, dict[str, Prediction]]]:
        """Yield the predictions of an image (H, W) by regions, row by row; of a small one, whole.

        ``read``: the raw pixels (h, w, channels) of a region by name of the input. ``tile``: as
        for ``predict``. Memory is that of a tile, whatever the size of the image.

        Raises: PluxelError, as ``predict`` does.
        """
        tiling = self._tiling(size, tile)
        if tiling is None:
            region = Region(range(size[0]), range(size[1]))
            yield (
                region,
                self._predictions(self.model(self._tensors(read(region))), region, probabilities),
            )
            return
        with track("tiles", len(tiling.tiles(size))) as advance:
            for region, scores in tiling.run(lambda window: self._tensors(read(window)), size):
                yield region, self._predictions(scores, region, probabilities)
                advance()

    def cuts(self, size: tuple[int, int], tile: Tile) -> bool:
        """Tell whether an image (H, W) goes through the network in tiles."""
        return tile != "off" and (tile != "auto" or size[0] * size[1] > LARGE)

    def _tiling(self, size: tuple[int, int], tile: Tile) -> Tiling | None:
        if not self.cuts(size, tile):
            return None
        if not self.reach.is_finite:
            log_once(
                logging.WARNING,
                "some layers of the network see the whole image, or depend on its size, so tiles "
                "cannot be exact: windows that overlap are blended",
            )
        usual = max(TILE, 4 * self.reach.halo) if self.reach.is_finite else TILE
        return Tiling.of(self.model, self.reach, usual if isinstance(tile, str) else tile)

    @cached_property
    def reach(self) -> Reach:
        """How far the model looks; without an end, where tiles are not known to be exact."""
        return tried(self.model, Reach.of(self.model), self.channels)

    def _tensors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
        return {
            name: torch.from_numpy(array).permute(2, 0, 1)[None].to(self.device)
            for name, array in arrays.items()
        }

    def _predictions(
        self, scores: Mapping[str, Scores], region: Region, probabilities: bool
    ) -> dict[str, Prediction]:
        return {
            head: _prediction(space, scores[head], region.size, probabilities)
            for head, space in self.spaces.items()
        }

    def read(self, image: ImageLike | Mapping[str, ImageLike]) -> dict[str, np.ndarray]:
        """Return the raw pixels (H, W, channels) of each input that the model reads.

        Raises: PluxelError, as ``predict`` does.
        """
        names = self.model.input_names
        if not isinstance(image, Mapping):
            if len(names) > 1:
                raise PluxelError(
                    f"the model reads {', '.join(names)}: give a mapping by these names"
                )
            image = dict.fromkeys(names, image)
        for name in image:
            if name not in names:
                raise PluxelError(
                    f"the model has no input '{name}', it reads {', '.join(names)}."
                    f"{did_you_mean(str(name), names)}"
                )
        missing = [name for name in names if name not in image]
        if missing:
            raise PluxelError(f"the model also reads {', '.join(missing)}")
        arrays = {name: _pixels(image[name], self.channels[name], name) for name in names}
        _check_sizes(arrays)
        return arrays


def _pixels(image: ImageLike, channels: int, name: str) -> np.ndarray:
    if isinstance(image, str | Path):
        array = read_image(Path(image), channels)
    elif isinstance(image, Image.Image):
        # What was opened from a file knows its name.
        array = convert(image, channels, getattr(image, "filename", "") or f"input '{name}'")
    else:
        label = f"input '{name}'"
        array = check_range(check_pixels(image, channels, label), label)
    return np.require(array, requirements=["C", "W"])  # torch takes no array that is read-only


def _check_sizes(arrays: Mapping[str, np.ndarray]) -> None:
    sizes = {name: array.shape[:2] for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {height}×{width}" for name, (height, width) in sizes.items())
        raise PluxelError(f"the inputs are of different sizes (height × width): {found}")


def _prediction(
    space: LabelSpace, scores: Scores, size: tuple[int, int], probabilities: bool
) -> Prediction:
    classes, shares = resampled_predictions(scores, size, probabilities=probabilities)
    found = classes[0].cpu().numpy().astype(space.dtype)
    return Prediction(space, found, None if shares is None else shares[0].cpu().numpy())


def _window_of(
    arrays: Mapping[str, np.ndarray],
) -> Callable[[Region], dict[str, np.ndarray]]:
    def read(region: Region) -> dict[str, np.ndarray]:
        rows, columns = region.slices
        return {name: array[rows, columns] for name, array in arrays.items()}

    return read


def _blank(part: Prediction, size: tuple[int, int]) -> Prediction:
    """Return a prediction of another size, to be filled."""
    shares = part.probabilities
    blank = None if shares is None else np.empty((len(shares), *size), shares.dtype)
    return Prediction(part.space, np.empty(size, part.classes.dtype), blank)


def _fill(whole: Prediction, region: Region, part: Prediction) -> None:
    whole.classes[region.slices] = part.classes
    if whole.probabilities is not None and part.probabilities is not None:
        whole.probabilities[:, *region.slices] = part.probabilities
