"""A trained run, used on images: any size in, the same size out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..registry import Host, PluxelError, did_you_mean
from .build import build_model
from .config import load_config
from .contracts import Scores
from .engine.devices import choose_device
from .engine.experiment import read_weights
from .engine.run import open_run
from .fused import resampled_classes
from .images import RAW_MAXIMUM, check_pixels, convert, read_image
from .labels import LabelSpace
from .model import SegmentationModel
from .resampling import resample

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
        """The classes in their colours, (H, W, 3) uint8."""
        return self.space.colorize(self.classes)

    def overlay(self, image: np.ndarray) -> np.ndarray:
        """Return the colours laid over an image (H, W, channels) of raw pixels: (H, W, 3) uint8."""
        pixels = image * (255 / RAW_MAXIMUM.get(image.dtype.name, 1))
        colours = pixels[..., :3] if image.shape[2] >= 3 else pixels[..., :1]
        mixed = OVERLAY_OPACITY * self.color + (1 - OVERLAY_OPACITY) * colours
        return np.rint(mixed).clip(0, 255).astype(np.uint8)


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
    def load(cls, run: str | Path, *, device: str = "auto", host: Host | None = None) -> Pipeline:
        """Rebuild the model of a run; neither its data nor its pretrained weights are needed.

        Raises: PluxelError if ``run`` is no run, or if a plugin that it needs is not installed.
        """
        files = open_run(Path(run))
        config = load_config(files.config, host=host or Host())
        tensors, blueprint, _ = read_weights(files)
        model = build_model(config, blueprint)
        model.load_state_dict(tensors)
        return cls(model, blueprint.label_spaces(), blueprint.channels, choose_device(device))

    def __call__(self, image: ImageLike | Mapping[str, ImageLike]) -> Any:
        """Return the raw label ids of an image; with several heads, a mapping by head."""
        masks = {head: found.mask for head, found in self.predict(image).items()}
        return masks if len(masks) > 1 else next(iter(masks.values()))

    @torch.inference_mode()
    def predict(
        self, image: ImageLike | Mapping[str, ImageLike], *, probabilities: bool = False
    ) -> dict[str, Prediction]:
        """Return the prediction of each head.

        A model with several inputs takes a mapping by their names.

        Raises: PluxelError for an unreadable file, an empty image, and inputs that are missing,
        unknown, or of different sizes.
        """
        arrays = self.read(image)
        height, width = arrays[self.model.input_names[0]].shape[:2]
        inputs = {
            name: torch.from_numpy(array).permute(2, 0, 1)[None].to(self.device)
            for name, array in arrays.items()
        }
        scores = self.model(inputs)
        return {
            head: _prediction(space, scores[head], (height, width), probabilities)
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
        array = check_pixels(image, channels, f"input '{name}'")
    return np.require(array, requirements=["C", "W"])  # torch takes no array that is read-only


def _check_sizes(arrays: Mapping[str, np.ndarray]) -> None:
    sizes = {name: array.shape[:2] for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {height}×{width}" for name, (height, width) in sizes.items())
        raise PluxelError(f"the inputs are of different sizes (height × width): {found}")


def _prediction(
    space: LabelSpace, scores: Scores, size: tuple[int, int], probabilities: bool
) -> Prediction:
    classes = resampled_classes(scores, size)[0].cpu().numpy().astype(space.dtype)
    likely = resample(scores, size)[0].softmax(0).cpu().numpy() if probabilities else None
    return Prediction(space, classes, likely)
