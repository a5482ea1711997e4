"""Base class of the built-in backbones: measured geometry, and weights loaded on demand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor, nn

from ...registry import PluxelError
from ..common.logs import log_once
from ..common.text import extent
from ..contracts.normalization import Normalization
from ..geometry.dilation import Dilation, NotEquivariant
from ..geometry.grid import Border
from ..geometry.mosaic import Mosaic
from ..geometry.regions import Size
from ..geometry.tracing import FixedSizeError, measure, measure_fixed
from ..model.weight_reading import StateDict, read_normalization, read_state_dict
from ..model.weights import (
    InputChannels,
    LoadReport,
    adapt_input_layers,
    copy_matching,
    loaded_share,
)
from .weight_files import url_file

Pretrained = bool | Path
"""Whether to load the standard pretrained weights of a network, or a file of weights."""

OutputStride = Literal[4, 8, 16, 32] | None
"""The coarsest stride of a network's maps; larger strides are removed."""


class PretrainedBackbone(nn.Module):
    """A backbone whose constructor does not read files, so that a run can be rebuilt anywhere.

    The constructor of a subclass builds the layers, then calls ``finish``. If the layers are
    ``stages``, each of which takes the map of the one before, nothing else is needed; otherwise the
    subclass implements ``maps``, which runs the layers. ``weights_url`` is where the standard
    pretrained weights are, or ``load_usual`` loads them. ``own_names`` converts the names in files
    to those of the module.

    ``pretrained``: the standard weights, none, or a file. ``output_stride``: larger strides are
    removed, and later filters dilated. ``input_channels``: initialization of filters for channels
    beyond the three colors. ``normalization``: expected by the weights, for files that do not
    contain it.
    """

    stages: nn.ModuleList
    """The layers, if each of them returns one map."""

    usual_normalization: ClassVar[Normalization] = Normalization()
    """The normalization of the standard pretrained weights; by default that of ImageNet."""

    weights_url: ClassVar[str] = ""
    """The URL of a file of the standard weights. Pluxel checks a hash that ends the file's name."""

    caffe_file: ClassVar[str] = ""
    """The file of the standard weights, if they are published as a Caffe model only."""

    variant: str
    pad_multiple: int
    minimum_size: int

    own_size: Size | None = None
    """The (height, width) in pixels that the network was designed for, if it is known."""

    mosaic: Mosaic | None = None
    """The tiles that the layers see, if they accept one size only."""

    @property
    def tile_size(self) -> Size | None:
        """The (height, width) in pixels of the tiles that an image is cut into, if it is."""
        return self.mosaic.size if self.mosaic else None

    def finish(
        self,
        in_channels: int,
        names: Sequence[str] | None = None,
        *,
        pretrained: Pretrained,
        input_channels: InputChannels,
        normalization: Normalization | None,
        usual: Normalization | None = None,
        output_stride: int | None = None,
        border: Border = "replicate",
        own_size: Size | None = None,
    ) -> None:
        """Measure the geometry, and store what ``load_pretrained`` needs.

        ``names``: of the maps, by default ``map0``, ``map1``, …. ``usual``: the normalization of
        the standard pretrained weights, if it is not that of the class. ``output_stride``: larger
        strides are removed. ``border``: values outside of the maps. ``own_size``: (height, width)
        that the network was designed for. If its layers do not accept images of any size, an image
        is cut into tiles of this size.
        """
        self.pretrained = pretrained
        self.own_size = own_size
        self.in_channels: int = in_channels
        self.input_channels: InputChannels = input_channels
        self.usual, self.given = usual or self.usual_normalization, normalization
        self.normalization = normalization or self.usual
        self._dilation: Dilation | None = (
            self.without_strides(in_channels, output_stride) if output_stride else None
        )
        try:
            measured = measure(self, in_channels, names)
        except FixedSizeError as error:
            if own_size is None or self._dilation is not None:
                raise
            self._measure_tiles(own_size, names, error)
        else:
            self.feature_specs = [replace(spec, border=border) for spec in measured.specs]
            self.pad_multiple, self.minimum_size = measured.pad_multiple, measured.minimum_size

    def _measure_tiles(
        self, size: Size, names: Sequence[str] | None, error: FixedSizeError
    ) -> None:
        """Measure the layers at the one size that they accept, and cut images into such tiles."""
        try:
            self.feature_specs, self.mosaic = measure_fixed(self, self.in_channels, size, names)
        except PluxelError as failed:
            raise error from failed
        self.pad_multiple, self.minimum_size = self.mosaic.pad_multiple, 1
        log_once(
            logging.WARNING,
            f"{getattr(self, 'variant', type(self).__name__)}: sees each tile of {extent(size)} "
            "pixels (height × width) on its own, because its layers accept no other size",
        )

    def without_strides(self, in_channels: int, output_stride: int) -> Dilation | None:
        """Return the plan that replaces strides by dilated filters (PAMI 2016, section 3.2).

        It runs ``maps`` without strides beyond ``output_stride``. A subclass returns None if it
        changes the layers themselves instead.

        Raises: PluxelError if the strides of the layers cannot reach ``output_stride``;
        NotEquivariant if a layer would compute something else.
        """
        try:
            dilation = Dilation(_FeatureMaps(self), in_channels, output_stride)
        except NotEquivariant as error:
            message = f"output_stride {output_stride} is not available: {error}"
            raise NotEquivariant(message) from error
        largest = max(max(dense.grid.stride) for dense in dilation.maps)
        if largest != output_stride:
            raise PluxelError(
                f"output_stride {output_stride} is not available: the nearest stride is {largest}"
            )
        return dilation

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps at the original strides of the layers, each (N, channels, h, w)."""
        if "stages" not in self._modules:
            raise PluxelError(f"{type(self).__name__} must have stages or implement maps(image)")
        maps = []
        for stage in self.stages:
            image = stage(image)
            maps.append(image)
        return maps

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps (N, channels, h, w) for a normalized image (N, in_channels, H, W)."""
        if self.mosaic is not None:
            return self.mosaic(self.maps, image)
        if self._dilation is None:
            return self.maps(image)
        return self._dilation(self.maps, image, self.children())

    def check_pretrained(self) -> None:
        """Check the file that ``pretrained`` names, if any; a model on ``meta`` keeps no weights.

        Raises: PluxelError, as ``load_pretrained`` does, for a file; also if there are no standard
        weights to load.
        """
        if isinstance(self.pretrained, Path):
            self.load_pretrained()
        elif self.pretrained:
            self._check_usual()

    def load_pretrained(self) -> LoadReport | None:
        """Load the weights that ``pretrained`` selects, and adopt their normalization.

        Raises: PluxelError if the weights are not available, cannot be read or do not fit, or if
        the normalization of a file is not known.
        """
        if isinstance(self.pretrained, Path):
            report = self.load_file(self.pretrained)
            self.normalization = self._normalization_of(self.pretrained)
            return report
        if not self.pretrained:
            return None
        self._check_usual()
        return self.load_usual()

    def load_usual(self) -> LoadReport:
        """Load the standard pretrained weights, from a cache or else from the network."""
        if self.weights_url:
            return self.load_file(url_file(self.weights_url, self.usual))
        raise self._without_weights()

    def _check_usual(self) -> None:
        """Raise PluxelError if there are no standard weights to load."""
        if self.caffe_file:
            raise PluxelError(
                f"{type(self).__name__}'s weights are published as a Caffe model only: set  "
                f"pretrained: PATH/{self.caffe_file}",
                [f"Pluxel reads it without Caffe; it expects  {self.usual.to_yaml()}"],
            )
        if not self.weights_url and type(self).load_usual is PretrainedBackbone.load_usual:
            raise self._without_weights()

    def _without_weights(self) -> PluxelError:
        return PluxelError(
            f"{type(self).__name__} has no standard weights: set pretrained to a file or to false"
        )

    def own_names(self, state: StateDict) -> StateDict:
        """Convert the names and shapes in a file to those of this module."""
        return state

    def load_file(self, path: Path) -> LoadReport:
        """Load a file, and warn if it fills less than half of the network.

        Raises: PluxelError if it cannot be read, or if none of its weights fit.
        """
        state = self.own_names(read_state_dict(path))
        report = self.load_state(state, path)
        if not report.loaded:
            names, own = (", ".join(list(keys)[:3]) for keys in (state, self.state_dict()))
            raise PluxelError(f"{path}: none of its weights fit: {names}, … instead of {own}, …")
        if (share := loaded_share(self, report)) < 0.5:
            log_once(
                logging.WARNING,
                f"{path}: this file has only {100 * share:.2g} % of the network's weights; the "
                f"rest stay random. Is it from another network? ({report})",
            )
        return report

    def load_state(self, state: StateDict, source: object = "the weights") -> LoadReport:
        """Copy the weights that fit, with the filters of input layers adapted to the channels.

        ``source`` names their origin in errors.
        """
        adapted = adapt_input_layers(state, self, self.in_channels, self.input_channels)
        return copy_matching(self, adapted, source)

    def _normalization_of(self, path: Path) -> Normalization:
        """Return the normalization of a file: from the user, else from the file's metadata."""
        normalization = self.given or read_normalization(path)
        if normalization is None:
            raise PluxelError(
                f"{path} does not contain the normalization that its weights expect; "
                "add it next to 'pretrained:'",
                [f"the standard weights of this network use  {self.usual.to_yaml()}"],
            )
        return normalization


class _FeatureMaps(nn.Module):
    """The layers of a backbone as a network, without its dilation."""

    def __init__(self, backbone: PretrainedBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.backbone.maps(image)
