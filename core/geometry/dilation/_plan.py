"""Plan how the layers of a network change if strides are removed from its end.

torch.fx provides the graph. ``geometry.tracing`` provides the positions after each node, while the
network runs once without data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ....registry import PluxelError
from ...common.torch_private import has_forward_hooks
from ..grid import Grid
from ..tracing import (
    BATCH_NORMS,
    Located,
    TracedValue,
    Tracer,
    leaves,
    on_meta,
    replica,
    tensors_of,
    type_of,
)
from ._sliding import ONE, Ints, Sliding, is_window, read, read_call, times

SIZE = (448, 896)
"""Size of the image with which the network is traced."""

OTHER_SIZE = (896, 1344)
"""Size of a second image, to find what depends on the size."""


class NotEquivariant(PluxelError):  # noqa: N818 - the name states the error
    """Shifting the input of a layer does not shift its result."""


@dataclass(frozen=True)
class Step:
    """The change of one node.

    ``rate``: cells of the dense input per cell of the original input. ``removed``: the factor that
    is removed from the stride, 1 if the stride is kept.
    """

    sliding: Sliding
    rate: Ints
    removed: Ints

    @property
    def stride(self) -> Ints:
        """The remaining stride."""
        (vertical, horizontal), removed = self.sliding.stride, self.removed
        return vertical // removed[0], horizontal // removed[1]


class PlannedCall(NamedTuple):
    """A sliding window that a layer calls, and its step, or None if it does not change."""

    layer: str
    window: Sliding
    step: Step | None


@dataclass(frozen=True)
class DenseMap:
    """A map of the dilated network: its grid, and its cells per cell of the original map."""

    grid: Grid
    rate: Ints


@dataclass(frozen=True)
class Plan:
    """How to run a network without strides.

    ``steps``: by name of the node. ``calls``: all sliding windows in the order of the network's
    calls. ``maps``: the results. ``compiles``: whether torch.compile lets a mode see all windows;
    it hides ``functional.pad``.
    """

    steps: Mapping[str, Step]
    calls: tuple[PlannedCall, ...]
    maps: tuple[DenseMap, ...]
    compiles: bool


NORMS = (*BATCH_NORMS, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
"""Norms that may keep running statistics."""


def reason(error: Exception) -> str:
    """Return the first line of an error's message, or the type of the error."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _LeafTracer(fx.Tracer):
    """Traces into all modules except torch's own, norms, and most without children and tensors.

    Norms and modules without tensors may behave differently in training and decide when called:
    stochastic depth does, and norms with an activation, which count batches. Modules without
    tensors are traced if they call a sliding window, such as a pool.

    ``network``: the modules to trace.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._bare = {
            module
            for module in network.modules()
            if not any(True for _ in (*module.children(), *module.parameters(), *module.buffers()))
            and not (self._is_torch(module) or _slides(module))
        }

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        kept = m in self._bare or isinstance(m, NORMS)
        return kept or super().is_leaf_module(m, module_qualified_name)

    def _is_torch(self, module: nn.Module) -> bool:
        return super().is_leaf_module(module, "")


def _slides(module: nn.Module) -> bool:
    """Return whether a module without children calls a convolution, a pool or a padding."""
    if has_forward_hooks(module):
        return False
    try:
        nodes = fx.Tracer().trace(module).nodes
    except Exception:  # noqa: BLE001 - it may raise any error for a symbol
        return False
    return any(node.op == "call_function" and is_window(node.target) for node in nodes)


def modes_of(network: nn.Module) -> dict[str, bool]:
    """Return whether each module of a network is in training, by name.

    The network itself is left out if it has children, because it may be a wrapper outside of the
    model, whose mode nobody sets.
    """
    named = [(name, module) for name, module in network.named_modules() if name]
    return {name: module.training for name, module in named or [("", network)]}


def graph_of(network: nn.Module, modes: Mapping[str, bool]) -> fx.Graph:
    """Return the graph of a network ``network(image) -> map or maps`` in these modes.

    A mode that is passed to a function, such as dropout, becomes part of the graph.

    Raises: NotEquivariant if torch.fx cannot trace the network.
    """
    # Trace a copy, because networks may keep their arguments.
    try:
        copy = replica(network, on_meta)
        for name, module in copy.named_modules():
            module.training = modes.get(name, False)
        return _LeafTracer(copy).trace(copy)
    except Exception as error:
        raise NotEquivariant(f"the network cannot be traced: {reason(error)}") from error


def outline(graph: fx.Graph) -> list[object]:
    """Return the calls of a graph's nodes and their arguments, except booleans."""
    return [
        (node.name, node.op, node.target, repr(map_aggregate((node.args, node.kwargs), _no_switch)))
        for node in graph.nodes
    ]


def _no_switch(value: Any) -> Any:
    return None if isinstance(value, bool) else value


def make_plan(network: nn.Module, graph: fx.Graph, in_channels: int, output_stride: Ints) -> Plan:
    """Plan how to remove all strides beyond ``output_stride``, per axis.

    Raises: NotEquivariant, naming the layer whose result would differ.
    """
    with torch.inference_mode(), torch.device("meta"):
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network))
        tracer = Tracer(image, _values(network, graph, in_channels))
        with tracer:
            planner = _Planner(replica(network, on_meta), graph, tracer, output_stride)
            maps = planner.checked_run(image)
    dense_maps = tuple(planner.dense(result) for result in leaves(maps))
    if not dense_maps:
        raise NotEquivariant("the network returns no maps; perhaps hooks remove them")
    return Plan(planner.steps, tuple(planner.calls), dense_maps, planner.compiles)


def _values(network: nn.Module, graph: fx.Graph, in_channels: int) -> Sequence[TracedValue] | None:
    """Return the values of a run on an image of another size; None if the network rejects it."""
    image = torch.zeros(1, in_channels, *OTHER_SIZE, dtype=type_of(network))
    tracer = Tracer(image)
    try:
        with tracer:
            fx.Interpreter(replica(network, on_meta), graph=graph).run(image)
    except Exception:  # noqa: BLE001 - a network may raise any error
        return None
    return tracer.constants.values


class _Recorder(TorchFunctionMode):
    """Records the sliding windows that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Sliding] = []
        self.compiles = True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (call := read_call(func, args, kwargs or {})) is not None:
            self.windows.append(call[0])
            self.compiles &= func is not functional.pad
        return func(*args, **(kwargs or {}))


class _Planner(fx.Interpreter):
    """Runs a network without data, and records how each node changes."""

    def __init__(
        self, network: nn.Module, graph: fx.Graph, tracer: Tracer, output_stride: Ints
    ) -> None:
        super().__init__(network, graph=graph)
        self.tracer = tracer
        self.output_stride = output_stride
        self.steps: dict[str, Step] = {}
        self.calls: list[PlannedCall] = []
        self.compiles = True
        self._rates: dict[int, Ints] = {}
        """Id of a tensor -> cells of the dense map per cell of the original map."""

    def checked_run(self, image: Tensor) -> Any:
        """Run; also raise NotEquivariant for a layer that needs data or another size."""
        try:
            return self.run(image)
        except NotEquivariant:
            raise
        except Exception as error:
            raise NotEquivariant(f"the network cannot be traced: {reason(error)}") from error

    def run_node(self, n: fx.Node) -> Any:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        with _Recorder() as recorder:
            result = super().run_node(n)
        operands = [t for t in tensors_of((args, kwargs)) if self._is_map(t)]
        produced = tensors_of(result)
        if n.op == "placeholder":
            self._know(produced, ONE)
        elif operands and produced and n.op != "output":
            rate = self._rate(n, operands)
            self._check(n, produced)
            self._know(produced, self._slide(n, operands, rate, produced))
        self.compiles &= recorder.compiles
        layer, step = _layer(n), self.steps.get(n.name)
        self.calls += [PlannedCall(layer, window, step) for window in recorder.windows]
        return result

    def dense(self, result: Tensor) -> DenseMap:
        """Return the dense map of a result."""
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
            raise self._refusal(node, str(error)) from error
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
            raise self._refusal(node, "it combines maps of different strides")
        return rates.pop()

    def _check(self, node: fx.Node, produced: list[Tensor]) -> None:
        module = self.submodules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, NORMS) and module.running_mean is None:
            raise self._refusal(node, "it normalizes by statistics of the batch")
        for tensor in produced:
            state = self.tracer.state(tensor)
            if not isinstance(state, Located):
                raise self._refusal(node, "its effect on positions is unknown")
            if state.guessed:
                raise self._refusal(node, "its effect on positions is unknown")
            if state.placed:
                raise self._refusal(
                    node, "its result depends on the position in the image or on its size"
                )
            if state.everything:
                raise self._refusal(node, "each of its values depends on the whole image")

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
            raise self._refusal(
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

    def _refusal(self, node: fx.Node, message: str) -> NotEquivariant:
        return NotEquivariant(f"{_layer(node)}: {message}")


def _layer(node: fx.Node) -> str:
    """Return the name of the layer that calls a node, for messages."""
    stack = node.meta.get("nn_module_stack") or {}
    module = node.target if node.op == "call_module" else next(reversed(stack), "")
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    layer = f"layer {module}" if module else "the network"
    return f"{layer} ({name or node.name})"


def _kept(stride: int, before: Fraction, target: int) -> int:
    """Return the largest factor of a layer's stride after which the target can still be reached."""
    factors = (factor for factor in range(stride, 0, -1) if stride % factor == 0)
    return next((factor for factor in factors if (target / (before * factor)).denominator == 1), 1)
