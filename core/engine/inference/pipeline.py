"""Predict with a trained run; masks have the size of their images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ....registry import Host, PluxelError, did_you_mean
from ...common.devices import choose_device
from ...common.logs import log_once
from ...common.progress import track
from ...contracts.inputs import InputSpec
from ...contracts.labels import LabelSpace
from ...data.missing import missing_pixels, union
from ...geometry.regions import Region, Size
from ...geometry.scores import Scores
from ...model.build import build_model
from ...model.network import SegmentationModel
from ...model.strips import resampled_predictions
from ..trained import NOT_OF_THE_MODEL, open_trained
from .inputs import ImageLike, read_inputs
from .prediction import Prediction
from .tile_pixels import ReadPixels, TilePixels
from .tiling import Reach, Tiling, verified

LARGE = 2048 * 2048
"""Images with more pixels than this are tiled by default."""

TILE = 1024
"""Default side of a tile in pixels; larger for networks with a large receptive field."""

Tile = int | Literal["auto", "off"]


@dataclass(frozen=True)
class Piece:
    """The predictions of each head for a region, and the region's raw pixels by input."""

    region: Region
    predictions: dict[str, Prediction]
    pixels: Mapping[str, np.ndarray]


class Pipeline:
    """``Pipeline.load(run)``, then ``pipeline(image) -> mask`` of raw label ids, (H, W).

    ``spaces``: the label space of each head. ``channels``: the channels of each input.
    ``inputs``: how the files of inputs encode values, if a dataset declared it.
    """

    def __init__(
        self,
        model: SegmentationModel,
        spaces: Mapping[str, LabelSpace],
        channels: Mapping[str, int],
        device: torch.device | str = "cpu",
        inputs: Mapping[str, InputSpec] | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.spaces = spaces
        self.channels = channels
        self.inputs = inputs or {}
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
        """Rebuild the model of a run, without its data and pretrained weights.

        ``overrides`` change its configuration: ``["decoder={type: atrous, decoder: fcn32s}"]``.
        ``device``: ``auto`` by default, whatever device the training used.

        Raises: PluxelError if ``run`` is not a run, if it needs a plugin that is not installed, or
        if its weights do not fit the overrides.
        """
        if not isinstance(run, str | Path):
            raise PluxelError(
                f"a run must be the path of its folder, not {run!r}: pass the folder that "
                "pluxel train wrote"
            )
        trained = open_trained(
            Path(run), overrides, device=device, host=host or Host(), unread=NOT_OF_THE_MODEL
        )
        blueprint = trained.blueprint
        model = trained.filled(build_model(trained.config, blueprint))
        place = choose_device(trained.config.pipeline.device)
        return cls(model, blueprint.label_spaces(), blueprint.channels, place, blueprint.inputs)

    def __call__(
        self, image: ImageLike | Mapping[str, ImageLike], *, head: str | None = None
    ) -> np.ndarray:
        """Return the raw label ids (H, W) that ``head`` predicts; by default the only head.

        Raises: PluxelError, as ``predict`` does; also for an unknown head, and without ``head`` if
        the model has several heads.
        """
        chosen = self._head(head)
        return self.predict(image)[chosen].mask

    def _head(self, name: str | None) -> str:
        heads = [*self.spaces]
        if name is None:
            if len(heads) > 1:
                raise PluxelError(
                    f"the model has several heads: {', '.join(heads)}. Name one, such as "
                    f"head='{heads[0]}', or call .predict(image), which returns all of them by name"
                )
            return heads[0]
        if not isinstance(name, str) or name not in heads:
            raise PluxelError(
                f"the model has no head {name!r}; it has {', '.join(heads)}."
                f"{did_you_mean(str(name), heads)}"
            )
        return name

    def predict(
        self,
        image: ImageLike | Mapping[str, ImageLike],
        *,
        probabilities: bool = False,
        tile: Tile = "auto",
    ) -> dict[str, Prediction]:
        """Return the prediction of each head, by name.

        A model with several inputs needs a mapping from their names to images. ``tile``: side of
        the tiles in pixels; ``auto`` tiles images of more than `LARGE` pixels, ``off`` no images.

        Raises: PluxelError for an unreadable file, an empty image, a tile smaller than its halo, or
        inputs that are missing, unknown, or of different sizes.
        """
        return self.predict_raw(self.read(image), probabilities=probabilities, tile=tile)

    def predict_raw(
        self,
        arrays: Mapping[str, np.ndarray],
        *,
        probabilities: bool = False,
        tile: Tile = "auto",
    ) -> dict[str, Prediction]:
        """Return the prediction of each head for raw pixels (H, W, channels), as ``read`` returns.

        Values are not divided by a scale again. Arguments and errors are those of ``predict``.
        """
        height, width = next(iter(arrays.values())).shape[:2]
        whole: dict[str, Prediction] = {}
        for piece in self.pieces(
            lambda region: {name: array[region.slices] for name, array in arrays.items()},
            (height, width),
            probabilities=probabilities,
            tile=tile,
        ):
            if piece.region.size == (height, width):
                return piece.predictions
            for head, part in piece.predictions.items():
                if head not in whole:
                    whole[head] = part.blank((height, width))
                whole[head].paste(piece.region, part)
        return whole

    @torch.inference_mode()
    def pieces(
        self,
        read: ReadPixels,
        size: Size,
        *,
        probabilities: bool = False,
        pixels: bool = False,
        tile: Tile = "auto",
    ) -> Iterator[Piece]:
        """Yield the predictions of an image (H, W) tile by tile, or of a small image at once.

        Calls ``read`` once for each window. ``pixels``: whether pieces also contain the raw pixels
        of their regions. ``tile``: as for ``predict``.

        Needs memory for one tile, or for three rows of tiles if windows are blended, whatever the
        size of the image.

        Raises: PluxelError, as ``predict`` does.
        """
        tiling = self._tiling(size, tile)
        if tiling is None:
            region = Region(range(size[0]), range(size[1]))
            inputs = read(region)
            missing = union(*map(missing_pixels, inputs.values()))
            scores = self.model(self._tensors(inputs))
            found = self._predictions(scores, region, probabilities, missing)
            yield Piece(region, found, inputs)
            return
        kept = TilePixels(read, tiling.windows(size), pixels)
        with track("tiles", len(tiling.tiles(size))) as advance:
            for region, scores in tiling.run(lambda window: self._tensors(kept.read(window)), size):
                arrays, missing = kept.take(region)
                found = self._predictions(scores, region, probabilities, missing)
                yield Piece(region, found, arrays if pixels else {})
                advance()

    def is_tiled(self, size: Size, tile: Tile) -> bool:
        """Return whether an image (H, W) is predicted in tiles."""
        return tile != "off" and (tile != "auto" or size[0] * size[1] > LARGE)

    def _tiling(self, size: Size, tile: Tile) -> Tiling | None:
        if not self.is_tiled(size, tile):
            return None
        if not self.reach.is_finite:
            log_once(
                logging.WARNING,
                "some layers of the network depend on the whole image or on its size, so tiles "
                "cannot be exact: overlapping windows are blended",
            )
        usual = max(TILE, 4 * self.reach.halo) if self.reach.is_finite else TILE
        return Tiling.of(self.model, self.reach, usual if isinstance(tile, str) else tile)

    @cached_property
    def reach(self) -> Reach:
        """How far the scores of a pixel depend on the image; infinite if tiles are not exact."""
        return verified(self.model, Reach.of(self.model), self.channels)

    def _tensors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
        return {
            # PyTorch warns about read-only arrays.
            name: torch.from_numpy(np.require(np.asarray(array), requirements="W"))
            .permute(2, 0, 1)[None]
            .to(self.device)
            for name, array in arrays.items()
        }

    def _predictions(
        self,
        scores: Mapping[str, Scores],
        region: Region,
        probabilities: bool,
        missing: np.ndarray | None,
    ) -> dict[str, Prediction]:
        found = {}
        for head, space in self.spaces.items():
            scores[head].check_finite(f"head '{head}'")
            classes, parts = resampled_predictions(
                scores[head], region.size, probabilities=probabilities
            )
            mask = classes[0].cpu().numpy().astype(space.dtype)
            parts = None if parts is None else parts[0].cpu().numpy()
            if missing is not None:
                mask[missing] = space.ignore_index
                if parts is not None:
                    parts[:, missing] = np.nan
            found[head] = Prediction(space, mask, parts)
        return found

    def read(self, image: ImageLike | Mapping[str, ImageLike]) -> dict[str, np.ndarray]:
        """Return the raw pixels (H, W, channels) of each input that the model reads.

        Pixels without data are masked (`numpy.ma`).

        Raises: PluxelError, as ``predict`` does.
        """
        channels = {name: self.channels[name] for name in self.model.input_names}
        return read_inputs(image, channels, self.inputs)
