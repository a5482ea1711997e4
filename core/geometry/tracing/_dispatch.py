"""Follow the positions of cells through a network while it runs on tensors without data.

The network runs once on the meta device, with all the Python code between its layers. For every
operation that reaches the dispatcher, a rule computes the positions of its results. Positions are
lost after an operation that mixes them irregularly or that has no rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from ._call import Call
from ._constants import Literals, TracedValue
from ._extent import Untraceable
from ._following import Follower
from ._guesses import Guesses, Lost, TensorState
from ._layers import attention
from ._layout import elementwise, unknown
from ._operations import OPERATIONS
from ._positions import Located, plain
from ._replica import type_of
from ._results import Results
from ._roundings import Roundings
from ._trees import as_maps


@dataclass(frozen=True)
class Trace:
    """The result of one run on an image of ``size``.

    ``shapes``, ``states``: of the maps. ``paddings``: every padding at the top left; they depend on
    the size if a network pads as TensorFlow does ("SAME"). ``strides``: of all tensors, including
    the maps. ``values``: what does not come from the image, which may depend on its size.
    ``looks_up``: whether it does, and is used to look up cells. ``roundings``: the sizes of
    all maps.
    """

    size: tuple[int, int]
    shapes: list[tuple[int, ...]]
    states: list[TensorState]
    paddings: list[tuple[int, ...]]
    strides: set[Fraction]
    values: list[TracedValue]
    looks_up: bool
    roundings: Roundings


def trace(
    module: nn.Module,
    image_shape: Sequence[int],
    device: str = "meta",
    others: Sequence[TracedValue] | None = None,
    results: Results | None = None,
) -> Trace:
    """Run a module on ``device``, in evaluation mode, with an image (N, C, H, W).

    ``others``: the values of a trace of another size, to find those that depend on the size.
    ``results``: of operations in earlier runs.

    Raises: any error that the module raises for this size.
    """
    # Inference mode keeps operations whole (linear, attention); autograd would split them.
    with torch.inference_mode(), torch.device(device):
        image = torch.zeros(*image_shape, dtype=type_of(module))
        tracer = Tracer(image, others, results)
        with Literals(tracer.constants), tracer:
            maps = as_maps(module(image))
    states = [tracer.state(tensor) or Lost() for tensor in maps]
    height, width = image_shape[-2:]
    shapes = [tuple(tensor.shape) for tensor in maps]
    return Trace(
        (height, width),
        shapes,
        states,
        tracer.paddings,
        tracer.strides,
        tracer.constants.values,
        tracer.constants.looked_up,
        tracer.roundings,
    )


class Tracer(Follower):
    """Follows the positions of an image through the operations that run in this context."""

    def __init__(
        self,
        image: Tensor,
        others: Sequence[TracedValue] | None = None,
        results: Results | None = None,
    ) -> None:
        self.guesses = Guesses()
        self.paddings: list[tuple[int, ...]] = []
        self.strides: set[Fraction] = set()
        self.roundings = Roundings(Located.image(image.shape))
        super().__init__(image, others, results)

    def first(self, image: Tensor) -> TensorState:
        """Return the positions of an image."""
        return Located.image(image.shape)

    def following(
        self,
        func: Any,
        arguments: Mapping[str, Any],
        states: Sequence[TensorState],
        results: Sequence[Tensor],
        *,
        placed: bool,
    ) -> list[TensorState]:
        """Return the positions of the results of an operation."""
        call = Call(arguments, [tuple(r.shape) for r in results], self._locate, self.paddings)
        new_states = self._positions(func, call, states, placed=placed)
        self.roundings.record(states, new_states)
        return new_states

    def _positions(
        self, func: Any, call: Call, states: Sequence[TensorState], *, placed: bool
    ) -> list[TensorState]:
        name = func.overloadpacket.__name__
        mixed = any(state.mixed for state in states)
        placed = placed or any(state.placed for state in states)
        if not any(isinstance(state, Located) and state.axes for state in states):
            lost = any(isinstance(state, Lost) for state in states)
            return [
                self.guesses.of(shape, Lost(mixed or name in ATTENTION, placed))
                if lost
                else Located(tuple(map(plain, shape)), everything=True, mixed=mixed, placed=placed)
                for shape in call.shapes
            ]
        rule = elementwise if torch.Tag.pointwise in func.tags else unknown
        try:
            located = OPERATIONS.get(name, rule)(call)
        except Untraceable:
            lost = Lost(mixed or name in ATTENTION, placed)
            streams = states if torch.Tag.pointwise in func.tags else ()
            return [self.guesses.of(shape, lost, streams) for shape in call.shapes]
        located = [located] if isinstance(located, Located) else list(located)
        located = [
            replace(
                result,
                everything=result.everything or placed or self._sees_everything(states),
                mixed=result.mixed or mixed,
                placed=placed,
                guessed=any(isinstance(state, Located) and state.guessed for state in states),
            )
            for result in located
        ]
        return [*located, *[Lost(mixed, placed)] * (len(call.shapes) - len(located))]

    @staticmethod
    def _sees_everything(states: Sequence[TensorState]) -> bool:
        return any(isinstance(state, Located) and state.everything for state in states)

    def _locate(self, tensor: Tensor) -> Located | None:
        state = self.state(tensor)
        if isinstance(state, Lost):
            raise Untraceable
        return state

    def know(self, tensor: Tensor, state: TensorState) -> None:
        """Set the positions of a tensor."""
        super().know(tensor, state)
        if isinstance(state, Located):
            self.strides.update(extent.stride for extent in state.extents)
            self.guesses.remember(tensor.shape, state)


ATTENTION = {name for name, rule in OPERATIONS.items() if rule is attention}
