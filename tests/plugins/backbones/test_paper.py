"""VGG, AlexNet and GoogLeNet as the FCN paper uses them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.geometry.grid import Grid
from pluxel.core.geometry.resampling import resample
from pluxel.core.model.weights import copy_matching, normalization_metadata
from pluxel.plugins.backbones._convolutional import Classifier, as_convolutions
from pluxel.plugins.backbones.alexnet import AlexNet, CaffeNet
from pluxel.plugins.backbones.googlenet import GoogLeNet
from pluxel.plugins.backbones.vgg import CLASSIFIER, VGG11, VGG11BN, VGG16
from pluxel.plugins.decoders._upsampling import bilinear_taps
from pluxel.plugins.decoders.fcn import FCN8s
from pluxel.registry import PluxelError
from safetensors.torch import save_file
from torch import Tensor, nn


def meta(backbone: type, **parameters):
    with torch.device("meta"):
        return backbone(3, **parameters)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def run(backbone: nn.Module, size: int) -> list[tuple[int, ...]]:
    maps = backbone.eval()(torch.zeros(1, 3, size, size, device="meta"))
    return [tuple(one.shape[1:]) for one in maps]


def test_vgg16_has_the_parameters_of_the_paper() -> None:
    backbone = meta(VGG16)
    assert count(backbone) == 134_260_544
    assert count(backbone.features) == 14_714_688
    assert count(backbone.classifier.fc6) == 102_764_544
    assert count(backbone.classifier.fc7) == 16_781_312
    assert count(meta(VGG16, fc=False)) == 14_714_688


def test_vgg16_sees_404_pixels() -> None:
    assert meta(VGG16).feature_specs[-1].receptive_field == (404, 404)


@pytest.mark.parametrize(
    ("parameters", "sizes"),
    [
        ({}, [250, 125, 63, 32, 16]),
        ({"pool_rounding": "floor"}, [250, 125, 62, 31, 15]),
        ({"fc6_padding": "valid"}, [250, 125, 63, 32, 10]),
        ({"fc": False}, [250, 125, 63, 32, 16]),
    ],
)
def test_vgg16_is_tapped_after_its_pools(parameters: dict, sizes: list[int]) -> None:
    backbone = meta(VGG16, **parameters)
    assert [shape[-1] for shape in run(backbone, 500)] == sizes
    names = [
        "pool1",
        "pool2",
        "pool3",
        "pool4",
        "pool5" if parameters.get("fc") is False else "fc7",
    ]
    assert [spec.name for spec in backbone.feature_specs] == names
    offsets = [spec.grid.offset[0] for spec in backbone.feature_specs]
    start = Fraction(31, 2) + (96 if "fc6_padding" in parameters else 0)
    assert offsets == [Fraction(1, 2), Fraction(3, 2), Fraction(7, 2), Fraction(15, 2), start]


def test_with_floor_and_valid_small_images_are_refused_by_size() -> None:
    assert meta(VGG16, pool_rounding="floor", fc6_padding="valid").minimum_size == 224
    assert meta(VGG16, fc6_padding="valid").minimum_size == 193
    assert meta(VGG16).minimum_size == 1


def test_dropout_is_element_wise_and_only_in_training() -> None:
    classifier = Classifier(4, 3, "same", 0.5)
    assert type(classifier.dropout) is nn.Dropout
    with torch.no_grad():
        maps = classifier(torch.ones(1, 4, 3, 3))
        assert (maps[0] == 0).any(0).all()
        classifier.eval()
        assert torch.equal(classifier(torch.ones(1, 4, 3, 3)), classifier(torch.ones(1, 4, 3, 3)))


def test_batch_normalization_is_another_network() -> None:
    plain, normed = meta(VGG11, fc=False), meta(VGG11BN, fc=False)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain.features)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in normed.features) == 8
    assert run(plain, 64) == run(normed, 64)


def small(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let a state dict's large tensors share one number."""
    return {name: torch.ones(()).expand(value.shape) for name, value in state.items()}


@pytest.mark.parametrize("source", [torchvision.models.vgg16, lambda: timm.create_model("vgg16")])
def test_both_libraries_names_are_accepted(source) -> None:
    with torch.device("meta"):
        state = source().state_dict()
    backbone = meta(VGG16)
    report = copy_matching(backbone, backbone.own_names(small(state)))
    assert len(report.loaded) == 30
    assert [*report.missing, *report.mismatched] == []
    heads = {"classifier.6.weight", "classifier.6.bias"}, {"head.fc.weight", "head.fc.bias"}
    assert set(report.unexpected) in heads


def test_the_classifier_on_one_window_is_the_fully_connected_one() -> None:
    own = Classifier(6, 3, "valid", 0.5).eval()
    linear = nn.Sequential(
        nn.Linear(54, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()
    ).eval()
    holder = nn.ModuleDict({"classifier": own})
    state = {f"classifier.{name}": value for name, value in linear.state_dict().items()}
    report = copy_matching(holder, as_convolutions(state, holder, CLASSIFIER))
    assert len(report.loaded) == 4
    image = torch.randn(1, 6, 3, 3)
    with torch.no_grad():
        torch.testing.assert_close(own(image).flatten(1), linear(image.flatten(1)))


def test_the_trunk_computes_what_torchvisions_does() -> None:
    theirs = torchvision.models.vgg11().features.eval()
    backbone = VGG11(3, fc=False, pool_rounding="floor").eval()
    backbone.features.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(image)[-1], theirs(image))


def test_alexnet_gives_10_by_10_cells_for_500_pixels() -> None:
    assert run(meta(AlexNet, fc6_padding="valid"), 500)[-1] == (4096, 10, 10)
    floor = meta(AlexNet, fc6_padding="valid", pool_rounding="floor")
    assert run(floor, 500)[-1] == (4096, 9, 9)


def test_alexnet_keeps_its_size_if_asked() -> None:
    for size in (97, 224, 500):
        padded, trunk = run(meta(AlexNet), size)[-1], run(meta(AlexNet, fc=False), size)[-1]
        assert padded[1:] == trunk[1:]


def test_alexnet_has_strides_8_16_32_and_the_receptive_field_of_the_paper() -> None:
    specs = meta(AlexNet).feature_specs
    assert [spec.grid.stride[0] for spec in specs] == [8, 16, 32]
    valid = meta(AlexNet, fc6_padding="valid").feature_specs[-1]
    # Padded by two cells before and three after.
    assert valid.grid == specs[-1].grid.crop(2)
    assert valid.receptive_field == specs[-1].receptive_field == (355, 355)


def test_alexnet_takes_torchvisions_weights() -> None:
    with torch.device("meta"):
        state = torchvision.models.alexnet().state_dict()
    backbone = meta(AlexNet)
    report = copy_matching(backbone, backbone.own_names(small(state)))
    assert len(report.loaded) == 14
    assert report.unexpected == ["classifier.6.weight", "classifier.6.bias"]
    assert [*report.missing, *report.mismatched] == []


def test_googlenet_ends_before_the_average_pool() -> None:
    backbone = meta(GoogLeNet)
    assert [spec.grid.stride[0] for spec in backbone.feature_specs] == [2, 4, 8, 16, 32]
    assert run(backbone, 500)[-1] == (1024, 16, 16)
    assert run(meta(GoogLeNet, pool_rounding="floor"), 500)[-1] == (1024, 15, 15)
    assert not [name for name, _ in backbone.named_modules() if "aux" in name or "avg" in name]


def test_googlenet_takes_torchvisions_weights_and_scale() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.GoogLeNet(aux_logits=True, init_weights=False)
    report = copy_matching(meta(GoogLeNet), small(theirs.state_dict()))
    assert [*report.missing, *report.mismatched] == []
    assert {name.split(".")[0] for name in report.unexpected} == {"aux1", "aux2", "fc"}


def test_googlenet_and_its_normalization_compute_what_torchvisions_does() -> None:
    """Its transform_input turns images from ImageNet's statistics to (x − 0.5) / 0.5."""
    theirs = torchvision.models.GoogLeNet(
        aux_logits=False, transform_input=True, init_weights=False
    )
    theirs.avgpool, theirs.fc, theirs.dropout = nn.Identity(), nn.Identity(), nn.Identity()
    backbone = GoogLeNet(3)
    copy_matching(backbone, theirs.state_dict())
    image = torch.rand(1, 3, 64, 64)

    def normalized(normalization: Normalization) -> Tensor:
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (normalization.mean, normalization.std))
        return (image - mean) / std

    with torch.no_grad():
        expected = theirs.eval()(normalized(Normalization()))
        found = backbone.eval()(normalized(backbone.normalization))[-1].flatten(1)
    torch.testing.assert_close(found, expected)


def trunk_file(path: Path, **metadata: str) -> Path:
    save_file(VGG11(3, fc=False).state_dict(), path, metadata=metadata)
    return path


def test_a_file_without_normalization_asks_for_it(tmp_path: Path) -> None:
    path = trunk_file(tmp_path / "trunk.safetensors")
    with pytest.raises(PluxelError) as caught:
        VGG11(3, fc=False, pretrained=path).load_pretrained()
    assert str(caught.value) == (
        f"{path} does not say which normalization its weights expect; "
        "state it beside 'pretrained:'\n"
        "  note: the usual weights of this network want  normalization: {mean: [0.485, 0.456, "
        "0.406], std: [0.229, 0.224, 0.225], channel_order: rgb, range: 1}"
    )


def test_a_file_with_normalization_brings_it(tmp_path: Path) -> None:
    caffe = Normalization(mean=(1, 2, 3), std=(1, 1, 1), channel_order="bgr", range=255)
    path = trunk_file(tmp_path / "trunk.safetensors", **normalization_metadata(caffe))
    backbone = VGG11(3, fc=False, pretrained=path)
    assert backbone.normalization == Normalization()
    backbone.load_pretrained()
    assert backbone.normalization == caffe
    own = Normalization(mean=(0,), std=(1,))
    backbone = VGG11(3, fc=False, pretrained=path, normalization=own)
    backbone.load_pretrained()
    assert backbone.normalization == own


def test_a_file_that_is_not_there_is_told_before_anything_is_built(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path / "gone.pth"):
        backbone = meta(VGG11, fc=False, pretrained=path, normalization=Normalization())
        for step in (backbone.check_pretrained, backbone.load_pretrained):
            with pytest.raises(PluxelError, match=f"{path.name}: no such file"):
                step()


@pytest.mark.parametrize(("kept", "warned"), [(3, True), (99, False)])
def test_a_file_that_fills_little_of_the_network_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: int, warned: bool
) -> None:
    state = VGG11(3, fc=False).state_dict()
    path = tmp_path / "w.safetensors"
    save_file(dict([*state.items()][:kept]), path, normalization_metadata(Normalization()))
    with caplog.at_level("WARNING", "pluxel"):
        VGG11(3, fc=False, pretrained=path).load_pretrained()
    assert bool(caplog.messages) == warned
    if warned:
        assert caplog.messages[0].startswith(
            f"{path}: only 0.82 % of the network's weights are in this file, the others stay "
            "random: is it from another network? (3 loaded, "
        )


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"layer1.weight": torch.zeros(1)}, path)
    with pytest.raises(PluxelError) as caught:
        VGG11(3, fc=False, pretrained=path, normalization=Normalization()).load_pretrained()
    assert str(caught.value) == (
        f"{path}: none of its weights fit: layer1.weight, … instead of "
        "features.0.weight, features.0.bias, features.3.weight, …"
    )


@pytest.mark.parametrize(("in_channels", "method"), [(1, "mean"), (4, "zero"), (6, "repeat")])
def test_input_channels(tmp_path: Path, in_channels: int, method) -> None:
    path = trunk_file(tmp_path / "trunk.safetensors")
    backbone = VGG11(
        in_channels,
        fc=False,
        pretrained=path,
        normalization=Normalization(),
        input_channels=method,
    )
    report = backbone.load_pretrained()
    assert report
    assert [*report.missing, *report.mismatched] == []
    assert backbone.features[0].weight.shape[1] == in_channels


def test_a_real_trunk(test_data: Path) -> None:
    path = test_data / "weights" / "vgg16_trunk.fp16.safetensors"
    caffe = Normalization(mean=(122.67892, 116.66877, 104.00699), std=(1, 1, 1), range=255)
    backbone = VGG16(3, fc=False, pretrained=path, normalization=caffe)
    assert str(backbone.load_pretrained()) == ("26 loaded, 0 missing, 0 unexpected, 0 mismatched")
    assert backbone.features[0].weight.dtype == torch.float32
    # It was trained: its filters are no longer as they were drawn.
    image = torch.rand(1, 3, 64, 64) * 255 - 120
    with torch.no_grad():
        maps = backbone.eval()(image)
    assert all(one.isfinite().all() for one in maps)
    assert maps[-1].any()


def test_a_real_trunk_lacks_the_classifier(test_data: Path) -> None:
    path = test_data / "weights" / "vgg16_trunk.fp16.safetensors"
    backbone = meta(VGG16, pretrained=path, normalization=Normalization())
    report = backbone.load_pretrained()
    assert len(report.loaded) == 26
    assert list(report.missing) == [
        f"classifier.{layer}.{kind}" for layer in ("fc6", "fc7") for kind in ("weight", "bias")
    ]


def test_grids_hold_without_padding() -> None:
    for backbone in (VGG16, AlexNet, GoogLeNet):
        built = meta(backbone)
        assert built.pad_multiple == 1
        assert all(isinstance(spec.grid, Grid) for spec in built.feature_specs)
        assert {spec.source for spec in built.feature_specs} == {"computed"}


class Release(nn.Module):
    """FCN-8s as the paper's release has it in Caffe: pad 100, deconvolutions, crops by hand."""

    def __init__(self, backbone: VGG16, decoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.backbone, self.decoder, self.num_classes = backbone, decoder, num_classes

    def deconvolve(self, scores: Tensor, kernel: int, stride: int) -> Tensor:
        taps = torch.outer(*[bilinear_taps(kernel).to(scores.dtype)] * 2)
        weight = scores.new_zeros(self.num_classes, self.num_classes, kernel, kernel)
        weight[range(self.num_classes), range(self.num_classes)] = taps
        return nn.functional.conv_transpose2d(scores, weight, stride=stride)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        *_, pool3, pool4, fc7 = self.backbone.maps(image)
        skip4, skip3 = (
            layer(one) for layer, one in zip(self.decoder.skip_scores, (pool4, pool3), strict=True)
        )
        up = self.deconvolve(self.decoder.score(fc7), 4, 2)
        fused = up + skip4[..., 5 : 5 + up.shape[-2], 5 : 5 + up.shape[-1]]
        up = self.deconvolve(fused, 4, 2)
        fused = up + skip3[..., 9 : 9 + up.shape[-2], 9 : 9 + up.shape[-1]]
        return self.deconvolve(fused, 16, 8)[..., 31 : 31 + height, 31 : 31 + width]


@pytest.mark.parametrize("upsampling", ["bilinear", "learned"])
@torch.no_grad()
def test_alignment_caffe_gives_the_scores_of_the_release(upsampling: str) -> None:
    torch.manual_seed(0)
    backbone = VGG16(3, alignment="caffe").eval()
    decoder = FCN8s(backbone.feature_specs, 3, upsampling=upsampling)
    for layer in (decoder.score, *decoder.skip_scores):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    image = torch.randn(1, 3, 45, 70)
    expected = Release(backbone, decoder, 3)(image)
    found = resample(decoder(backbone(image)), (45, 70))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_crops_of_the_release_follow_from_its_frame() -> None:
    """19, 27 and 31 pixels, 5 and 9 cells; 18 for AlexNet, whose kernel is 63."""
    *_, pool3, pool4, fc7 = meta(VGG16, alignment="caffe").feature_specs
    alexnet = meta(AlexNet, alignment="caffe").feature_specs[-1]
    assert {spec.border for spec in (pool3, pool4, fc7, alexnet)} == {"zeros"}
    crops = [
        -grid.deconv(kernel, stride).offset[0]
        for grid, kernel, stride in (
            (fc7.grid, 64, 32),
            (pool4.grid.crop(5), 32, 16),
            (pool3.grid.crop(9), 16, 8),
            (alexnet.grid, 63, 32),
        )
    ]
    assert crops == [19, 27, 31, 18]
    assert (fc7.grid.deconv(4, 2).offset[0] - pool4.grid.offset[0]) / 16 == 5


@pytest.mark.parametrize("backbone", [VGG16, AlexNet, GoogLeNet])
def test_strides_can_be_taken_out(backbone: type) -> None:
    dense = meta(backbone, output_stride=8)
    coarse = meta(backbone)
    assert [*dense.state_dict()] == [*coarse.state_dict()]
    assert max(spec.grid.stride[0] for spec in dense.feature_specs) == 8
    fields = [[s.receptive_field for s in one.feature_specs] for one in (dense, coarse)]
    assert fields[0] == fields[1]
    (_, found, _), (_, cells, _) = run(dense, 160)[-1], run(coarse, 160)[-1]
    assert 4 * (cells - 1) < found <= 4 * cells


@torch.no_grad()
def test_the_coarse_map_lies_in_the_dense_one() -> None:
    torch.manual_seed(0)
    coarse = AlexNet(3).eval()
    dense = AlexNet(3, output_stride=8).eval()
    dense.load_state_dict(coarse.state_dict())
    image = torch.randn(1, 3, 128, 97)
    torch.testing.assert_close(
        dense(image)[-1][..., ::4, ::4], coarse(image)[-1], rtol=1e-4, atol=1e-5
    )


def test_caffenet_is_the_trunk_of_the_paper() -> None:
    backbone = meta(CaffeNet, alignment="caffe")
    assert count(backbone) == 56_868_224
    spec = backbone.feature_specs[-1]
    assert spec.receptive_field == (355, 355)
    assert -spec.grid.deconv(63, 32).offset[0] == 18
    native = meta(CaffeNet, fc6_padding="valid")
    assert run(native, 500)[-1] == (4096, 10, 10)


def test_caffenet_takes_the_names_and_shapes_of_caffe(tmp_path: Path) -> None:
    names = {index: number for number, index in enumerate((0, 4, 8, 10, 12), 1)}
    source = CaffeNet(3)
    state = {}
    for name, value in source.state_dict().items():
        part, layer, kind = name.split(".")
        own = f"conv{names[int(layer)]}" if part == "features" else layer
        state[f"{own}.{kind}"] = value.flatten(1) if own == "fc6" and kind == "weight" else value
    save_file(
        {name: value.contiguous() for name, value in state.items()}, tmp_path / "a.safetensors"
    )
    target = CaffeNet(3, pretrained=tmp_path / "a.safetensors", normalization=Normalization())
    report = target.load_pretrained()
    assert report
    assert (len(report.loaded), len(report.missing), len(report.unexpected)) == (14, 0, 0)
    assert torch.equal(target.classifier.fc6.weight, source.classifier.fc6.weight)


def test_caffenet_cannot_be_fetched() -> None:
    with pytest.raises(PluxelError, match="published as a Caffe model only"):
        CaffeNet(3, pretrained=True).load_pretrained()
