"""Follow which tensors depend on an image while a network runs on tensors without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...common.torch_private import DispatchMode, schema_of
from ._constants import FACTORIES, Constants, TracedValue
from ._guesses import Lost, TensorState
from ._operations import OPERATIONS
from ._results import Results
from ._trees import storage_of, tensors_of


class Follower(DispatchMode):
    """Separates what depends on an image from what does not, whose ``constants`` it records.

    Positions are lost, which takes a fraction of the time that it takes to follow them.

    ``others``: the values of a run on an image of another size. ``results``: of earlier runs.
    """

    def __init__(
        self,
        image: Tensor,
        others: Sequence[TracedValue] | None = None,
        results: Results | None = None,
    ) -> None:
        super().__init__()
        self._results = results or Results()
        self.constants = Constants(others)
        # Tensors are kept so that Python does not reuse their ids; they hold no data.
        self._known: dict[int, tuple[Tensor, TensorState]] = {}
        self._written: set[int] = set()
        self.know(image, self.first(image))

    def first(self, image: Tensor) -> TensorState:  # noqa: ARG002 - of the implementation
        """Return the state of an image."""
        return Lost()

    def following(
        self,
        func: Any,  # noqa: ARG002 - of the implementation
        arguments: Mapping[str, Any],  # noqa: ARG002
        states: Sequence[TensorState],  # noqa: ARG002
        results: Sequence[Tensor],
        *,
        placed: bool,  # noqa: ARG002
    ) -> list[TensorState]:
        """Return the states of the results of an operation with operands in ``states``.

        ``placed``: whether it also reads what depends on the size of the image.
        """
        return [Lost()] * len(results)

    def state(self, tensor: Tensor) -> TensorState | None:
        """Return the state of a tensor, or None if it does not depend on the image."""
        if id(tensor) in self._known:
            return self._known[id(tensor)][1]
        return Lost() if storage_of(tensor) in self._written else None

    def know(self, tensor: Tensor, state: TensorState) -> None:
        """Set the state of a tensor."""
        self._known[id(tensor)] = (tensor, state)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        states = [s for s in map(self.state, tensors_of((args, kwargs))) if s is not None]
        name = func.overloadpacket.__name__
        states = [] if name in FACTORIES else states
        if states and name not in OPERATIONS and torch.Tag.pointwise not in func.tags:
            with self:
                composite = func.decompose(*args, **kwargs)
            if composite is not NotImplemented:
                return composite
        result = self._results.of(func, args, kwargs)
        if states:
            self._follow(func, _arguments(func, args, kwargs), states, result)
        else:
            self.constants.record(func, args, kwargs, tensors_of(result))
        return result

    def _follow(
        self, func: Any, arguments: Mapping[str, Any], states: Sequence[TensorState], result: Any
    ) -> None:
        results = tensors_of(result)
        placed = self.constants.change(func, arguments, self.state)
        new_states = self.following(func, arguments, states, results, placed=placed)
        for tensor, state in zip(results, new_states, strict=True):
            before = self.state(tensor)
            self.know(tensor, state)
            if schema_of(func).is_mutable and before != state:
                self._written.add(storage_of(tensor))
                self._forget_views(tensor)

    def _forget_views(self, written: Tensor) -> None:
        """Mark every other tensor that shares memory with ``written`` as lost."""
        for tensor, _ in list(self._known.values()):
            if tensor is not written and storage_of(tensor) == storage_of(written):
                self.know(tensor, Lost())


def _arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, including defaults."""
    schema = schema_of(func).arguments
    passed = dict(zip((argument.name for argument in schema), args, strict=False)) | dict(kwargs)
    return {argument.name: passed.get(argument.name, argument.default_value) for argument in schema}
