"""Filter rarefaction: the scores of a network at a finer stride, its weights untouched.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2: taking a stride out of a layer and spreading the
filters of all later layers apart gives what shifting the input and interlacing the outputs gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from ..tracing import on_meta, replica, type_of
from ._plan import SIZE, DenseMap, NotEquivariant, draw, graph_of
from ._running import Dilated, Fragmented

__all__ = ["DenseMap", "NotEquivariant", "Rarefied"]


class Rarefied:
    """A network ``network(image) -> map or maps``, evaluated at a finer stride than its own.

    ``output_stride``: in pixels, per axis; strides beyond it are taken out, from the end.
    ``maps``: where the cells of each result lie. ``pads``: whether any window sees padding; then
    shifting the image is not quite shifting the result, near its borders.

    Raises: NotEquivariant naming a layer whose result would be another: global pooling, attention,
    statistics of a batch or of a map.
    """

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        self.network = network
        self.graph: fx.Graph = graph_of(network)
        plan = draw(network, self.graph, in_channels, (output_stride, output_stride))
        self.steps, self.maps, self.pads = plan.steps, plan.maps, plan.pads
        self._try(in_channels)

    def _try(self, in_channels: int) -> None:
        """Run without data: maps that fitted each other may not without strides."""
        network = replica(self.network, on_meta)
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network), device="meta")
        try:
            with torch.inference_mode():
                Dilated(network, self.graph, self.steps).run(image)
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise NotEquivariant(f"without its strides its maps do not fit: {reason}") from error

    def __call__(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the dense result for an image (N, C, H, W): à trous."""
        return Dilated(self.network, self.graph, self.steps).run(image)

    def by_fragments(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the same, each layer with its own filters on interlaced fragments of its input."""
        return Fragmented(self.network, self.graph, self.steps).run(image)
