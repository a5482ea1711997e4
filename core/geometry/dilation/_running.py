"""Run a network by a plan, with dilated layers or on fragments of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from ....registry import PluxelError
from ._graph import GraphRunner
from ._plan import PlannedCall, Step
from ._reading import read_call
from ._sliding import ONE, Ints, Sliding, plus, times


class Dilating(TorchFunctionMode):
    """Runs sliding windows without the removed strides while it is active (à trous).

    A removed stride dilates all later layers. The network runs as usual, with its hooks and
    wrappers; only its calls of convolutions, pools and paddings are replaced, in the order of the
    plan.

    Raises: PluxelError for a call that differs from the plan.
    """

    def __init__(self, calls: Sequence[PlannedCall]) -> None:
        super().__init__()
        self.calls = calls
        self.done = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if (call := read_call(func, args, kwargs)) is None:
            return func(*args, **kwargs)
        window, arguments = call
        step = self._next(window)
        if step is None:
            return func(*args, **kwargs)
        operands = arguments["input"], arguments.get("weight"), arguments.get("bias")
        return step.sliding(*operands, step.rate, step.stride)

    def _next(self, window: Sliding) -> Step | None:
        planned = self.calls[self.done] if self.done < len(self.calls) else None
        if planned is None or planned.window != window:
            raise _changed(planned, f"but the network calls {window}")
        self.done += 1
        return planned.step

    def check_complete(self) -> None:
        """Raise PluxelError if the network has not made all calls of the plan."""
        if self.done < len(self.calls):
            raise _changed(self.calls[self.done], "but the network does not call it")


def _changed(planned: PlannedCall | None, found: str) -> PluxelError:
    expected = f"{planned.layer} to call {planned.window}" if planned else "no further layer"
    return PluxelError(
        f"the layers of the network have changed since its strides were removed: expected "
        f"{expected}, {found}. Build the model again after a change of its layers. torch.compile "
        "must compile the network as a whole: fullgraph=True shows what prevents it"
    )


@dataclass(frozen=True)
class Fragments:
    """A dense map in parts; cell *i* of part *p* is cell ``p + rate · i`` of the map."""

    rate: Ints
    parts: Mapping[Ints, Any]

    def whole(self) -> Tensor:
        """Interlace the parts, (N, C, h, w)."""
        first = self.parts[0, 0]
        height, width = (
            sum(self.parts[(i, 0) if axis == 0 else (0, i)].shape[2 + axis] for i in range(rate))
            for axis, rate in enumerate(self.rate)
        )
        result = first.new_empty((*first.shape[:2], height, width))
        for (top, left), part in self.parts.items():
            result[:, :, top :: self.rate[0], left :: self.rate[1]] = part
        return result


class Fragmented(GraphRunner):
    """Runs every layer with its own dilation and padding on each fragment of its input.

    A layer without its stride is evaluated at every cell; the cells that the stride would skip
    become further fragments. This assumes nothing about the borders of layers.
    """

    def __init__(
        self,
        network: nn.Module,
        graph: fx.Graph,
        steps: Mapping[str, Step],
        skipped: Set[str],
    ) -> None:
        super().__init__(network, graph=graph)
        self.steps, self.skipped = steps, skipped

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self.skipped:
            return None
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        if n.op == "placeholder":
            return Fragments(ONE, {(0, 0): super().run_node(n)})
        if n.op == "output":
            return map_aggregate(args[0], lambda v: v.whole() if isinstance(v, Fragments) else v)
        inputs: list[Fragments] = []
        map_aggregate((args, kwargs), lambda v: inputs.append(v) if isinstance(v, Fragments) else v)
        if not inputs:
            return super().run_node(n)
        step = self.steps.get(n.name)
        parts: dict[Ints, Any] = {}
        for phase in inputs[0].parts:
            arguments = [map_aggregate(tree, _of(phase)) for tree in (args, kwargs)]
            if step is None:
                parts[phase] = getattr(self, n.op)(n.target, *arguments)
                continue
            dense = step.sliding(*_operands(self, n, *arguments), ONE, step.stride)
            for shift in product(range(step.removed[0]), range(step.removed[1])):
                part = dense[:, :, shift[0] :: step.removed[0], shift[1] :: step.removed[1]]
                parts[plus(phase, times(inputs[0].rate, shift))] = part
        removed = ONE if step is None else step.removed
        return Fragments(times(inputs[0].rate, removed), parts)


def _operands(
    interpreter: fx.Interpreter, node: fx.Node, args: Any, kwargs: Any
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return input, weight and bias of a convolution or a pool."""
    if node.op == "call_module":
        module = interpreter.submodules[str(node.target)]
        image = args[0] if args else kwargs["input"]
        return image, getattr(module, "weight", None), getattr(module, "bias", None)
    named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor)}
    return tensors["input"], tensors.get("weight"), tensors.get("bias")


def _of(phase: Ints) -> Any:
    return lambda value: value.parts[phase] if isinstance(value, Fragments) else value
