"""Choose the maps of a backbone that a decoder uses, and the grids between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log2

from ...core import FeatureSpec, Grid
from ...core.authoring import StrideError, deepest, doubling_chain, select_doubling

PYRAMID = "the backbone 'vit_pyramid' makes maps of four strides from a plain vision transformer"
"""What helps if all maps of a transformer have one stride."""


def doubling(features: Sequence[FeatureSpec], count: int) -> list[int]:
    """Return the indices of the deepest ``count`` maps whose strides double, fine to coarse.

    Raises: StrideError if there are no such maps; for a plain transformer, it says what helps.
    """
    try:
        return select_doubling(features, count)
    except StrideError as error:
        if len({spec.grid.stride for spec in features}) == 1 < len(features) and all(
            spec.source == "assumed" for spec in features
        ):
            raise StrideError(error.needed, features, [PYRAMID]) from error
        raise


def pyramid(features: Sequence[FeatureSpec], most: int) -> list[int]:
    """Return the indices of the deepest maps whose strides double, coarse to fine.

    ``most``: how many at most; two at least.

    Raises: StrideError if no map has half the stride of the deepest.
    """
    chain = doubling_chain(features)[:most]
    return chain if len(chain) > 1 else doubling(features, 2)[::-1]


def near_stride(features: Sequence[FeatureSpec], stride: int) -> int:
    """Return the index of the map whose stride is nearest, as a ratio; of equals, the deepest."""

    def distance(index: int) -> tuple[float, int]:
        vertical, horizontal = features[index].grid.stride
        return abs(log2(vertical * horizontal / stride**2)), -index

    return min(range(len(features)), key=distance)


def up_to_stride(features: Sequence[FeatureSpec], stride: int) -> int:
    """Return the index of the deepest map of at most a ``stride``, else of the finest map."""
    limit = max(Fraction(stride), min(max(spec.grid.stride) for spec in features))
    chosen = [i for i, spec in enumerate(features) if max(spec.grid.stride) <= limit]
    return chosen[deepest([features[index] for index in chosen])]


@dataclass(frozen=True)
class UpStep:
    """From a map to one of half the stride.

    ``skip``: the index of the backbone's map on the ``fine`` grid; None if it has none.
    """

    coarse: Grid
    fine: Grid
    skip: int | None


def steps_to_pixels(features: Sequence[FeatureSpec], most: int) -> tuple[int, list[UpStep]]:
    """Return the index of the deepest map, and the steps from it towards the pixels.

    ``most``: how many steps at most. They end before a stride below 1. Beyond the finest map that
    halves the stride, cells divide into two along each axis, and those of stride 1 lie on pixels.

    Raises: StrideError if no map has half the stride of the deepest.
    """
    first, *skips = pyramid(features, most + 1)
    steps: list[UpStep] = []
    grid = features[first].grid
    for skip in [*skips, *[None] * (most - len(skips))]:
        fine = grid.halves() if skip is None else features[skip].grid
        if min(fine.stride) < 1:
            break
        if skip is None and fine.stride == (1, 1):
            fine = Grid(1, [ceil(offset) for offset in fine.offset])
        steps.append(UpStep(grid, fine, skip))
        grid = fine
    return first, steps
