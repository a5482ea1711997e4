"""Find values besides the image that depend on its size: coordinates, position maps, divisors.

Two runs on images of different sizes make the same operations. A tensor that does not come from the
image, but whose shape or numbers differ between the runs, knows where a cell lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...common.torch_private import schema_of
from ._trees import leaves, storage_of, tensors_of

_UNIFORM = (
    "empty empty_like full full_like new_empty new_full new_ones new_zeros ones ones_like "
    "scalar_tensor zeros zeros_like"
)
UNIFORM = frozenset(_UNIFORM.split())
"""Operations whose results have one value everywhere."""

FACTORIES = UNIFORM - {"scalar_tensor"} | {"rand_like", "randn_like", "randint_like"}
"""Operations that take at most the shape of an operand."""

_VIEWS = (
    "_reshape_alias _to_copy _unsafe_view alias clone contiguous detach expand expand_as "
    "flatten permute reshape select slice squeeze squeeze_ t to transpose unflatten "
    "unsqueeze unsqueeze_ view view_as"
)
VIEWS = frozenset(_VIEWS.split())
"""Operations that keep a tensor of one value uniform."""

LOOKUPS = frozenset(("embedding", "gather", "index", "index_select", "take"))
"""Operations that fail for numbers beyond their operand, but not on tensors without data."""

EXPANSIONS = frozenset(("expand", "expand_as"))
"""Operations that only repeat cells."""


class TracedValue(NamedTuple):
    """One operation without the image, or one elementwise operation with it."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class _Constant:
    """``sized``: shape or numbers depend on the size of the image."""

    tensor: Tensor  # kept so that Python does not reuse its id
    sized: bool
    uniform: bool


class Constants:
    """The tensors of a run that do not come from the image, compared with those of another run.

    ``others``: the values of the other run, in order; None records only.
    """

    def __init__(self, others: Sequence[TracedValue] | None) -> None:
        self.values: list[TracedValue] = []
        self._others = others
        self._same_order = True
        self._known: dict[int, _Constant] = {}
        self._uneven: set[int] = set()
        self.looked_up = False
        """Whether an operation looked up cells by numbers that depend on the size."""

    def record(self, func: Any, args: Any, kwargs: Any, results: Sequence[Tensor]) -> None:
        """Record an operation without operands from the image."""
        name, pointwise = func.overloadpacket.__name__, torch.Tag.pointwise in func.tags
        operands = tensors_of((args, kwargs))
        keeps = pointwise or name in VIEWS
        numbers = () if name in VIEWS | UNIFORM - {"scalar_tensor"} else _numbers((args, kwargs))
        if name in ("full", "full_like", "new_full"):
            numbers = _numbers(args[-1:])
        shapes = tuple(tuple(result.shape) for result in results)
        shape_differs, numbers_differ = self._compare(TracedValue(name, shapes, numbers))
        known = [self._known.get(id(tensor)) for tensor in operands]
        uniform = name in UNIFORM or (keeps and all(one and one.uniform for one in known))
        sized = numbers_differ or (shape_differs and name not in EXPANSIONS)
        sized = sized or any(one is not None and one.sized for one in known)
        self.looked_up |= sized and name in LOOKUPS
        for result in results:
            self._known[id(result)] = _Constant(result, sized, uniform and not numbers_differ)
            if schema_of(func).is_mutable and result.numel() < _elements(result):
                self._uneven.add(storage_of(result))

    def record_literal(self, data: object, result: Tensor) -> None:
        """Record a tensor of Python numbers, which may contain the size of the image."""
        _, differs = self._compare(TracedValue("literal", (tuple(result.shape),), _numbers(data)))
        self._known[id(result)] = _Constant(result, differs, uniform=False)

    def change(
        self, func: Any, arguments: Mapping[str, Any], state: Callable[[Tensor], object]
    ) -> bool:
        """Return whether an operation with the image also reads what depends on its size.

        ``state``: returns None for a tensor that does not come from the image.
        """
        differs = False
        if torch.Tag.pointwise in func.tags:
            value = TracedValue(func.overloadpacket.__name__, (), _numbers(arguments))
            _, differs = self._compare(value)
        constants = (t for t in tensors_of(arguments) if state(t) is None)
        placed = differs or any(map(self._is_placed, constants))
        self.looked_up |= placed and func.overloadpacket.__name__ in LOOKUPS
        return placed

    def _is_placed(self, tensor: Tensor) -> bool:
        known = self._known.get(id(tensor))
        if known is None or not known.sized:
            return False
        return not known.uniform or storage_of(tensor) in self._uneven

    def _compare(self, value: TracedValue) -> tuple[bool, bool]:
        """Return whether shapes and numbers differ from those of the other run."""
        index = len(self.values)
        self.values.append(value)
        if self._others is None:
            return False, False
        other = self._others[index] if index < len(self._others) else None
        self._same_order &= other is not None and other.name == value.name
        if other is None or not self._same_order:
            return True, True
        return other.shapes != value.shapes, other.numbers != value.numbers


class Literals(TorchFunctionMode):
    """Records the tensors that are made of Python numbers, whose values no dispatcher sees."""

    def __init__(self, constants: Constants) -> None:
        super().__init__()
        self._constants = constants

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.tensor, torch.as_tensor) and args and not isinstance(args[0], Tensor):
            self._constants.record_literal(args[0], result)
        return result


def _numbers(tree: Any) -> tuple[float, ...]:
    return tuple(_each_number(tree))


def _each_number(tree: Any) -> Iterator[float]:
    for leaf in leaves(tree):
        if isinstance(leaf, int | float):
            yield float(leaf)


def _elements(tensor: Tensor) -> int:
    """Return how many elements the memory of a tensor holds."""
    return tensor.untyped_storage().nbytes() // max(1, tensor.element_size())
