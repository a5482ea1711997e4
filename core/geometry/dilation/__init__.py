"""Filter dilation: run a network at a finer stride without changing its weights.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2 ("filter rarefaction"): removing the stride of a
layer and dilating the filters of all later layers has the same result as shifting the input and
interlacing the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn

from ....registry import PluxelError
from ...common.progress import busy
from ..tracing import Results, Reusing, on_meta, replica, type_of
from ._graph import NotEquivariant, graph_of, modes_of, outline, reason
from ._plan import DenseMap
from ._planning import SIZE, make_plan
from ._running import Dilating, Fragmented

__all__ = ["DenseMap", "Dilation", "NotEquivariant"]

Result = TypeVar("Result", Tensor, list[Tensor], Tensor | list[Tensor])


class Dilation:
    """A plan to run ``network(image) -> map or maps`` at a finer stride than its own.

    The plan contains no module: its owner passes the network to each run. Copies share the plan.

    ``output_stride``: in pixels, for both axes; larger strides are removed, starting from the end.
    ``maps``: the grids of the results.

    Raises: NotEquivariant, naming a layer whose result would differ (global pooling, attention,
    statistics of a batch or of a map).
    """

    def __init__(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        with busy("planning a network without strides"):
            self._plan(network, in_channels, output_stride)

    def _plan(self, network: nn.Module, in_channels: int, output_stride: int) -> None:
        modes = dict.fromkeys(modes_of(network), False)
        graph = graph_of(network, modes)
        self._graphs = {tuple(modes.values()): graph}
        plan = make_plan(network, graph, in_channels, (output_stride, output_stride))
        self.steps, self.maps, self._calls = plan.steps, plan.maps, plan.calls
        self._compiles, self._skipped = plan.compiles, plan.skipped
        self._try(network, in_channels)
        self._same_in_training = _is_same(graph, network, dict.fromkeys(modes, True))

    def __deepcopy__(self, memo: dict[int, Any]) -> Dilation:
        return self  # a plan is immutable

    def _try(self, network: nn.Module, in_channels: int) -> None:
        """Run without data, because the sizes of maps may no longer match without strides."""
        network = replica(network, on_meta)
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network), device="meta")
        try:
            with torch.inference_mode(), Reusing(Results()):
                self._run(network, image)
        except Exception as error:
            raise NotEquivariant(
                f"without its strides, the sizes of its maps do not match: {reason(error)}"
            ) from error

    def _run(self, network: Callable[[Tensor], Result], image: Tensor) -> Result:
        running = Dilating(self._calls)
        with running:  # without 'as', which torch.compile does not support
            maps = network(image)
        running.check_complete()
        return maps

    def __call__(
        self, network: Callable[[Tensor], Result], image: Tensor, layers: Iterable[nn.Module]
    ) -> Result:
        """Return ``network(image)`` without the strides (à trous), for an image (N, C, H, W).

        ``layers``: the modules that the network runs.

        Raises: PluxelError if the layers differ from those of the plan, which happens in training
        for some networks.
        """
        self._check_modes(layers)
        hidden = not self._compiles and torch.compiler.is_dynamo_compiling()
        run: Any = torch.compiler.disable(self._run) if hidden else self._run
        return run(network, image)

    def by_fragments(self, network: nn.Module, image: Tensor) -> Tensor | list[Tensor]:
        """Return the same result, with undilated filters on interlaced fragments of each input.

        Layers are looked up in ``network`` by name. Operations of hooks that were there when the
        graph was traced run once per fragment; other hooks do not run.
        """
        self._check_modes(_layers(network))
        return Fragmented(network, self._graph(network), self.steps, self._skipped).run(image)

    def _graph(self, network: nn.Module) -> fx.Graph:
        """Return the graph of the network with each module in its current mode."""
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
                "the network has different layers in training than in evaluation, and these were "
                "not checked: train it without output_stride, and set output_stride afterwards"
            )


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the children of a network, or the network itself if it has none.

    The network may be a wrapper outside of the model, whose mode nobody sets.
    """
    return [*network.children()] or [network]


def _is_same(graph: fx.Graph, network: nn.Module, modes: dict[str, bool]) -> bool:
    """Return whether a network has the layers of ``graph`` in other modes, too."""
    try:
        return outline(graph_of(network, modes)) == outline(graph)
    except NotEquivariant:
        return False
