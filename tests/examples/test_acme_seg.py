"""A plugin in a package of its own shows up without any change to this repository."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from pluxel.core import FeatureSpec, Grid

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-seg"
PLUXEL = Path(sysconfig.get_path("scripts")) / "pluxel"


def pluxel(env: dict[str, str], *arguments: str) -> str:
    """Run the installed command; return what it says."""
    return subprocess.run(
        [PLUXEL, *arguments], env=env, check=True, capture_output=True, text=True
    ).stdout


def test_it_shows_up_in_the_list(installed_example: dict[str, str]) -> None:
    records = json.loads(pluxel(installed_example, "plugins", "list", "--json"))
    (unet,) = (record for record in records if record["provider"] == "acme-seg")
    assert unet["qualified"] == "acme-seg/unet"
    assert (unet["kind"], unet["version"]) == ("decoder", "0.1.0")


@pytest.mark.slow
def test_where_it_comes_from(installed_example: dict[str, str]) -> None:
    shown = pluxel(installed_example, "plugins", "why", "decoder", "unet")
    assert "entry point   acme = acme_seg.plugin\n" in shown
    assert f"file          {installed_example['PYTHONPATH']}" in shown


@pytest.mark.slow
def test_it_is_well(installed_example: dict[str, str]) -> None:
    command = ["--deny-plugin", "pluxel", "plugins", "doctor"]
    assert "ok      decoder acme-seg/unet\n" in pluxel(installed_example, *command)


def test_a_plugin_is_twelve_lines() -> None:
    assert len((EXAMPLE / "acme_seg" / "plugin.py").read_text().splitlines()) <= 12


class TestUNet:
    """The decoder itself, over maps as a residual network gives them."""

    FEATURES = (
        FeatureSpec("stem", 4, Grid(4, Fraction(1, 2)), (7, 7), "computed"),
        FeatureSpec("stage1", 6, Grid(4, Fraction(1, 2)), (35, 35), "computed"),
        FeatureSpec("stage2", 8, Grid(8), (99, 99), "computed"),
        FeatureSpec("stage3", 5, Grid(16, -3), (211, 211), "computed"),
    )

    @pytest.fixture
    def unet(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        monkeypatch.syspath_prepend(EXAMPLE)
        yield import_module("acme_seg.unet").UNet
        for name in ("acme_seg", "acme_seg.unet"):
            del sys.modules[name]

    def maps(self, height: int = 64, width: int = 96) -> list[torch.Tensor]:
        torch.manual_seed(0)
        return [
            torch.randn(
                2,
                spec.channels,
                -(-height // int(spec.grid.stride[0])),
                -(-width // int(spec.grid.stride[1])),
            )
            for spec in self.FEATURES
        ]

    def test_scores_lie_on_the_finest_grid(self, unet: Any) -> None:
        scores = unet(self.FEATURES, 3, width=8)(self.maps())
        assert scores.tensor.shape == (2, 3, 16, 24)
        assert scores.grid == Grid(4, Fraction(1, 2))

    def test_every_parameter_learns_and_every_map_but_the_shadowed_one_counts(
        self, unet: Any
    ) -> None:
        decoder = unet(self.FEATURES, 3, width=8)
        maps = [each.requires_grad_() for each in self.maps()]
        decoder(maps).tensor.square().sum().backward()
        assert all(each.grad.abs().sum() > 0 for each in decoder.parameters())
        assert [each.grad is not None for each in maps] == [False, True, True, True]

    def test_one_map_is_enough(self, unet: Any) -> None:
        decoder = unet(self.FEATURES[:1], 3, width=8)
        assert decoder(self.maps()[:1]).tensor.shape == (2, 3, 16, 24)

    def test_maps_meet_at_their_positions(self, unet: Any) -> None:
        """A ramp over the image, sampled on each grid, is the same ramp where the maps join."""
        decoder = unet(self.FEATURES, 1, width=1).eval()
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
        for spec, each in zip(self.FEATURES, self.maps(), strict=True):
            cells = torch.arange(each.shape[-1])
            position = float(spec.grid.offset[1]) + float(spec.grid.stride[1]) * cells
            ramps.append((100 + position).expand_as(each))
        decoder(ramps)
        for raised, skip in (each.split(1, dim=1) for each in seen):
            inside = slice(2, -6)
            torch.testing.assert_close(raised[..., inside], skip[..., inside], rtol=1e-4, atol=0)
