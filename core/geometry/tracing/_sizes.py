"""Run a copy of a network on images of several sizes, to find which of them it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm

from torch import nn

from ....registry import PluxelError, reason_of
from ...common.text import extent
from ..regions import Size
from ._call import Shape
from ._constants import TracedValue
from ._dispatch import Trace, trace
from ._extent import Untraceable
from ._positions import Located
from ._probing import RandomWeights, Strides
from ._replica import on_meta, replica
from ._results import Results, shapes_of
from ._roundings import keep_one_size

SIZES: Sequence[Size] = ((448, 896), (512, 1024), (480, 960))
"""Image sizes for tracing: multiples of 2⁶ · 7, 2⁹ and 2⁵ · 15."""

REAL_SIZES: Sequence[Size] = ((224, 448), (256, 512), (240, 480))
"""Image sizes for networks that do not run without data: multiples of 2⁵ · 7, 2⁸ and 2⁴ · 15."""

MOST_REMAINDERS = 512
"""Remainders that are tried of sizes by the step of a network."""

LARGEST_MINIMUM = 4096


class FixedSizeError(PluxelError):
    """A network does not accept images of any size, or its maps do not follow the size."""

    @classmethod
    def failing(cls, sizes: Sequence[Size], error: Exception) -> FixedSizeError:
        """Return the error for a network that raises ``error`` for each of ``sizes``."""
        shown = ", ".join(map(extent, sizes))
        reason, notes = reason_of(error)
        return cls(
            f"the network must accept images of any size, but it fails for {shown} pixels "
            "(height × width)",
            [reason, *notes],
        )


@dataclass(frozen=True)
class NetworkReplica:
    """A copy of a network without data, or with random weights if it needs data to run."""

    network: nn.Module
    channels: int
    device: str
    results: Results = field(default_factory=Results)

    def trace(self, size: Size, others: Sequence[TracedValue] | None = None) -> Trace:
        """Trace an image of a size. Raises: any error that the network raises for it."""
        return trace(self.network, (1, self.channels, *size), self.device, others, self.results)

    def compared(self, reference: Trace, other: Trace | None) -> Trace:
        """Trace again if the network knows the size of the image or the position of a cell.

        ``other``: a trace of another size, if there is one already.
        """
        if not reference.values:
            return reference
        for size in () if other else SIZES:
            if size != reference.size:
                other = other or self._tried(size)
        if other is None or other.values == reference.values:
            return reference
        return self.trace(reference.size, other.values)

    def shapes(self, size: Size) -> list[Shape] | None:
        """Return the shapes of the maps, or None if the network raises or a map is empty."""
        try:
            image = (1, self.channels, *size)
            on_meta = self.device == "meta"
            shapes = (
                shapes_of(self.network, image, self.results) if on_meta else self.trace(size).shapes
            )
        except Exception:  # noqa: BLE001 - a network may raise any error
            return None
        return shapes if all(min(shape[-2:]) > 0 for shape in shapes) else None

    def growth(self, index: int, reference: Trace) -> Strides:
        """Return the strides of a map: how many pixels the image grows per cell of the map."""
        (height, width), small = reference.size, reference.shapes[index]
        large = self.shapes((2 * height, 2 * width))
        rows, columns = (large[index][a] - small[a] for a in (-2, -1)) if large else (0, 0)
        if min(rows, columns) <= 0:
            raise FixedSizeError(f"map {index} of the network does not grow with the image")
        return Fraction(height, rows), Fraction(width, columns)

    def pad_multiple(self, reference: Trace, largest: int, step: int) -> tuple[int, Trace | None]:
        """Return 1, or the smallest multiple of the largest stride that keeps all positions.

        Also return the trace of another size that keeps them, if one was found. Networks that pad
        as TensorFlow does shift their maps depending on the size; others need whole windows, or
        round up in one branch and down in another. One odd multiple is traced for each candidate,
        then the remainders by ``step`` are tried.
        """
        common = gcd(*reference.size)
        for multiple in sorted({1, *range(largest, common, largest)}):
            if common % multiple:
                continue
            height, width = _uneven(step if multiple == 1 else multiple)
            size = (height + 1, width + 1) if multiple == 1 else (height, width)
            other = self._agrees(reference, size)
            if other and self._accepts_remainders(multiple, step, (reference, other)):
                return multiple, other
        return common, None

    def _accepts_remainders(self, multiple: int, step: int, traces: tuple[Trace, Trace]) -> bool:
        """Return whether the network accepts all multiples, whatever remains of them by ``step``.

        ``traces``: of two sizes, with different remainders. They may prove it, or a third trace
        with an irregular remainder may; otherwise, every remainder is tried.
        """
        roundings = [one.roundings for one in traces]
        if multiple % step == 0 or keep_one_size(roundings):
            return True
        base = lcm(multiple, step)
        height, width = (-(-side // base) * base for side in SIZES[0])
        rests = range(0, min(base, MOST_REMAINDERS), multiple)
        rest = rests[3 * len(rests) // 5]
        third = self._agrees(traces[0], (height + rest, width + rest))
        if third is None or keep_one_size([*roundings, third.roundings]):
            return third is not None
        pairs = zip(rests, reversed(rests), strict=True)
        return all(self.shapes((height + tall, width + wide)) for tall, wide in pairs)

    def _agrees(self, reference: Trace, size: Size) -> Trace | None:
        """Return the trace of a size if its maps have the same positions."""
        if (other := self._tried(size)) is None:
            return None
        extents, other_extents = (
            [located and located.extents for located in positions_of(t)] for t in (reference, other)
        )
        agrees = extents == other_extents and other.paddings == reference.paddings
        return other if agrees else None

    def _tried(self, size: Size) -> Trace | None:
        try:
            return self.trace(size)
        except Exception:  # noqa: BLE001 - a network may raise any error
            return None

    def minimum_size(self, multiple: int) -> int:
        """Return the smallest square size, by bisection among the multiples; 1 if all work."""
        if self.shapes((multiple, multiple)):
            return 1
        low, high = 1, 2
        while not self.shapes((high * multiple, high * multiple)):
            low, high = high, 2 * high
            if high * multiple > LARGEST_MINIMUM:
                raise FixedSizeError(
                    f"the network accepts no image smaller than {LARGEST_MINIMUM} pixels"
                )
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.shapes((middle * multiple, middle * multiple))
            low, high = (low, middle) if fits else (middle, high)
        return high * multiple


def first_run(module: nn.Module, channels: int) -> tuple[NetworkReplica, Trace]:
    """Return a copy of a network, and its trace for the first size that it accepts."""
    return _first_run(module, channels, SIZES, REAL_SIZES)


def run_at(module: nn.Module, channels: int, size: Size) -> Trace:
    """Return the trace of a network for one size. Raises: FixedSizeError if it fails."""
    return _first_run(module, channels, [size], [size])[1]


def _first_run(
    module: nn.Module, channels: int, sizes: Sequence[Size], real_sizes: Sequence[Size]
) -> tuple[NetworkReplica, Trace]:
    problems: list[Exception] = []
    for device, fill, chosen in (
        ("meta", on_meta, sizes),
        ("cpu", RandomWeights(seed=0), real_sizes),
    ):
        for size in chosen:
            try:
                network = NetworkReplica(replica(module, fill), channels, device)
                return network, network.trace(size)
            except Exception as error:  # noqa: BLE001
                problems.append(error)
    raise FixedSizeError.failing(sizes, problems[0]) from problems[0]


def _uneven(multiple: int) -> Size:
    """Return a height and a width that are odd multiples, close to usual image sizes."""
    return ((448 // multiple) | 1) * multiple, ((896 // multiple) | 1) * multiple


def positions_of(reference: Trace) -> list[Located | None]:
    """Return the positions of each map's cells, or None if they could not be followed."""
    return [
        _as_map(state, shape, reference.size)
        if isinstance(state, Located) and not state.guessed and len(shape) == 4
        else None
        for state, shape in zip(reference.states, reference.shapes, strict=True)
    ]


def _as_map(state: Located, shape: Shape, size: Size) -> Located | None:
    try:
        # Combine all channels of a cell, because some may be phases of one earlier channel.
        located = state.contracted(1, shape[1])
    except Untraceable:
        return None
    spans = (cells * e.stride for cells, e in zip(shape[-2:], located.extents, strict=True))
    whole = all(2 * span >= pixels for span, pixels in zip(spans, size, strict=True))
    return located if located.is_map and whole else None
