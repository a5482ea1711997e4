"""Overlapping windows are blended if cells depend on the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import pytest
import torch
from pluxel.core import resample
from pluxel.core.engine.inference.tiling import Reach, Region, Tiling
from pluxel.core.engine.inference.tiling._blending import Blend
from pluxel.core.model.network import SegmentationModel
from torch import Tensor

from .networks import Squeeze, Strided, assembled, convolution, model, reader


def squeezed() -> SegmentationModel:
    layers = [convolution(3, 5, 7, stride=2), Squeeze(), convolution(5, 6, stride=2), Squeeze()]
    return model([*layers, convolution(6, 7, stride=2)], [2, 4])


def squeezed_with_a_stride() -> SegmentationModel:
    """Scores of stride 6 from a map of stride 2."""
    return model([convolution(3, 5, 7, stride=2), Squeeze()], [1], Strided)


@torch.no_grad()
@pytest.mark.parametrize("make", [squeezed, squeezed_with_a_stride])
def test_windows_of_global_networks_are_blended(make) -> None:
    net = make()
    reach = Reach.of(net)
    assert not reach.is_finite
    assert reach.specs[0].receptive_field == (inf, inf)
    image = torch.rand(1, 3, 150, 190, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (150, 190))
    tile = -(-64 // reach.step) * reach.step
    found = assembled(Tiling(net, reach, tile), image)
    assert found.isfinite().all()
    span = whole.max() - whole.min()
    assert (found - whole).abs().mean() < 0.01 * span
    assert (found - whole).abs().max() < 0.2 * span
    # No seams: differences across tile edges are not larger than elsewhere.
    steps = (found - whole).diff(dim=3).abs().amax((0, 1, 2))
    assert steps[tile - 1] < 3 * steps.median()


@torch.no_grad()
def test_windows_overlap_by_a_quarter_of_a_tile_and_are_read_once() -> None:
    net = squeezed()
    reach = Reach.of(net)
    image, seen, held = torch.rand(1, 3, 320, 200, dtype=torch.float64), [], []
    read = reader(image)

    def recorded(region: Region) -> Mapping[str, Tensor]:
        seen.append(region)
        return read(region)

    blend = Blend(net, Tiling(net, reach, 64).tiles((320, 200)), 64, reach.step, (320, 200))
    for _ in blend.run(recorded):
        held.append(len(blend.windows))
    columns = [range(80), range(48, 144), range(112, 200), range(176, 200)]
    rows = [range(80), range(48, 144), range(112, 208), range(176, 272), range(240, 320)]
    assert set(seen) == {Region(row, column) for row in rows for column in columns}
    assert len(seen) == 5 * 4
    assert max(held) == 3 * 4, "more than three rows of windows are kept"


@torch.no_grad()
def test_one_window_equals_the_whole_image() -> None:
    net = model([convolution(3, 5, stride=2), Squeeze(), convolution(5, 6, stride=2)], [1, 2])
    image = torch.rand(1, 3, 61, 45, dtype=torch.float64)
    whole = resample(net({"image": image})["semantic"], (61, 45))
    found = assembled(Tiling(net, Reach.of(net), 64), image)
    torch.testing.assert_close(found, whole)
