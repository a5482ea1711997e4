"""AlexNet and CaffeNet, as in the FCN paper."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.model.weights import copy_matching
from pluxel.plugins.backbones.alexnet import AlexNet, CaffeNet
from pluxel.registry import PluxelError
from safetensors.torch import save_file

from .measuring import count, meta, run, small


def test_alexnet_gives_10_by_10_cells_for_500_pixels() -> None:
    assert run(meta(AlexNet, fc6_padding="valid"), 500)[-1] == (4096, 10, 10)
    floor = meta(AlexNet, fc6_padding="valid", pool_rounding="floor")
    assert run(floor, 500)[-1] == (4096, 9, 9)


def test_alexnet_can_keep_the_size_of_its_map() -> None:
    for size in (97, 224, 500):
        padded, trunk = run(meta(AlexNet), size)[-1], run(meta(AlexNet, fc=False), size)[-1]
        assert padded[1:] == trunk[1:]


def test_alexnet_has_strides_8_16_32_and_the_receptive_field_of_the_paper() -> None:
    specs = meta(AlexNet).feature_specs
    assert [spec.grid.stride[0] for spec in specs] == [8, 16, 32]
    valid = meta(AlexNet, fc6_padding="valid").feature_specs[-1]
    # fc6 pads by two cells before and three after.
    assert valid.grid == specs[-1].grid.crop(2)
    assert valid.receptive_field == specs[-1].receptive_field == (355, 355)


def test_alexnet_loads_torchvisions_weights() -> None:
    with torch.device("meta"):
        state = torchvision.models.alexnet().state_dict()
    backbone = meta(AlexNet)
    report = copy_matching(backbone, backbone.own_names(small(state)))
    assert len(report.loaded) == 14
    assert report.unexpected == ["classifier.6.weight", "classifier.6.bias"]
    assert [*report.missing, *report.mismatched] == []


def test_caffenet_is_the_trunk_of_the_paper() -> None:
    backbone = meta(CaffeNet, alignment="caffe")
    assert count(backbone) == 56_868_224
    spec = backbone.feature_specs[-1]
    assert spec.receptive_field == (355, 355)
    assert -spec.grid.deconv(63, 32).offset[0] == 18
    native = meta(CaffeNet, fc6_padding="valid")
    assert run(native, 500)[-1] == (4096, 10, 10)


@pytest.mark.slow
def test_caffenet_accepts_the_names_and_shapes_of_caffe(tmp_path: Path) -> None:
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


def test_caffenet_cannot_be_downloaded() -> None:
    with pytest.raises(PluxelError, match="published as a Caffe model only"):
        CaffeNet(3, pretrained=True).load_pretrained()
