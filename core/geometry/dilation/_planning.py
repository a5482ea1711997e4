"""Plan how the layers of a network change if strides are removed from its end.

torch.fx provides the graph. ``geometry.tracing`` provides the positions after each node, while the
network runs once without data.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..grid import Grid
from ..tracing import (
    Follower,
    Located,
    TracedValue,
    Tracer,
    leaves,
    on_meta,
    replica,
    tensors_of,
    type_of,
)
from ._graph import NORMS, GraphRunner, NotEquivariant, layer_of, reason
from ._plan import DenseMap, Plan, PlannedCall, Step
from ._reading import Recorder, read
from ._sliding import ONE, Ints, times

SIZE = (448, 896)
"""Size of the image with which the network is traced."""

OTHER_SIZE = (896, 1344)
"""Size of a second image, to find what depends on the size."""


def make_plan(network: nn.Module, graph: fx.Graph, in_channels: int, output_stride: Ints) -> Plan:
    """Plan how to remove all strides beyond ``output_stride``, per axis.

    Raises: NotEquivariant, naming the layer whose result would differ.
    """
    with torch.inference_mode(), torch.device("meta"):
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network))
        copy = replica(network, on_meta)
        tracer = Tracer(image, _values(copy, graph, in_channels))
        with tracer:
            planner = _Planner(copy, graph, tracer, output_stride)
            maps = planner.checked_run(image)
    dense_maps = tuple(planner.dense(result) for result in leaves(maps))
    if not dense_maps:
        raise NotEquivariant("the network returns no maps; perhaps hooks remove them")
    skipped = frozenset(planner.skipped)
    return Plan(planner.steps, tuple(planner.calls), dense_maps, planner.compiles, skipped)


def _values(network: nn.Module, graph: fx.Graph, in_channels: int) -> Sequence[TracedValue] | None:
    """Return the values of a run on an image of another size; None if the network rejects it."""
    image = torch.zeros(1, in_channels, *OTHER_SIZE, dtype=type_of(network))
    follower = Follower(image)
    try:
        with follower:
            GraphRunner(network, graph=graph).run(image)
    except Exception:  # noqa: BLE001 - a network may raise any error
        return None
    return follower.constants.values


class _Planner(GraphRunner):
    """Runs a network without data, and records how each node changes.

    A node that cannot be dilated is refused, with all that follows from it. This matters only for
    results: a network whose maps are kept by hooks may end in a classifier.
    """

    def __init__(
        self, network: nn.Module, graph: fx.Graph, tracer: Tracer, output_stride: Ints
    ) -> None:
        super().__init__(network, graph=graph)
        self.tracer = tracer
        self.output_stride = output_stride
        self.steps: dict[str, Step] = {}
        self.calls: list[PlannedCall] = []
        self.compiles = True
        self._node = next(iter(graph.nodes))
        self._rates: dict[int, Ints] = {}
        """Id of a tensor -> cells of the dense map per cell of the original map."""
        self._refused: dict[int, NotEquivariant] = {}
        """Id of a tensor -> why it has no dense map; the first refusal comes first."""
        self.skipped: set[str] = set()
        """Nodes that are refused or follow from them."""

    def checked_run(self, image: Tensor) -> Any:
        """Run; also raise NotEquivariant for a layer that needs data or another size."""
        try:
            return self.run(image)
        except Exception as error:
            if refused := next(iter(self._refused.values()), None):
                raise refused from error
            raise _refusal(self._node, f"it cannot be traced: {reason(error)}") from error

    def run_node(self, n: fx.Node) -> Any:
        self._node = n
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        with Recorder() as recorder:
            result = super().run_node(n)
        given = tensors_of((args, kwargs))
        operands = [t for t in given if id(t) in self._refused or self._is_map(t)]
        produced = tensors_of(result)
        if n.op == "placeholder":
            self._know(produced, ONE)
        elif operands and produced and n.op != "output":
            self._follow(n, operands, produced)
        if any(operand.name in self.skipped for operand in n.all_input_nodes):
            self.skipped.add(n.name)
        self.compiles &= recorder.compiles
        layer, step = layer_of(n), self.steps.get(n.name)
        self.calls += [PlannedCall(layer, window, step) for window in recorder.windows]
        return result

    def _follow(self, node: fx.Node, operands: list[Tensor], produced: list[Tensor]) -> None:
        """Record the rate of the results, or why they have no dense form."""
        error = self._refusal_of(operands)
        try:
            if error is None:
                rate = self._rate(node, operands)
                self._check(node, produced)
                self._know(produced, self._slide(node, operands, rate, produced))
                return
        except NotEquivariant as found:
            error = found
        self.skipped.add(node.name)
        self._refused |= {id(tensor): error for tensor in produced}

    def _refusal_of(self, tensors: list[Tensor]) -> NotEquivariant | None:
        ids = {id(tensor) for tensor in tensors}
        return next((error for key, error in self._refused.items() if key in ids), None)

    def dense(self, result: Tensor) -> DenseMap:
        """Return the dense map of a result. Raises: NotEquivariant if it has none."""
        if (error := self._refusal_of([result])) is not None:
            raise error
        if (problem := self._problem(result)) is not None:
            raise NotEquivariant(f"a map of the network: {problem}")
        located = self.tracer.state(result)
        assert isinstance(located, Located)
        rate = self._rates[id(result)]
        strides = [e.stride / r for e, r in zip(located.extents, rate, strict=True)]
        return DenseMap(Grid(strides, [e.offset for e in located.extents]), rate)

    def _slide(
        self, node: fx.Node, operands: list[Tensor], rate: Ints, produced: list[Tensor]
    ) -> Ints:
        """Record the node if it changes, and return the rate of its result."""
        module = self.submodules.get(str(node.target)) if node.op == "call_module" else None
        try:
            sliding = read(node, module, self._kernel(node, module))
        except ValueError as error:
            raise _refusal(node, str(error)) from error
        if sliding is None:
            self._check_moves(node, operands, produced, rate)
            return rate
        located = self.tracer.state(operands[0])
        assert isinstance(located, Located)
        vertical, horizontal = (
            stride // (_kept(stride, extent.stride, target) if r == 1 else 1)
            for extent, stride, r, target in zip(
                located.extents, sliding.stride, rate, self.output_stride, strict=True
            )
        )
        removed = (vertical, horizontal)
        if rate != ONE or removed != ONE:
            self.steps[node.name] = Step(sliding, rate, removed)
        return times(rate, removed)

    def _kernel(self, node: fx.Node, module: nn.Module | None) -> torch.Size | None:
        if isinstance(module, nn.Conv2d):
            return module.weight.shape[2:]
        weight = node.kwargs.get("weight", node.args[1] if len(node.args) > 1 else None)
        value = self.env.get(weight) if isinstance(weight, fx.Node) else None
        return value.shape[2:] if isinstance(value, Tensor) and value.ndim == 4 else None

    def _rate(self, node: fx.Node, operands: list[Tensor]) -> Ints:
        rates = {self._rates[id(tensor)] for tensor in operands}
        if len(rates) > 1:
            raise _refusal(node, "it combines maps of different strides")
        return rates.pop()

    def _check(self, node: fx.Node, produced: list[Tensor]) -> None:
        module = self.submodules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, NORMS) and module.running_mean is None:
            raise _refusal(node, "it normalizes by statistics of the batch")
        for tensor in produced:
            if (problem := self._problem(tensor)) is not None:
                raise _refusal(node, problem)

    def _problem(self, tensor: Tensor) -> str | None:
        state = self.tracer.state(tensor)
        if not isinstance(state, Located) or state.guessed:
            return "its effect on positions is unknown"
        if state.placed:
            return "its result depends on the position in the image or on its size"
        return "each of its values depends on the whole image" if state.everything else None

    def _check_moves(
        self, node: fx.Node, operands: list[Tensor], produced: list[Tensor], rate: Ints
    ) -> None:
        """Raise if a node moves or combines cells over a distance that cannot be dilated."""
        if rate == ONE:
            return
        before, after = ([self._spans(t) for t in tensors] for tensors in (operands, produced))
        # A node that combines several maps may cover the union of their pixels, and no more.
        union = [
            (strides.pop(), min(firsts), max(lasts)) if len(strides := set(values)) == 1 else None
            for values, firsts, lasts in (
                zip(*axis, strict=True) for axis in zip(*before, strict=True)
            )
        ]
        if any(spans != union for spans in after):
            raise _refusal(
                node, "it moves or combines cells over a distance that cannot be dilated"
            )

    def _spans(self, tensor: Tensor) -> list[tuple[Fraction, Fraction, Fraction]]:
        """Return the stride of a map, and the first and last pixel of cell 0, for each axis."""
        located = self.tracer.state(tensor)
        assert isinstance(located, Located)
        return [(extent.stride, extent.first, extent.last) for extent in located.extents]

    def _is_map(self, tensor: Tensor) -> bool:
        state = self.tracer.state(tensor)
        return state is not None and not (isinstance(state, Located) and not state.axes)

    def _know(self, tensors: list[Tensor], rate: Ints) -> None:
        self._rates |= {id(tensor): rate for tensor in tensors}


def _refusal(node: fx.Node, message: str) -> NotEquivariant:
    return NotEquivariant(f"{layer_of(node)}: {message}")


def _kept(stride: int, before: Fraction, target: int) -> int:
    """Return the largest factor of a layer's stride after which the target can still be reached."""
    factors = (factor for factor in range(stride, 0, -1) if stride % factor == 0)
    return next((factor for factor in factors if (target / (before * factor)).denominator == 1), 1)
