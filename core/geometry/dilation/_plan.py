"""Which layers of a network change, and how, when strides are taken out from its end.

The graph comes from torch.fx. What each node does to positions comes from ``geometry.tracing``, as
the network runs once without data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from ....registry import PluxelError
from ..grid import Grid
from ..tracing import Located, Tracer, leaves, on_meta, replica, tensors_of, type_of
from ._sliding import ONE, Ints, Sliding, read, read_call, times

SIZE = (448, 896)
"""An image to look at the network with."""


class NotEquivariant(PluxelError):  # noqa: N818 - reads as what it says
    """A layer for which shifting the image is not shifting the result."""


@dataclass(frozen=True)
class Step:
    """A node that changes: what slides, how far apart its cells are now, which stride is gone.

    ``rate``: cells of the denser input for one of the original's. ``removed``: 1 where kept.
    """

    sliding: Sliding
    rate: Ints
    removed: Ints

    @property
    def stride(self) -> Ints:
        """The stride that is left."""
        (vertical, horizontal), removed = self.sliding.stride, self.removed
        return vertical // removed[0], horizontal // removed[1]


@dataclass(frozen=True)
class DenseMap:
    """A map of the denser network: its grid, and cells of it for one of the original, per axis."""

    grid: Grid
    rate: Ints


@dataclass(frozen=True)
class Plan:
    """``steps``: by name of the node. ``maps``: where the cells of each result lie.

    ``calls``: all that slides, in the order in which the network calls it; with the step that it
    takes, or None where nothing changes.
    """

    steps: Mapping[str, Step]
    calls: tuple[tuple[Sliding, Step | None], ...]
    maps: tuple[DenseMap, ...]


NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.SyncBatchNorm,
)
"""Norms that may keep statistics of the images that they have seen."""


def reason(error: Exception) -> str:
    """Return what an error says in its first line, or what kind of error it is."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _LeafTracer(fx.Tracer):
    """Looks into every module but those of torch, those without parts and numbers, and norms.

    The latter may behave otherwise in training (stochastic depth, norms with an activation in them,
    which count batches then), and decide so when called.
    """

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        bare = not any(True for _ in (*m.children(), *m.parameters(), *m.buffers()))
        normalizes = isinstance(m, NORMS)
        return bare or normalizes or super().is_leaf_module(m, module_qualified_name)


def modes_of(network: nn.Module) -> dict[str, bool]:
    """Return for each module of a network, by name, whether it is in training.

    The network itself is left out if it has parts: it may be a wrapper that no model contains.
    """
    named = [(name, module) for name, module in network.named_modules() if name]
    return {name: module.training for name, module in named or [("", network)]}


def graph_of(network: nn.Module, modes: Mapping[str, bool]) -> fx.Graph:
    """Return the graph of a network ``network(image) -> map or maps`` in these modes.

    The mode that a function gets as an argument, as dropout does, becomes a part of the graph.

    Raises: NotEquivariant where torch.fx cannot follow it.
    """
    # A copy, as networks may keep what they were called with.
    try:
        copy = replica(network, on_meta)
        for name, module in copy.named_modules():
            module.training = modes.get(name, False)
        return _LeafTracer().trace(copy)
    except Exception as error:
        raise NotEquivariant(f"the network cannot be followed: {reason(error)}") from error


def outline(graph: fx.Graph) -> list[object]:
    """Return what a graph does but for its switches: what its nodes call, with which numbers."""
    return [
        (node.name, node.op, node.target, repr(map_aggregate((node.args, node.kwargs), _no_switch)))
        for node in graph.nodes
    ]


def _no_switch(value: Any) -> Any:
    return None if isinstance(value, bool) else value


def make_plan(network: nn.Module, graph: fx.Graph, in_channels: int, output_stride: Ints) -> Plan:
    """Plan how to take out all strides beyond ``output_stride``, per axis.

    Raises: NotEquivariant naming the layer for which the result would be another.
    """
    with torch.inference_mode(), torch.device("meta"):
        image = torch.zeros(1, in_channels, *SIZE, dtype=type_of(network))
        tracer = Tracer(image)
        with tracer:
            planner = _Planner(replica(network, on_meta), graph, tracer, output_stride)
            maps = planner.checked_run(image)
    found = tuple(planner.dense(one) for one in leaves(maps))
    if not found:
        raise NotEquivariant("the network returns no map, perhaps because hooks take them out")
    return Plan(planner.steps, tuple(planner.calls), found)


class _Recorder(TorchFunctionMode):
    """Records what slides."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Sliding] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (call := read_call(func, args, kwargs or {})) is not None:
            self.found.append(call[0])
        return func(*args, **(kwargs or {}))


class _Planner(fx.Interpreter):
    """Runs a network without data, and records for each node how it changes."""

    def __init__(
        self, network: nn.Module, graph: fx.Graph, tracer: Tracer, output_stride: Ints
    ) -> None:
        super().__init__(network, graph=graph)
        self.tracer = tracer
        self.output_stride = output_stride
        self.steps: dict[str, Step] = {}
        self.calls: list[tuple[Sliding, Step | None]] = []
        self._rates: dict[int, Ints] = {}
        """By id of a tensor: cells of the denser map for one of the original's."""

    def checked_run(self, image: Tensor) -> Any:
        """Run; a layer that needs data, or another size, is refused too."""
        try:
            return self.run(image)
        except NotEquivariant:
            raise
        except Exception as error:
            raise NotEquivariant(f"the network cannot be followed: {reason(error)}") from error

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
        self.calls += [(one, self.steps.get(n.name)) for one in recorder.found]
        return result

    def dense(self, result: Tensor) -> DenseMap:
        """Return where the cells of one of the results lie."""
        located = self.tracer.state(result)
        assert isinstance(located, Located)
        rate = self._rates[id(result)]
        strides = [e.stride / r for e, r in zip(located.extents, rate, strict=True)]
        return DenseMap(Grid(strides, [e.offset for e in located.extents]), rate)

    def _slide(
        self, node: fx.Node, operands: list[Tensor], rate: Ints, produced: list[Tensor]
    ) -> Ints:
        """Record the node if it changes; returns the rate of its result."""
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
            stride // (_kept(stride, extent.stride, wanted) if r == 1 else 1)
            for extent, stride, r, wanted in zip(
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
            raise self._refusal(node, "it joins maps of different strides")
        return rates.pop()

    def _check(self, node: fx.Node, produced: list[Tensor]) -> None:
        module = self.submodules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, NORMS) and module.running_mean is None:
            raise self._refusal(node, "its statistics are those of the batch")
        for tensor in produced:
            state = self.tracer.state(tensor)
            if not isinstance(state, Located):
                raise self._refusal(node, "what it does to positions is not known")
            if state.everything:
                raise self._refusal(node, "each of its values depends on the whole image")

    def _check_moves(
        self, node: fx.Node, operands: list[Tensor], produced: list[Tensor], rate: Ints
    ) -> None:
        """Refuse what moves cells about, or looks around, and cannot be told to do so further."""
        if rate == ONE:
            return
        seen, found = ([self._seen(one) for one in tensors] for tensors in (operands, produced))
        # What joins several maps sees what all of them see, and no more.
        together = [
            (strides.pop(), min(firsts), max(lasts)) if len(strides := set(every)) == 1 else None
            for every, firsts, lasts in (
                zip(*axis, strict=True) for axis in zip(*seen, strict=True)
            )
        ]
        if any(one != together for one in found):
            raise self._refusal(node, "it moves cells, or looks around, by a distance of its own")

    def _seen(self, tensor: Tensor) -> list[tuple[Fraction, Fraction, Fraction]]:
        """Return stride, first and last pixel seen of a map, for each axis."""
        located = self.tracer.state(tensor)
        assert isinstance(located, Located)
        return [(extent.stride, extent.first, extent.last) for extent in located.extents]

    def _is_map(self, tensor: Tensor) -> bool:
        state = self.tracer.state(tensor)
        return state is not None and not (isinstance(state, Located) and not state.axes)

    def _know(self, tensors: list[Tensor], rate: Ints) -> None:
        self._rates |= {id(tensor): rate for tensor in tensors}

    def _refusal(self, node: fx.Node, why: str) -> NotEquivariant:
        stack = node.meta.get("nn_module_stack") or {}
        where = node.target if node.op == "call_module" else next(reversed(stack), "")
        what = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        layer = f"layer {where}" if where else "the network"
        return NotEquivariant(f"{layer} ({what or node.name}): {why}")


def _kept(stride: int, before: Fraction, wanted: int) -> int:
    """Return the largest part of a layer's stride that leads to the one wanted, or on the way."""
    parts = (part for part in range(stride, 0, -1) if stride % part == 0)
    return next((part for part in parts if (wanted / (before * part)).denominator == 1), 1)
