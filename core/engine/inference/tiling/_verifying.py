"""Verify on one image that the tiles of a probed network give the scores of the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from math import inf

import torch

from ....common.progress import busy
from ....geometry.regions import Region
from ....geometry.resampling import resample
from ....model.network import SegmentationModel
from ._reach import Reach
from ._tiling import Tiling

_TOLERANCE = 1e-3
"""As a share of the range of the scores: far above rounding, far below effects of a shift."""


def verified(model: SegmentationModel, reach: Reach, channels: Mapping[str, int]) -> Reach:
    """Return a reach that is safe for tiling: infinite if tiles would change the scores.

    Probing misses effects between the layers of a network, such as positions that depend on the
    image size. So this compares the scores of one random image as a whole and in tiles.
    ``channels``: of each input, by name. The model must be in evaluation mode.
    """
    if not reach.is_finite or all(spec.source == "computed" for spec in reach.specs):
        return reach
    with busy("comparing one image whole and in tiles"):
        agrees = _agrees(model, reach, channels)
    if agrees:
        return reach
    endless = tuple(replace(spec, receptive_field=(inf, inf)) for spec in reach.specs)
    return replace(reach, specs=endless)


@torch.inference_mode()
def _agrees(model: SegmentationModel, reach: Reach, channels: Mapping[str, int]) -> bool:
    tile = -(-max(reach.halo, 32) // reach.step) * reach.step
    # Longer than two end tiles with their halos, and not a multiple of any stride.
    side = 2 * (reach.halo + reach.minimum) * 2 + 3 * tile + 2 * reach.step + 1
    first = next(chain(model.parameters(), model.buffers()))
    random = torch.Generator().manual_seed(0)
    image = {
        name: torch.rand(1, count, side, side, generator=random).to(first)
        for name, count in channels.items()
    }

    def read(window: Region) -> dict[str, torch.Tensor]:
        return {name: pixels[..., *window.slices] for name, pixels in image.items()}

    whole = {head: resample(one, (side, side)) for head, one in model(image).items()}
    span = {head: float(one.max() - one.min()) or 1.0 for head, one in whole.items()}
    return all(
        float((resample(one, region.size) - whole[head][..., *region.slices]).abs().max())
        <= _TOLERANCE * span[head]
        for region, found in Tiling(model, reach, tile).run(read, (side, side))
        for head, one in found.items()
    )
