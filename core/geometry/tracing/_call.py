"""One call of an operation, as rules see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ._positions import Located, plain

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One call: its arguments by name, the shapes of its results, and what is known of tensors.

    ``paddings``: where rules note the cells that are added at the top left.
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
        """Return the positions of an operand; those of a constant are none."""
        return self.locate(value) or Located(tuple(plain(size) for size in value.shape))

    def record_padding(self, before: Sequence[int]) -> None:
        """Keep the numbers of cells that are added at the top left, if there are any."""
        if any(before):
            self.paddings.append(tuple(before))


Rule = Callable[[Call], Located | Sequence[Located]]
