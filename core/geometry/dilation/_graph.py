"""The layers of a network as a graph of torch.fx, with the operations of their hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import fx, nn
from torch.fx.node import map_aggregate
from torch.fx.proxy import TraceError

from ....registry import PluxelError
from ...common.torch_private import has_forward_hooks
from ..tracing import BATCH_NORMS, on_meta, replica
from ._reading import is_window


class NotEquivariant(PluxelError):  # noqa: N818 - the name states the error
    """Shifting the input of a layer does not shift its result."""


NORMS = (*BATCH_NORMS, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
"""Norms that may keep running statistics."""


def reason(error: Exception) -> str:
    """Return the first line of an error's message, or the type of the error."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _LeafTracer(fx.Tracer):
    """Traces into all modules except torch's own, norms, and most without children and tensors.

    Norms and modules without tensors may behave differently in training and decide when called:
    stochastic depth does, and norms with an activation, which count batches. Modules without
    tensors are traced if they call a sliding window, such as a pool. Hooks become part of the
    graph, because they may change a map or keep it as a result; so torch's modules with hooks are
    traced, too, as a hook may set their weights.

    ``network``: the modules to trace.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._device: Any = None
        self._own = {*network.modules()}
        self._bare = {
            module
            for module in network.modules()
            if not any(True for _ in (*module.children(), *module.parameters(), *module.buffers()))
            and not (self._is_torch(module) or _slides(module))
        }

    @property
    def place(self) -> str:
        """The innermost module that is being traced, or was when tracing failed."""
        name, kind = next(reversed(self.module_stack.values()), ("", None))
        kind = getattr(kind, "__name__", kind)
        return f"layer {name} ({str(kind).rpartition('.')[2]})" if name else "the network"

    def proxy(self, node: fx.Node) -> fx.Proxy:
        value = _GraphMap(node, self)
        if node.op == "placeholder":
            self._device = fx.Proxy.__getattr__(value, "device")
        return value

    @property
    def device(self) -> Any:
        """The device of the image, which is that of all maps."""
        return self._device

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if self._is_kept(m):
            return True
        return super().is_leaf_module(m, module_qualified_name) and not has_forward_hooks(m)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if m not in self._own:  # made while it runs, such as a slice of a Sequential
            return forward(*args, **kwargs)
        call = super().call_module
        if not (self._is_kept(m) and has_forward_hooks(m)):
            return call(m, forward, args, kwargs)
        with _forward_replaced(m, lambda *args, **kwargs: call(m, forward, args, kwargs)):
            return forward(*args, **kwargs)  # with the hooks

    def _is_kept(self, module: nn.Module) -> bool:
        return module in self._bare or isinstance(module, NORMS)

    def _is_torch(self, module: nn.Module) -> bool:
        return super().is_leaf_module(module, "")


class _GraphMap(fx.Proxy):
    """A value in the graph. Hooks may use its device as a key, so the device is one object."""

    tracer: _LeafTracer

    @property
    def device(self) -> Any:
        return self.tracer.device


@contextmanager
def _forward_replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    before = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


class GraphRunner(fx.Interpreter):
    """Runs a graph. Hooks of layers are nodes of it, so layers run without them."""

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of a layer."""
        return self.submodules[str(target)].forward(*args, **kwargs)


def _slides(module: nn.Module) -> bool:
    """Return whether a module without children calls a convolution, a pool or a padding."""
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
    copy = replica(network, on_meta)
    for name, module in copy.named_modules():
        module.training = modes.get(name, False)
    tracer = _LeafTracer(copy)
    try:
        return tracer.trace(copy)
    except TraceError as error:
        problem = (
            "it decides by the size or the values of a map, as TensorFlow's padding 'same' does"
        )
        raise NotEquivariant(f"{tracer.place}: {problem}") from error
    except Exception as error:
        raise NotEquivariant(f"{tracer.place}: it cannot be traced: {reason(error)}") from error


def layer_of(node: fx.Node) -> str:
    """Return the name of the layer that calls a node, for messages."""
    stack = node.meta.get("nn_module_stack") or {}
    module = node.target if node.op == "call_module" else next(reversed(stack), "")
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    layer = f"layer {module}" if module else "the network"
    return f"{layer} ({name or node.name})"


def outline(graph: fx.Graph) -> list[object]:
    """Return the calls of a graph's nodes and their arguments, except booleans."""
    return [
        (node.name, node.op, node.target, repr(map_aggregate((node.args, node.kwargs), _no_switch)))
        for node in graph.nodes
    ]


def _no_switch(value: Any) -> Any:
    return None if isinstance(value, bool) else value
