"""What the built-in backbones share: measured geometry, and weights that are loaded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from ...registry import PluxelError
from ..common.files import require_file
from ..common.logs import logger
from ..contracts.normalization import Normalization
from ..geometry.dilation import Dilation, NotEquivariant
from ..geometry.grid import Border
from ..geometry.tracing import measure
from ..model.weights import (
    InputChannels,
    LoadReport,
    StateDict,
    adapt_input_layers,
    copy_matching,
    loaded_share,
    read_normalization,
    read_state_dict,
)

Pretrained = bool | Path
"""The usual weights of a network, none, or those of a file."""

OutputStride = Literal[4, 8, 16, 32] | None
"""The coarsest stride of a network's maps; strides beyond it are taken out."""


class PretrainedBackbone(nn.Module):
    """A backbone whose constructor reads no file, so that a run can be rebuilt anywhere.

    A subclass builds its layers, then calls ``finish``; it runs them in ``maps``, says where its
    usual weights are in ``load_usual``, and in ``own_names`` how names in files become its own.
    """

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
        """Measure the geometry, and keep what ``load_pretrained`` will need.

        ``names`` are those of the maps; ``usual`` is the normalization of the usual weights;
        ``output_stride``: strides beyond it are taken out. ``border``: of the maps.
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
        """Return how ``maps`` runs without the strides beyond ``output_stride``.

        None if the layers themselves have been changed to that end.

        Raises: PluxelError where their strides do not lead there, or where they do not allow it.
        """
        return _dilation(self, in_channels, output_stride)

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps at the strides of the layers, each (N, channels, h, w)."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (N, in_channels, H, W), normalized; returns the maps, each (N, channels, h, w)."""
        if self._dilation is None:
            return self.maps(image)
        return self._dilation(self.maps, image, self.children())

    def check_pretrained(self) -> None:
        """Look at the file that ``pretrained`` names, if any, without loading it.

        Raises: PluxelError if it is not there, or if nobody says how images are to be normalized
        for it.
        """
        if isinstance(self.pretrained, Path):
            self._normalization_of(require_file(self.pretrained))

    def load_pretrained(self) -> LoadReport | None:
        """Load what ``pretrained`` names, and adopt the normalization that belongs to it.

        Raises: PluxelError if the weights are not available, cannot be read or do not fit, or if
        nobody says how images are to be normalized for those of a file.
        """
        if isinstance(self.pretrained, Path):
            self.normalization = self._normalization_of(require_file(self.pretrained))
            return self.load_file(self.pretrained)
        return self.load_usual() if self.pretrained else None

    def load_usual(self) -> LoadReport:
        """Load the weights that everybody uses; from a cache, else from the network."""
        raise NotImplementedError

    def own_names(self, state: StateDict) -> StateDict:
        """Bring names and shapes in a file to those of this module."""
        return state

    def load_file(self, path: Path) -> LoadReport:
        """Load a file, with a warning if it fills less than half of the network.

        Raises: PluxelError if it cannot be read or nothing in it fits.
        """
        state = self.own_names(read_state_dict(path))
        report = self.load_state(state)
        if not report.loaded:
            theirs, ours = (", ".join(list(names)[:3]) for names in (state, self.state_dict()))
            raise PluxelError(f"{path}: none of its weights fit: {theirs}, … instead of {ours}, …")
        if (share := loaded_share(self, report)) < 0.5:
            logger.warning(
                "%s: only %.2g %% of the network's weights are in this file, the others stay "
                "random: is it from another network? (%s)",
                path,
                100 * share,
                report,
            )
        return report

    def load_state(self, state: StateDict) -> LoadReport:
        """Copy what fits, the filters of the input layers adapted to the channels."""
        adapted = adapt_input_layers(state, self, self.in_channels, self.input_channels)
        return copy_matching(self, adapted)

    def _normalization_of(self, path: Path) -> Normalization:
        """Return how a file's weights expect images: as the user says, else as its metadata say."""
        found = self.given or read_normalization(path)
        if found is None:
            raise PluxelError(
                f"{path} does not say which normalization its weights expect; "
                "state it beside 'pretrained:'",
                [f"the usual weights of this network want  {self.usual.to_yaml()}"],
            )
        return found


class _FeatureMaps(nn.Module):
    """A backbone as a network of its layers alone."""

    def __init__(self, backbone: PretrainedBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.backbone.maps(image)


def _dilation(backbone: PretrainedBackbone, in_channels: int, output_stride: int) -> Dilation:
    """Return how the backbone runs with dilated filters in place of strides (PAMI 2016, 3.2).

    Raises: PluxelError where its strides do not lead to ``output_stride``, NotEquivariant where
    its layers do not allow it.
    """
    try:
        found = Dilation(_FeatureMaps(backbone), in_channels, output_stride)
    except NotEquivariant as error:
        raise NotEquivariant(f"output_stride {output_stride} is not available: {error}") from error
    largest = max(max(one.grid.stride) for one in found.maps)
    if largest != output_stride:
        raise PluxelError(
            f"output_stride {output_stride} is not available: its strides end at {largest}"
        )
    return found
