"""One call of an operation, as the rules receive it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ._positions import Located, plain

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One call of an operation.

    ``arguments``: by name. ``shapes``: of the results. ``locate``: returns the positions of a
    tensor, or None for a constant. ``paddings``: collects the cells that operations add at the top
    left.
    """

    arguments: Mapping[str, Any]
    shapes: Sequence[Shape]
    locate: Callable[[Tensor], Located | None]
    paddings: list[tuple[int, ...]]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @property
    def shape(self) -> Shape:
        """The shape of the first result."""
        return self.shapes[0]

    @property
    def first(self) -> Located:
        """The positions of the first argument."""
        return self.located(next(iter(self.arguments.values())))

    def located(self, value: Tensor) -> Located:
        """Return the positions of an operand; a constant has none."""
        return self.locate(value) or Located(tuple(plain(size) for size in value.shape))

    def record_padding(self, before: Sequence[int]) -> None:
        """Record how many cells the operation adds at the top left, if it adds any."""
        if any(before):
            self.paddings.append(tuple(before))


Rule = Callable[[Call], Located | Sequence[Located]]
