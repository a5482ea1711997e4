"""timm's networks: their features, and clear errors for what they do not support."""

from __future__ import annotations

import re
from fractions import Fraction
from math import inf
from pathlib import Path

import pytest
import timm
import torch
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.geometry.grid import Grid
from pluxel.plugins.backbones.timm_features import TimmBackbone, _dilated
from pluxel.registry import PluxelError
from safetensors.torch import save_file
from torch import nn

pytestmark = pytest.mark.slow


def meta(model: str, **parameters) -> TimmBackbone:
    with torch.device("meta"):
        return TimmBackbone(3, model=model, **parameters)


HALF = Fraction(1, 2)
# Strides; of the last map: offset, receptive field and how they were found; multiple of sizes.
NETWORKS = {
    "resnet18": ((2, 4, 8, 16, 32), 0, 435, "computed", 1),
    "resnet26d": ((2, 4, 8, 16, 32), 0, 199, "computed", 1),
    "seresnet18": ((2, 4, 8, 16, 32), 0, inf, "computed", 1),
    "densenet121": ((2, 4, 8, 16, 32), 14, 2071, "computed", 1),
    "inception_v3": ((2, 4, 8, 16, 32), 37, 1311, "computed", 1),
    "convnext_atto": ((4, 8, 16, 32), 31 * HALF, 1136, "computed", 1),
    "efficientnet_lite0": ((2, 4, 8, 16, 32), 0, 851, "computed", 1),
    "tf_efficientnet_lite0": ((2, 4, 8, 16, 32), 31, 851, "computed", 32),
    "hrnet_w18_small": ((2, 4, 8, 16, 32), 0, 583, "computed", 32),
    "test_vit": ((16, 16, 16), 15 * HALF, inf, "assumed", 16),
    "swin_s3_tiny_224": ((4, 8, 16, 32), 31 * HALF, inf, "assumed", 32),
    "mobilevit_xxs": ((2, 4, 8, 16, 32), 0, inf, "assumed", 64),
    "test_maxvit": ((2, 4, 8, 16, 32), 0, inf, "assumed", 160),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", NETWORKS)
def test_geometry(model: str) -> None:
    strides, offset, field, source, multiple = NETWORKS[model]
    backbone = meta(model)
    assert tuple(spec.grid.stride[0] for spec in backbone.feature_specs) == strides
    last = backbone.feature_specs[-1]
    assert last.grid == Grid(strides[-1], offset)
    assert (last.receptive_field, last.source) == ((field, field), source)
    assert backbone.pad_multiple == multiple


def test_maps_are_always_channels_first() -> None:
    backbone = meta("swin_s3_tiny_224")
    maps = backbone(torch.zeros(1, 3, 96, 64, device="meta"))
    assert [tuple(one.shape) for one in maps] == [
        (1, 96, 24, 16), (1, 192, 12, 8), (1, 384, 6, 4), (1, 768, 3, 2),
    ]  # fmt: skip


def test_maps_can_be_selected_and_have_timms_names() -> None:
    backbone = meta("resnet18", out_indices=(2, 4))
    assert [spec.name for spec in backbone.feature_specs] == ["layer2", "layer4"]
    assert [spec.channels for spec in backbone.feature_specs] == [128, 512]


@pytest.mark.parametrize("output_stride", [8, 16])
def test_output_stride_dilates_and_keeps_the_receptive_field(output_stride) -> None:
    last = meta("resnet26", output_stride=output_stride).feature_specs[-1]
    assert last.grid == Grid(output_stride)
    assert last.channels == 2048
    assert last.receptive_field == meta("resnet26").feature_specs[-1].receptive_field


def test_model_args_reach_the_network() -> None:
    assert meta("resnet18", model_args={"stem_type": "deep"}).net.conv1[0].out_channels == 64


def test_normalization_comes_from_timms_weights() -> None:
    assert meta("test_vit").normalization == Normalization(mean=(0.5,) * 3, std=(0.5,) * 3)
    assert meta("resnet18").normalization == Normalization()
    own = Normalization(mean=(0,), std=(1,))
    assert meta("resnet18", normalization=own).normalization == own


CANNOT = [
    ("resnt50", {}, "timm has no model 'resnt50'. Did you mean 'resnet50'?"),
    ("qqq", {}, "timm has no model 'qqq'. timm.list_models() lists all models"),
    ("hf-hub:timm/resnet18", {}, "timm has no model 'hf-hub:timm/resnet18'."),
    ("resnet18.a1_in", {}, "no model 'resnet18.a1_in'. Did you mean 'resnet18.a1_in1k'?"),
    ("test_vit", {"output_stride": 8}, "output_stride 8 is not available: layer backbone.net"),
    ("dla34", {"output_stride": 8}, "without its strides, the sizes of its maps do not match"),
    ("resnet18", {"out_indices": (7,)}, "'resnet18' does not accept this out_indices"),
    ("resnet18", {"model_args": {"stem_tpe": "deep"}}, "does not accept this stem_tpe"),
    *(
        ("resnet18", {"model_args": {name: 1}}, f"model_args cannot set '{name}'; {instead}")
        for name, instead in {
            "checkpoint_path": "use  pretrained: PATH",
            "pretrained": "set it next to model_args",
            "pretrained_cfg": "use  pretrained: PATH  and  normalization: {…}",
            "pretrained_cfg_overlay": "use  pretrained: PATH  and  normalization: {…}",
            "features_only": "omit it: the backbone always returns maps",
            "in_chans": "omit it: the dataset determines the number of channels",
            "out_indices": "set it next to model_args",
            "output_stride": "set it next to model_args",
        }.items()
    ),
    ("mixer_s32_224", {"output_stride": 16}, "output_stride 16 is not available"),
]


@pytest.mark.parametrize(("model", "parameters", "message"), CANNOT)
def test_unsupported_options_raise(model: str, parameters: dict, message: str) -> None:
    with pytest.raises(PluxelError) as caught:
        meta(model, **parameters)
    assert message in str(caught.value)


def test_the_error_contains_timms_reason() -> None:
    with pytest.raises(PluxelError) as caught:
        meta("mixer_s32_224", output_stride=16)
    assert "doesn't match model" in str(caught.value)


ONE_SIZE = [
    ("mixer_s32_224", {}, 224, 224, (32, 32, 32)),
    ("mixer_s32_224", {"model_args": {"img_size": 320}}, 320, 320, (32, 32, 32)),
    ("test_vit", {"model_args": {"dynamic_img_size": False}}, 160, 160, (16, 16, 16)),
    ("crossvit_9_240", {}, 240, 240, (12, Fraction(120, 7))),
    ("levit_128s", {}, 224, 192, (16, 32, 64)),  # 14, 7 and 4 cells: 12, 6 and 3 are used
]


@pytest.mark.parametrize(("model", "parameters", "tile", "period", "strides"), ONE_SIZE)
def test_networks_of_one_size_see_tiles(
    model: str, parameters: dict, tile: int, period: int, strides: tuple, caplog
) -> None:
    backbone = meta(model, **parameters)
    assert backbone.mosaic
    assert (backbone.mosaic.size, backbone.mosaic.period) == ((tile, tile), (period, period))
    assert (backbone.pad_multiple, backbone.own_size) == (period, (tile, tile))
    assert tuple(spec.grid.stride[0] for spec in backbone.feature_specs) == strides
    assert {spec.source for spec in backbone.feature_specs} == {"assumed"}
    maps = backbone(torch.zeros(1, 3, period, 2 * period, device="meta"))
    assert [one.shape[-1] for one in maps] == [2 * period / stride for stride in strides]
    assert (
        f"{model}: sees each tile of {tile}×{tile} pixels (height × width) on its own"
        in caplog.text
    )


@torch.no_grad()
def test_a_tile_has_the_values_that_timm_computes() -> None:
    torch.manual_seed(0)
    arguments = {"dynamic_img_size": False}
    backbone = TimmBackbone(3, model="test_vit", model_args=arguments).eval()
    image = torch.randn(1, 3, 160, 320)
    for found, *expected in zip(
        backbone(image), backbone.net(image[..., :160]), backbone.net(image[..., 160:]), strict=True
    ):
        torch.testing.assert_close(found, torch.cat(expected, dim=-1))


def test_a_network_that_inherits_its_arguments_accepts_any_size() -> None:
    backbone = meta("deit_tiny_distilled_patch16_224")
    assert backbone.mosaic is None
    assert backbone.pad_multiple == 16


def test_attention_returns_to_the_position_of_the_residual_stream() -> None:
    """Its branches have one-sided filters, whose receptive field leads away from it."""
    offsets = [spec.grid.offset[0] for spec in meta("cpubone_b1_bfrobust").feature_specs]
    assert offsets == [0, 0, 0, 0]


def test_a_stride_without_effect_raises() -> None:
    with pytest.raises(PluxelError, match="the nearest stride is 16"):
        meta("resnet18", output_stride=32, out_indices=(0, 1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vgg11", "convnext_atto"])
def test_strides_are_removed_if_timm_does_not_remove_them(model: str) -> None:
    backbone, coarse = meta(model, output_stride=8), meta(model)
    assert backbone.feature_specs[-1].grid.stride == (8, 8)
    image = torch.zeros(1, 3, 128, 160, device="meta")
    pairs = zip(backbone(image)[-1].shape[-2:], coarse(image)[-1].shape[-2:], strict=True)
    assert all(4 * (cells - 1) < dense <= 4 * cells for dense, cells in pairs)
    assert [*backbone.state_dict()] == [*coarse.state_dict()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "output_stride"), [("resnet18", 8), ("mobilenetv2_100", 16), ("resnetv2_50", 16)]
)
@torch.no_grad()
def test_timm_and_dilation_give_the_same_result(model: str, output_stride: int) -> None:
    torch.manual_seed(0)
    exact = TimmBackbone(3, model=model, output_stride=output_stride).double().eval()
    native = _dilated(model, {}, 3, output_stride)
    assert native
    native.double().eval().load_state_dict(exact.net.state_dict())
    image = torch.randn(1, 3, 65, 96, dtype=torch.float64)
    for mine, timms in zip(exact(image), native(image), strict=True):
        torch.testing.assert_close(mine, timms, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet18d", "test_resnet", "convnext_atto"])
@torch.no_grad()
def test_timms_dilation_is_not_used_if_it_changes_the_network(model: str) -> None:
    torch.manual_seed(0)
    coarse = TimmBackbone(3, model=model).double().eval()
    exact = TimmBackbone(3, model=model, output_stride=8).double().eval()
    exact.load_state_dict(coarse.state_dict())
    native = _dilated(model, {}, 3, 8)
    assert native
    native.double().eval().load_state_dict(exact.net.state_dict())
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    wanted = coarse(image)[-1]
    torch.testing.assert_close(exact(image)[-1][..., ::4, ::4], wanted, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(native(image)[-1][..., ::4, ::4][..., :2, :3], wanted, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("legacy_xception", {}),
        ("test_resnet", {"feature_cls": "hook"}),
        ("test_convnext", {"feature_cls": "hook"}),
    ],
)
@torch.no_grad()
def test_networks_whose_maps_come_from_hooks_are_dilated(
    model: str, arguments: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(3, model=model, model_args=arguments, output_stride=8).double().eval()
    assert type(backbone.net).__name__ == "FeatureHookNet"
    assert "timm removes the strides" not in caplog.text
    image = torch.randn(1, 3, 65, 98, dtype=torch.float64)
    strides = [spec.grid.stride[0] for spec in meta(model, model_args=arguments).feature_specs]
    assert strides[-1] == 32
    maps = zip(strides, backbone(image), backbone.maps(image), strict=True)
    for stride, dense, coarse in maps:
        rate = max(1, int(stride) // 8)
        torch.testing.assert_close(dense[..., ::rate, ::rate], coarse, rtol=1e-9, atol=1e-9)


def test_an_exact_dilation_is_preferred_to_that_of_timm(caplog: pytest.LogCaptureFixture) -> None:
    backbone = meta("xception41", output_stride=16)
    assert caplog.messages == []
    assert [spec.grid.stride[0] for spec in backbone.feature_specs] == [2, 4, 8, 16, 16]


@pytest.mark.parametrize("model", ["nasnetalarge", "pnasnet5large"])
def test_the_error_names_the_layer_whose_padding_depends_on_the_size(model: str) -> None:
    with pytest.raises(PluxelError) as caught:
        meta(model, output_stride=8)
    assert str(caught.value) == (
        "output_stride 8 is not available: layer backbone.net.body.cell_stem_0.comb_iter_0_left."
        "separable_1.depthwise_conv2d (Conv2dSame): it decides by the size or the values of a "
        "map, as TensorFlow's padding 'same' does"
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mobilenetv3_small_050", "regnety_002"])
def test_timm_dilates_if_exact_dilation_is_not_possible(
    model: str, caplog: pytest.LogCaptureFixture
) -> None:
    backbone = meta(model, output_stride=8)
    assert f"{model}: timm removes the strides, which changes the function" in caplog.text
    assert re.search(r"\(output_stride 8 is not available: layer \S+ \(\S+\): ", caplog.text)
    assert backbone.feature_specs[-1].grid.stride == (8, 8)
    assert backbone(torch.zeros(1, 3, 64, 96, device="meta"))[-1].shape[-2:] == (8, 12)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mobilenetv2_100", "resnetv2_50"])
def test_norms_with_an_activation_can_be_trained_without_strides(model: str) -> None:
    backbone = TimmBackbone(3, model=model, output_stride=16).train()
    norms = [one for one in backbone.modules() if isinstance(one, nn.BatchNorm2d)]
    before = [one.running_mean.clone() for one in norms if one.running_mean is not None]
    backbone(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    after = [one.running_mean for one in norms if one.running_mean is not None]
    assert len(after) > 10
    assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def official(model: str, path: Path) -> dict[str, torch.Tensor]:
    """A file as published by timm: the whole network, including the classifier."""
    state = timm.create_model(model).state_dict()
    save_file(state, path)
    return state


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_a_published_file_fits(model: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    official(model, path)
    backbone = TimmBackbone(3, model=model, pretrained=path, normalization=Normalization())
    report = backbone.load_pretrained()
    assert report
    assert [*report.missing, *report.mismatched] == []
    assert len(report.loaded) == len(backbone.state_dict())


def test_depth_gets_the_mean_of_the_colors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    first = official("test_resnet", path)["conv1.0.weight"]
    backbone = TimmBackbone(4, model="test_resnet", pretrained=path, normalization=Normalization())
    backbone.load_pretrained()
    found = backbone.net.conv1[0].weight
    assert torch.equal(found[:, :3], first)
    torch.testing.assert_close(found[:, 3], first.mean(1))


def test_standard_weights_are_loaded_through_timm(tmp_path: Path, monkeypatch) -> None:
    """Load weights from timm's cache, as converted by timm, without network access."""
    state = official("test_vit", tmp_path / "model.safetensors")
    monkeypatch.setattr(TimmBackbone, "_usual_file", lambda _: tmp_path / "model.safetensors")
    backbone = TimmBackbone(3, model="test_vit", pretrained=True)
    report = backbone.load_pretrained()
    assert report
    assert not report.missing
    name = "patch_embed.proj.weight"
    assert torch.equal(backbone.net.model.get_parameter(name), state[name])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("cspresnet50d", "timm has no weights for 'cspresnet50d'"),
    ],
)
def test_a_network_without_weights_raises(model: str, message: str) -> None:
    with pytest.raises(PluxelError) as caught:
        meta(model, pretrained=True).load_pretrained()
    assert str(caught.value) == message
