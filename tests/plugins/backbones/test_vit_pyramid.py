"""Four maps from a plain vision transformer."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf
from pathlib import Path

import pytest
import timm
import torch
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.geometry.grid import Grid
from pluxel.plugins.backbones.timm_features import TimmBackbone
from pluxel.plugins.backbones.vit_pyramid import FAMILIES, ViTPyramid
from pluxel.plugins.decoders.fcn import FCN4s, FCN8s
from pluxel.registry import PluxelError
from safetensors.torch import save_file

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs"


def meta(model: str, **parameters) -> ViTPyramid:
    with torch.device("meta"):
        return ViTPyramid(3, model=model, **parameters)


def grids(patch: int) -> list[Grid]:
    """Cells of stride s are centered at (s − 1)/2, as the cells of a patch are."""
    strides = [Fraction(patch, 4), Fraction(patch, 2), Fraction(patch), Fraction(2 * patch)]
    return [Grid(stride, (stride - 1) / 2) for stride in strides]


# Patch; multiple of sizes. Learned, rotary and relative positions; register and class tokens.
NETWORKS = {
    "vit_tiny_patch16_224": (16, 32),
    "deit_tiny_distilled_patch16_224": (16, 32),
    "vit_small_patch14_reg4_dinov2": (14, 28),
    "vit_small_patch16_dinov3": (16, 32),
    "vit_base_patch16_siglip_224": (16, 32),
    "eva02_tiny_patch14_224": (14, 28),
    "test_vit_relpos": (16, 160),
}


@pytest.mark.parametrize("model", NETWORKS)
def test_maps_of_a_quarter_to_two_patches(model: str) -> None:
    patch, multiple = NETWORKS[model]
    backbone = meta(model, channels=24)
    assert [spec.grid for spec in backbone.feature_specs] == grids(patch)
    assert {spec.channels for spec in backbone.feature_specs} == {24}
    assert {(spec.receptive_field, spec.source) for spec in backbone.feature_specs} == {
        ((inf, inf), "assumed")
    }
    assert backbone.pad_multiple == multiple
    maps = backbone(torch.zeros(1, 3, multiple, 3 * multiple, device="meta"))
    assert [tuple(one.shape[-2:]) for one in maps] == [
        (multiple / spec.grid.stride[0], 3 * multiple / spec.grid.stride[1])
        for spec in backbone.feature_specs
    ]


def test_images_are_padded_to_two_patches_if_the_network_drops_the_rest_of_one() -> None:
    with torch.device("meta"):
        plain = TimmBackbone(3, model="convmixer_1024_20_ks9_p14")
    assert plain.pad_multiple == 1
    assert meta("convmixer_1024_20_ks9_p14").pad_multiple == 28


@torch.no_grad()
def test_the_maps_come_from_the_last_map_of_the_network() -> None:
    torch.manual_seed(0)
    backbone = ViTPyramid(3, model="test_vit").eval()
    plain = TimmBackbone(3, model="test_vit").eval()
    plain.net.load_state_dict(backbone.net.state_dict())
    image = torch.randn(1, 3, 64, 96)
    last = plain(image)[-1]
    for level, one in zip(backbone.pyramid, backbone(image), strict=True):
        torch.testing.assert_close(level(last), one)


@torch.no_grad()
def test_a_change_of_one_token_moves_only_the_cells_of_its_patch() -> None:
    """The layers of the pyramid are local: cells farther than their 3×3 filters do not change."""
    backbone = ViTPyramid(3, model="test_vit").eval()
    tokens = torch.randn(1, 64, 8, 8)
    changed = tokens.clone()
    changed[..., 2, 5] += 1
    for level, spec in zip(backbone.pyramid, backbone.feature_specs, strict=True):
        rows, columns = (level(changed) != level(tokens))[0].any(0).nonzero().T
        stride, offset = spec.grid.stride[0], spec.grid.offset[0]
        centers = [
            offset + stride * Fraction(int(line.min() + line.max()), 2) for line in (rows, columns)
        ]
        distance = max(abs(c - token) for c, token in zip(centers, (39.5, 87.5), strict=True))
        assert distance <= (8 if stride == 32 else 0)


def test_fcn_decoders_fuse_its_maps() -> None:
    backbone = ViTPyramid(3, model="test_vit")
    image = torch.randn(2, 3, 64, 96)
    for decoder, stride in ((FCN8s, 8), (FCN4s, 4)):
        module = decoder(backbone.feature_specs, 5)
        torch.nn.init.normal_(module.score.weight)
        scores = module(backbone(image))
        assert scores.grid == Grid(stride, Fraction(stride - 1, 2))
        assert scores.tensor.shape == (2, 5, 64 // stride, 96 // stride)
        backbone.zero_grad()
        scores.tensor.square().sum().backward()
        assert all(p.grad is not None for p in backbone.net.model.blocks.parameters())


def test_timms_weights_fit_and_the_pyramid_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), path)
    backbone = ViTPyramid(3, model="test_vit", pretrained=path, normalization=Normalization())
    report = backbone.load_pretrained()
    assert report
    assert len(report.loaded) == len(backbone.net.state_dict())
    assert {name.split(".")[0] for name in report.missing} == {"pyramid"}


def test_the_normalization_is_that_of_timms_weights() -> None:
    assert meta("test_vit").normalization == Normalization(mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "swin_tiny_patch4_window7_224",
            "'swin_tiny_patch4_window7_224' is not a plain transformer: its maps have strides "
            "4, 8, 16, 32; use the backbone 'timm'",
        ),
        ("vit_tiny", "timm has no model 'vit_tiny'. Did you mean "),
    ],
)
def test_other_networks_raise(model: str, message: str) -> None:
    with pytest.raises(PluxelError) as caught:
        meta(model)
    assert str(caught.value).startswith(message)


def test_every_family_is_one_of_plain_transformers() -> None:
    families = ViTPyramid.model_families()
    assert {"vision_transformer", "eva", "beit", "deit"} <= set(families)
    assert "vit_base_patch16_dinov3" in families["eva"]
    assert not {"resnet", "swin_transformer"} & set(families)
    assert sum(map(len, families.values())) > 300


def test_the_families_are_those_whose_maps_have_one_stride() -> None:
    """By the strides that the matrix recorded of networks of every family of timm."""
    strides: dict[str, set[int]] = {}
    for record in json.loads((DOCS / "matrix.json").read_text("utf-8"))["records"]:
        if record["backbone"] == "timm" and record.get("strides"):
            strides.setdefault(record["family"], set()).add(len({*record["strides"]}))
    assert {family for family, numbers in strides.items() if numbers == {1}} == FAMILIES
    assert all(numbers == {1} or 1 not in numbers for numbers in strides.values())
