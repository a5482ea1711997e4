"""Shift-and-stitch: run a network on every shift of its input, and interlace the results.

Long, Shelhamer, Darrell, PAMI 2016, section 3.2; Sermanet et al., "OverFeat", ICLR 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...core import Decoder, Factory, FeatureSpec, Grid, Scores
from ...core.authoring import DenseForm, pad_multiple, size_of_map, track
from ...registry import PluxelError
from ._on_images import OnImages

Shift = tuple[int, int]
"""Shift of the image up and to the left, in cells of the dense map."""

PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22}
"""Pixels of all images in a pass: enough to keep a device busy, few enough for its memory."""


class ShiftAndStitch(OnImages):
    """Score the backbone's deepest map at 1 / ``factor`` of its stride, in ``factor``² passes.

    ``decoder``: scores that map. ``factor``: must divide the map's stride.
    ``shifts_per_batch``: shifts that the network processes at once; null chooses a moderate number
    of pixels.

    Raises: PluxelError for a factor that does not divide the stride, and for a backbone whose
    attention mixes all positions, because its result does not shift with the image.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        class_names: Sequence[str],
        backbone: nn.Module,
        *,
        decoder: Factory[Decoder],
        factor: Annotated[int, Field(ge=2)] = 2,
        shifts_per_batch: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        super().__init__(features, num_classes, class_names, decoder)
        coarse = self.coarse
        if coarse.source == "assumed":
            raise PluxelError(
                f"map '{coarse.name}' of the backbone mixes all positions by attention, so it does "
                "not shift with the image"
            )
        vertical, horizontal = (stride / factor for stride in coarse.grid.stride)
        if vertical.denominator != 1 or horizontal.denominator != 1:
            raise PluxelError(f"factor {factor} does not divide the stride {coarse.grid.stride[0]}")
        self.grid = Grid((vertical, horizontal), coarse.grid.offset)
        self.step = int(vertical), int(horizontal)
        self.factor = factor
        self.shifts_per_batch = shifts_per_batch
        # If a network needs multiples of a size, all cells of all shifts are valid.
        self.pad_multiple = pad_multiple(backbone)
        self._known: dict[tuple[int, int, int], tuple[Sequence[int], Sequence[int]]] = {}

    @classmethod
    def dense_forms(cls, stride: int, factor: int) -> list[DenseForm]:  # noqa: ARG003 - the contract passes it
        """Return the one way, in ``factor``² passes."""
        passes = factor**2
        return [DenseForm("shift-and-stitch", {"factor": factor}, passes, shifts_borders=True)]

    def forward(self, image: Tensor, backbone: nn.Module, inner: nn.Module) -> Scores:
        """Return scores on the dense grid for an image (N, channels, H, W), normalized."""
        rows, columns = self._cells(self.network(backbone, inner), image.shape)
        whole: Tensor | None = None
        for (y, x), part in self._passes(image, partial(self.score, backbone, inner)):
            if whole is None:
                whole = part.new_empty((*part.shape[:2], sum(rows), sum(columns)))
            whole[:, :, y :: self.factor, x :: self.factor] = part[..., : rows[y], : columns[x]]
        assert whole is not None
        return Scores(whole, self.grid, self.coarse.border)

    def _passes(
        self, image: Tensor, score: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[Shift, Tensor]]:
        """Yield each shift and the scores of the shifted image."""
        height, width = image.shape[-2:]
        down, across = ((self.factor - 1) * step for step in self.step)
        image = functional.pad(image, (0, across, 0, down))
        shifts = list(product(range(self.factor), range(self.factor)))
        limit = PIXELS["cpu" if image.device.type == "cpu" else "cuda"]
        at_once = self.shifts_per_batch or max(1, limit // (len(image) * height * width))
        with track("shifting", -(-len(shifts) // at_once)) as advance:
            for first in range(0, len(shifts), at_once):
                chosen = shifts[first : first + at_once]
                windows = torch.cat([self._window(image, shift, height, width) for shift in chosen])
                parts = score(windows).chunk(len(chosen))
                yield from zip(chosen, parts, strict=True)
                advance()

    def _window(self, image: Tensor, shift: Shift, height: int, width: int) -> Tensor:
        top, left = (step * cells for step, cells in zip(self.step, shift, strict=True))
        return image[:, :, top : top + height, left : left + width]

    def _cells(
        self, network: nn.Module, shape: Sequence[int]
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return how many rows and columns of the scores are valid, for each shift along an axis.

        These are as many as the network gives for the shifted image without padding; further cells
        cover pixels that were added on the right and at the bottom. A network with a frame of zeros
        has cells beyond the image, too: one less than with a further stride of pixels.
        """
        channels, height, width = shape[1:]
        if (cached := self._known.get((channels, height, width))) is not None:
            return cached
        vertical, horizontal = self.step if self.pad_multiple == 1 else (0, 0)
        size = size_of_map(network, channels)
        cells = []
        for shift in range(self.factor):
            both = size((height - vertical * shift, width - horizontal * shift))
            if 0 in both:  # the image may be too small for this shift along one axis only
                further = self.factor - shift
                both = (
                    size((height - vertical * shift, width))[0]
                    or max(0, size((height + vertical * further, width))[0] - 1),
                    size((height, width - horizontal * shift))[1]
                    or max(0, size((height, width + horizontal * further))[1] - 1),
                )
            cells.append(both)
        rows, columns = zip(*cells, strict=True)
        self._known[channels, height, width] = rows, columns
        return rows, columns
