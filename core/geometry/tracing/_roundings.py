"""Whether maps that have one size in some runs have one size for images of any size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

from ._guesses import TensorState
from ._positions import Located


class _Side(NamedTuple):
    """A map along one axis. ``cells``: its size, in one run or in several."""

    axis: int
    stride: Fraction
    cells: tuple[int, ...]


class Roundings:
    """The sizes of the maps in one run, and from which maps they follow."""

    def __init__(self, image: Located) -> None:
        self.steps: list[tuple[_Side, list[_Side]]] = [(one, []) for one in _lines(image)]
        """Each map of a result, and the maps of the operands along the same axis."""
        self.known = True
        """Whether the positions of all tensors are known."""

    def record(self, operands: Iterable[TensorState], results: Sequence[TensorState]) -> None:
        """Record an operation."""
        before = [one for state in operands if isinstance(state, Located) for one in _lines(state)]
        for result in results:
            if not isinstance(result, Located) or result.guessed:
                self.known = False
                return
            self.steps += [
                (line, [one for one in before if one.axis == line.axis]) for line in _lines(result)
            ]


def keep_one_size(runs: Sequence[Roundings]) -> bool:
    """Return whether maps of equal stride and sizes in these runs are equal in all sizes.

    A window of stride f makes ⌊(n + a) / f⌋ cells of n. Two windows agree for all n if they agree
    for every remainder of n by f. With one path to a map, nothing can differ.
    """
    paths: dict[_Side, list[_Side | None]] = defaultdict(list)
    counts = {tuple(len(lines) for _, lines in run.steps) for run in runs}
    if len(counts) > 1 or not all(run.known for run in runs):
        return False
    for steps in zip(*(run.steps for run in runs), strict=True):
        result = _joined([line for line, _ in steps])
        sources = {*map(_joined, zip(*(lines for _, lines in steps), strict=True))}
        paths[result] += [None] if not sources else [one for one in sources if one != result]
    return all(_agree(line, sources) for line, sources in paths.items())


def _agree(line: _Side, sources: Sequence[_Side | None]) -> bool:
    """Return whether several paths to a map make the same size."""
    if len(sources) < 2:
        return True
    source = sources[0]
    if source is None or len(set(sources)) > 1:
        return False
    factor = line.stride / source.stride
    remainders = {cells % factor for cells in source.cells}
    return factor.denominator == 1 and len(remainders) == factor


def _lines(located: Located) -> list[_Side]:
    sizes = [
        (axis, prod(digit.size for dim in located.dims for digit in dim if digit.axis == axis))
        for axis in sorted(located.axes)
    ]
    return [_Side(axis, located.extents[axis].stride, (cells,)) for axis, cells in sizes]


def _joined(lines: Sequence[_Side]) -> _Side:
    """Return the same map in all runs."""
    return lines[0]._replace(cells=tuple(cells for line in lines for cells in line.cells))
