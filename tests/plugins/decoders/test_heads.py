"""Decoders with layers of their own: their grids, norms and forms, and the maps that they use."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import FeatureSpec, Grid, Scores
from pluxel.core.authoring import StrideError
from pluxel.registry import Host
from torch import nn

HOST = Host({"pluxel": pluxel.plugins})
NAMES = [
    *("unet", "unetplusplus", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus"),
    *("upernet", "segformer", "dpt", "linear", "fcn_head"),
]
HEADS = {name: HOST.load(HOST.get("decoder", name)) for name in NAMES}
FORMS = ["unet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "upernet", "segformer"]
NORMS = {
    "batch": nn.BatchNorm2d,
    "group": nn.GroupNorm,
    "layer": nn.LayerNorm,
}


def specs(strides: Sequence[int], channels: Sequence[int] | None = None) -> list[FeatureSpec]:
    """Maps of patches: their cells lie in the middle of stride × stride pixels."""
    return [
        FeatureSpec(
            str(stride), width, Grid(stride, Fraction(stride - 1, 2)), (stride, stride), "computed"
        )
        for stride, width in zip(strides, channels or [8] * len(strides), strict=True)
    ]


CONVOLUTIONAL = specs((2, 4, 8, 16, 32), (4, 8, 16, 24, 32))
PYRAMID = specs((4, 8, 16, 32))
DILATED = specs((2, 4, 8, 8, 8))
ONE_STRIDE = specs([16] * 12)


def run(head: Any, maps: Sequence[FeatureSpec], size: tuple[int, int] = (64, 96)) -> Scores:
    """Call a head on meta tensors of an image of ``size``."""
    given = [
        torch.zeros(2, spec.channels, *(-(-n // int(spec.grid.stride[0])) for n in size))
        for spec in maps
    ]
    return head.to("meta")([one.to("meta") for one in given])


def build(name: str, maps: Sequence[FeatureSpec], **options: Any) -> Any:
    with torch.device("meta"):
        return HEADS[name](maps, 5, **options)


@pytest.mark.parametrize(
    ("name", "maps", "stride"),
    [
        *((name, CONVOLUTIONAL, 1) for name in ("unet", "unetplusplus", "linknet")),
        *((name, PYRAMID, 1) for name in ("unet", "unetplusplus", "linknet")),
        *((name, CONVOLUTIONAL, 4) for name in ("fpn", "upernet", "segformer", "deeplabv3plus")),
        *((name, PYRAMID, 4) for name in ("fpn", "upernet", "segformer", "deeplabv3plus")),
        *((name, DILATED, 8) for name in ("pspnet", "deeplabv3", "linear", "fcn_head")),
        ("pspnet", CONVOLUTIONAL, 8),
        ("pspnet", ONE_STRIDE, 16),
        ("deeplabv3plus", DILATED, 4),
        ("dpt", ONE_STRIDE, 2),
        ("dpt", CONVOLUTIONAL, 2),
    ],
)
def test_the_stride_of_scores(name: str, maps: Sequence[FeatureSpec], stride: int) -> None:
    found = run(build(name, maps), maps)
    assert found.grid.stride == (stride, stride)
    assert found.tensor.shape == (2, 5, 64 // stride, 96 // stride)
    # Patches are symmetric, so scores are as well: those of the first and last cells are equally
    # far from the borders.
    assert found.grid.offset[0] == Fraction(stride - 1, 2)


@pytest.mark.parametrize("norm", [*NORMS, "none"])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_has_the_norms(name: str, norm: str) -> None:
    maps = ONE_STRIDE if name == "linear" else CONVOLUTIONAL
    head = build(name, maps, norm=norm)
    counts = {
        kind: sum(isinstance(one, norm_class) for one in head.modules())
        for kind, norm_class in NORMS.items()
    }
    if name == "upernet":
        counts["layer"] -= 4  # of the maps of the backbone
    assert {kind for kind, count in counts.items() if count} == {norm} - {"none"}
    assert run(head, maps).tensor.shape[:2] == (2, 5)


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_the_paper(name: str) -> None:
    usual, paper = (build(name, CONVOLUTIONAL, form=form) for form in ("smp", "paper"))
    shapes = [{k: v.shape for k, v in head.state_dict().items()} for head in (usual, paper)]
    assert shapes[0] != shapes[1]
    assert run(paper, CONVOLUTIONAL).grid == run(usual, CONVOLUTIONAL).grid


@pytest.mark.parametrize("name", ["unet", "unetplusplus", "linknet", "fpn", "upernet", "segformer"])
def test_maps_of_one_stride_are_refused_with_the_remedy(name: str) -> None:
    assumed = [
        FeatureSpec(str(i), 8, Grid(16, Fraction(15, 2)), (16, 16), "assumed") for i in range(12)
    ]
    with pytest.raises(StrideError, match="2 maps whose strides double") as caught:
        build(name, assumed)
    assert "'vit_pyramid'" in "".join(caught.value.notes)


def test_deeplabv3plus_refuses_maps_of_one_stride() -> None:
    with pytest.raises(StrideError, match="maps of two strides, such as 4 and 16") as caught:
        build("deeplabv3plus", ONE_STRIDE)
    assert "'vit_pyramid'" in "".join(caught.value.notes)


class TestUNet:
    def test_steps_end_at_the_pixels(self) -> None:
        head = build("unet", specs((4, 8, 16)))
        assert len(head.blocks) == 4
        assert run(head, specs((4, 8, 16))).grid == Grid()

    def test_fewer_channels_are_fewer_steps(self) -> None:
        found = run(build("unet", CONVOLUTIONAL, channels=(16, 8, 4)), CONVOLUTIONAL)
        assert found.grid.stride == (4, 4)

    def test_maps_of_the_pixels_are_skips(self) -> None:
        maps = specs((1, 2, 4), (3, 4, 8))
        head = build("unet", maps, channels=(8, 4))
        assert [block.conv1[0].in_channels for block in head.blocks] == [8 + 4, 8 + 3]

    def test_strides_that_are_no_power_of_two_end_above_the_pixels(self) -> None:
        maps = specs((7, 14, 28))
        assert run(build("unet", maps), maps).grid.stride == (Fraction(7, 4), Fraction(7, 4))

    def test_attention_and_center(self) -> None:
        plain = build("unet", CONVOLUTIONAL)
        more = build("unet", CONVOLUTIONAL, attention="scse", center=True)
        added = more.state_dict().keys() - plain.state_dict().keys()
        assert {name.split(".")[0] for name in added} == {"center", "blocks"}
        assert run(more, CONVOLUTIONAL).tensor.shape == (2, 5, 64, 96)


class TestDPT:
    def test_it_takes_blocks_at_equal_distances(self) -> None:
        assert build("dpt", ONE_STRIDE).indices == [2, 5, 8, 11]
        assert build("dpt", specs([16] * 4)).indices == [0, 1, 2, 3]
        assert build("dpt", specs([16] * 2)).indices == [0, 1]

    @pytest.mark.parametrize("patch", [8, 14, 16, 32])
    def test_patches_of_any_size(self, patch: int) -> None:
        maps = specs([patch] * 4)
        found = run(build("dpt", maps), maps, (4 * patch, 6 * patch))
        assert 1 <= found.grid.stride[0] <= 4


def test_linear_appends_the_last_maps_of_its_stride() -> None:
    assert HEADS["linear"](ONE_STRIDE, 5, maps=4).indices == [8, 9, 10, 11]
    assert HEADS["linear"](CONVOLUTIONAL, 5, maps=4).indices == [4]


def test_segformer_of_the_paper_fuses_four_maps() -> None:
    assert len(build("segformer", CONVOLUTIONAL).mlp_stage) == 5
    assert len(build("segformer", CONVOLUTIONAL, form="paper").mlp_stage) == 4


def test_fcn_head_chooses_its_map() -> None:
    head = build("fcn_head", CONVOLUTIONAL, stride=16, convs=2, channels=12)
    assert [layer[0].out_channels for layer in head.convs] == [12, 12]
    assert run(head, CONVOLUTIONAL).grid.stride == (16, 16)
    assert build("fcn_head", CONVOLUTIONAL, convs=0).score.in_channels == 32
