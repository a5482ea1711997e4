"""Filter dilation: the scores of a network at a finer stride, its weights untouched.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2 ("filter rarefaction"): removing the stride of a
layer and dilating the filters of all later layers gives what shifting the input and interlacing
the outputs gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn

from ....registry import PluxelError
from ..tracing import on_meta, replica, type_of
from ._plan import SIZE, DenseMap, NotEquivariant, graph_of, make_plan, modes_of, outline, reason
from ._running import Dilating, Fragmented

__all__ = ["DenseMap", "Dilated", "Dilation", "NotEquivariant"]

Result = TypeVar("Result", Tensor, list[Tensor], Tensor | list[Tensor])


class Dilation:
    """How a network ``network(image) -> map or maps`` runs at a finer stride than its own: a plan.

    It holds no module: whoever owns the network passes it in at each run. Copies share the plan.

    ``output_stride``: in pixels, per axis; strides beyond it are taken out, from the end.
    ``maps``: where the cells of each result lie.

    Raises: NotEquivariant naming a layer whose result would be another: global pooling, attention,
    statistics of a batch or of a map.
    """

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        modes = dict.fromkeys(modes_of(network), False)
        graph = graph_of(network, modes)
        self._graphs = {tuple(modes.values()): graph}
        plan = make_plan(network, graph, in_channels, (output_stride, output_stride))
        self.steps, self.maps, self._calls = plan.steps, plan.maps, plan.calls
        self._try(network, in_channels)
        self._same_in_training = _is_same(graph, network, dict.fromkeys(modes, True))

    def __deepcopy__(self, memo: dict[int, Any]) -> Dilation:
        return self  # a plan never changes

    def _try(self, network: nn.Module, in_channels: int) -> None:
        """Run without data: maps that fitted each other may not without strides."""
        network = replica(network, on_meta)
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network), device="meta")
        try:
            with torch.inference_mode():
                self._run(network, image)
        except Exception as error:
            what = f"without its strides its maps do not fit: {reason(error)}"
            raise NotEquivariant(what) from error

    def _run(self, network: Callable[[Tensor], Result], image: Tensor) -> Result:
        running = Dilating(self._calls)
        with running:  # without 'as', which torch.compile does not follow
            maps = network(image)
        running.check_complete()
        return maps

    def __call__(
        self, network: Callable[[Tensor], Result], image: Tensor, layers: Iterable[nn.Module]
    ) -> Result:
        """Return ``network(image)`` without the strides, for an image (N, C, H, W): à trous.

        ``layers``: the modules that it runs.

        Raises: PluxelError if it consists of other layers than those of the plan, as some networks
        do in training.
        """
        self._check_modes(layers)
        return self._run(network, image)

    def by_fragments(self, network: nn.Module, image: Tensor) -> Tensor | list[Tensor]:
        """Return the same, each layer with its own filters on interlaced fragments of its input.

        Layers are looked up by their names in ``network``. Their own hooks run once a fragment;
        those of modules that consist of others do not.
        """
        self._check_modes(_layers(network))
        return Fragmented(network, self._graph(network), self.steps).run(image)

    def _graph(self, network: nn.Module) -> fx.Graph:
        """Return the graph of the network with each of its modules in its present mode."""
        modes = modes_of(network)
        key = tuple(modes.values())
        if key not in self._graphs:
            self._graphs[key] = graph_of(network, modes)
        return self._graphs[key]

    def _check_modes(self, layers: Iterable[nn.Module]) -> None:
        if self._same_in_training:
            return
        if any(module.training for layer in layers for module in layer.modules()):
            raise PluxelError(
                "in training the network consists of other layers than in evaluation, and those "
                "were not checked: train it without an output_stride, and use it with one"
            )


class Dilated(nn.Module):
    """A network ``network(image) -> map or maps``, evaluated at a finer stride than its own.

    Arguments and errors are those of `Dilation`.
    """

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        super().__init__()
        self.network = network
        self.dilation = Dilation(network, in_channels, output_stride)

    @property
    def maps(self) -> tuple[DenseMap, ...]:
        """Where the cells of each result lie."""
        return self.dilation.maps

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the dense result for an image (N, C, H, W): à trous."""
        return self.dilation(self.network, image, _layers(self.network))

    def by_fragments(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return the same, by fragments."""
        return self.dilation.by_fragments(self.network, image)


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the parts of a network, which may be a wrapper that no model contains; else itself."""
    return [*network.children()] or [network]


def _is_same(graph: fx.Graph, network: nn.Module, modes: dict[str, bool]) -> bool:
    """Return whether a network has the same layers in other modes."""
    try:
        return outline(graph_of(network, modes)) == outline(graph)
    except NotEquivariant:
        return False
