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
from ..contracts.normalization import Normalization
from ..geometry.dilation import Dilation, NotEquivariant
from ..geometry.grid import Border
from ..geometry.tracing import measure
from ..model.weight_reading import StateDict, read_normalization, read_state_dict
from ..model.weights import (
    InputChannels,
    LoadReport,
    adapt_input_layers,
    copy_matching,
    loaded_share,
)

Pretrained = bool | Path
"""Whether to load the standard pretrained weights of a network, or a file of weights."""

OutputStride = Literal[4, 8, 16, 32] | None
"""The coarsest stride of a network's maps; larger strides are removed."""


class PretrainedBackbone(nn.Module):
    """A backbone whose constructor does not read files, so that a run can be rebuilt anywhere.

    The constructor of a subclass builds the layers, then calls ``finish``. A subclass implements
    ``maps``, which runs the layers; ``load_usual``, which loads the standard pretrained weights;
    and ``own_names``, which converts the names in files to those of the module.
    """

    caffe_file: ClassVar[str] = ""
    """The file of the standard weights, if they are published as a Caffe model only."""

    variant: str
    pad_multiple: int
    minimum_size: int

    def finish(
        self,
        in_channels: int,
        names: Sequence[str],
        *,
        pretrained: Pretrained,
        input_channels: InputChannels,
        normalization: Normalization | None,
        usual: Normalization,
        output_stride: int | None = None,
        border: Border = "replicate",
    ) -> None:
        """Measure the geometry, and store what ``load_pretrained`` needs.

        ``names``: of the maps. ``usual``: the normalization of the standard pretrained weights.
        ``output_stride``: larger strides are removed. ``border``: values outside of the maps.
        """
        self.pretrained = pretrained
        self.in_channels: int = in_channels
        self.input_channels: InputChannels = input_channels
        self.usual, self.given = usual, normalization
        self.normalization = normalization or usual
        self._dilation: Dilation | None = (
            self.without_strides(in_channels, output_stride) if output_stride else None
        )
        measured = measure(self, in_channels, names)
        self.feature_specs = [replace(spec, border=border) for spec in measured.specs]
        self.pad_multiple, self.minimum_size = measured.pad_multiple, measured.minimum_size

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

    def maps(self, image: Tensor) -> list[Tensor]:  # noqa: ARG002 - of the implementation
        """Return the maps at the original strides of the layers, each (N, channels, h, w)."""
        raise PluxelError(f"{type(self).__name__} must implement maps(image)")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps (N, channels, h, w) for a normalized image (N, in_channels, H, W)."""
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
        raise PluxelError(
            f"{type(self).__name__} has no standard weights: set pretrained to a file or to false"
        )

    def _check_usual(self) -> None:
        """Raise PluxelError if there are no standard weights to load."""
        if self.caffe_file:
            raise PluxelError(
                f"{type(self).__name__}'s weights are published as a Caffe model only: set  "
                f"pretrained: PATH/{self.caffe_file}",
                [f"Pluxel reads it without Caffe; it expects  {self.usual.to_yaml()}"],
            )
        if type(self).load_usual is PretrainedBackbone.load_usual:
            self.load_usual()

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
