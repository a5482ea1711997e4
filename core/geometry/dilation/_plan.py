"""What changes in a network whose strides are removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..grid import Grid
from ._sliding import Ints, Sliding


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
    it hides ``functional.pad``. ``skipped``: nodes that the maps do not depend on, and that have no
    dense form.
    """

    steps: Mapping[str, Step]
    calls: tuple[PlannedCall, ...]
    maps: tuple[DenseMap, ...]
    compiles: bool
    skipped: frozenset[str]
