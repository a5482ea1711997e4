"""The decoder itself, over maps as a residual network gives them."""

from fractions import Fraction

import torch
from acme_seg.unet import UNet
from pluxel.core import FeatureSpec, Grid

FEATURES = (
    FeatureSpec("stem", 4, Grid(4, Fraction(1, 2)), (7, 7), "computed"),
    FeatureSpec("stage1", 6, Grid(4, Fraction(1, 2)), (35, 35), "computed"),
    FeatureSpec("stage2", 8, Grid(8), (99, 99), "computed"),
    FeatureSpec("stage3", 5, Grid(16, -3), (211, 211), "computed"),
)


def random_maps(height: int = 64, width: int = 96) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [
        torch.randn(
            2,
            spec.channels,
            -(-height // int(spec.grid.stride[0])),
            -(-width // int(spec.grid.stride[1])),
        )
        for spec in FEATURES
    ]


def test_scores_lie_on_the_finest_grid() -> None:
    scores = UNet(FEATURES, 3, width=8)(random_maps())
    assert scores.tensor.shape == (2, 3, 16, 24)
    assert scores.grid == Grid(4, Fraction(1, 2))


def test_every_parameter_learns_and_every_map_but_the_shadowed_one_counts() -> None:
    decoder = UNet(FEATURES, 3, width=8)
    maps = [each.requires_grad_() for each in random_maps()]
    decoder(maps).tensor.square().sum().backward()
    assert all(each.grad.abs().sum() > 0 for each in decoder.parameters())
    assert [each.grad is not None for each in maps] == [False, True, True, True]


def test_one_map_is_enough() -> None:
    decoder = UNet(FEATURES[:1], 3, width=8)
    assert decoder(random_maps()[:1]).tensor.shape == (2, 3, 16, 24)


def test_maps_meet_at_their_positions() -> None:
    """A ramp over the image, sampled on each grid, is the same ramp where the maps join."""
    decoder = UNet(FEATURES, 1, width=1).eval()
    seen: list[torch.Tensor] = []
    for join in decoder.join:
        join.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    for narrow in decoder.narrow:
        torch.nn.init.constant_(narrow.weight, 1.0 / narrow.in_channels)
        torch.nn.init.zeros_(narrow.bias)
    for join in decoder.join:
        torch.nn.init.dirac_(join[0].weight)
        join[0].weight.data[:, 0], join[0].weight.data[:, 1, 1, 1] = 0, 1
        torch.nn.init.dirac_(join[3].weight)
    ramps = []
    for spec, each in zip(FEATURES, random_maps(), strict=True):
        cells = torch.arange(each.shape[-1])
        position = float(spec.grid.offset[1]) + float(spec.grid.stride[1]) * cells
        ramps.append((100 + position).expand_as(each))
    decoder(ramps)
    for raised, skip in (each.split(1, dim=1) for each in seen):
        inside = slice(2, -6)
        torch.testing.assert_close(raised[..., inside], skip[..., inside], rtol=1e-4, atol=0)
