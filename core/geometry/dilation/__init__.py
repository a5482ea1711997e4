"""Filter dilation: the scores of a network at a finer stride, its weights untouched.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2 ("filter rarefaction"): removing the stride of a
layer and dilating the filters of all later layers gives what shifting the input and interlacing
the outputs gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from ....registry import PluxelError
from ..tracing import on_meta, replica, type_of
from ._plan import SIZE, DenseMap, NotEquivariant, draw, graph_of, modes_of, outline, reason
from ._running import DilatedInterpreter, Fragmented

__all__ = ["DenseMap", "Dilated", "NotEquivariant"]


class Dilated:
    """A network ``network(image) -> map or maps``, evaluated at a finer stride than its own.

    ``output_stride``: in pixels, per axis; strides beyond it are taken out, from the end.
    ``maps``: where the cells of each result lie.

    Raises: NotEquivariant naming a layer whose result would be another: global pooling, attention,
    statistics of a batch or of a map.
    """

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        self.network = network
        modes = dict.fromkeys(modes_of(network), False)
        self._planned = graph_of(network, modes)
        self._graphs = {tuple(modes.values()): self._planned}
        plan = draw(network, self._planned, in_channels, (output_stride, output_stride))
        self.steps, self.maps = plan.steps, plan.maps
        self._try(in_channels)

    @property
    def graph(self) -> fx.Graph:
        """The graph of the network with each of its modules in its present mode.

        Raises: PluxelError if it consists of other layers than in use, as some do in training.
        """
        modes = modes_of(self.network)
        key = tuple(modes.values())
        if (known := self._graphs.get(key)) is not None:
            return known
        found = graph_of(self.network, modes)
        if outline(found) != outline(self._planned):
            raise PluxelError(
                "in training the network consists of other layers than in use, and those were not "
                "looked at: train it without an output_stride, and use it with one"
            )
        return self._graphs.setdefault(key, found)

    def _try(self, in_channels: int) -> None:
        """Run without data: maps that fitted each other may not without strides."""
        network = replica(self.network, on_meta)
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network), device="meta")
        try:
            with torch.inference_mode():
                DilatedInterpreter(network, self._planned, self.steps).run(image)
        except Exception as error:
            what = f"without its strides its maps do not fit: {reason(error)}"
            raise NotEquivariant(what) from error

    def __call__(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the dense result for an image (N, C, H, W): à trous."""
        return DilatedInterpreter(self.network, self.graph, self.steps).run(image)

    def by_fragments(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the same, each layer with its own filters on interlaced fragments of its input."""
        return Fragmented(self.network, self.graph, self.steps).run(image)
