"""Weights from a user's file, and the normalization that they expect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.model.weight_reading import normalization_metadata
from pluxel.plugins.backbones.vgg import VGG11, VGG16
from pluxel.registry import PluxelError
from safetensors.torch import save_file

from .measuring import meta


def trunk_file(path: Path, **metadata: str) -> Path:
    save_file(VGG11(3, fc=False).state_dict(), path, metadata=metadata)
    return path


def test_a_file_without_normalization_raises(tmp_path: Path) -> None:
    path = trunk_file(tmp_path / "trunk.safetensors")
    with pytest.raises(PluxelError) as caught:
        VGG11(3, fc=False, pretrained=path).load_pretrained()
    assert str(caught.value) == (
        f"{path} does not contain the normalization that its weights expect; "
        "add it next to 'pretrained:'\n"
        "  note: the standard weights of this network use  normalization: {mean: [0.485, 0.456, "
        "0.406], std: [0.229, 0.224, 0.225], channel_order: rgb, range: 1}"
    )


def test_a_files_normalization_is_adopted(tmp_path: Path) -> None:
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


def test_a_missing_file_is_reported_before_anything_is_built(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path / "gone.pth"):
        backbone = meta(VGG11, fc=False, pretrained=path, normalization=Normalization())
        for step in (backbone.check_pretrained, backbone.load_pretrained):
            with pytest.raises(PluxelError, match=f"{path.name}: no such file"):
                step()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_the_check_reads_the_values_of_a_file(tmp_path: Path, name: str, value: float) -> None:
    first = torch.zeros(64, 3, 3, 3)
    first[63, 2, 2, 2] = value
    state, path = {"features.0.weight": first}, tmp_path / name
    torch.save(state, path) if name == "w.pth" else save_file(state, path)
    backbone = meta(VGG11, fc=False, pretrained=path, normalization=Normalization())
    for step in (backbone.check_pretrained, backbone.load_pretrained):
        with pytest.raises(PluxelError) as caught:
            step()
        assert str(caught.value) == f"{path}: the values of features.0.weight are not finite"


def test_the_check_refuses_files_as_loading_does(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("lr 0.1, iou 0.6\n")
    save_file({"layer1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name, message in (
        ("notes.txt", "is a text file that begins with 'lr 0.1, iou 0.6', not a file of weights"),
        ("other.safetensors", "none of its weights fit: layer1.weight, … instead of features.0.w"),
    ):
        path = tmp_path / name
        backbone = meta(VGG11, fc=False, pretrained=path, normalization=Normalization())
        for step in (backbone.check_pretrained, backbone.load_pretrained):
            with pytest.raises(PluxelError, match=re.escape(message)):
                step()


@pytest.mark.parametrize(("kept", "warned"), [(3, True), (99, False)])
def test_a_file_with_few_matching_weights_causes_a_warning(
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
            f"{path}: this file has only 0.82 % of the network's weights; the rest stay random. "
            "Is it from another network? (3 loaded, "
        )


def test_a_file_of_another_network_raises(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"layer1.weight": torch.zeros(1)}, path)
    with pytest.raises(PluxelError) as caught:
        VGG11(3, fc=False, pretrained=path, normalization=Normalization()).load_pretrained()
    assert str(caught.value) == (
        f"{path}: none of its weights fit: layer1.weight, … instead of "
        "features.0.weight, features.0.bias, features.3.weight, …"
    )


@pytest.mark.parametrize(("in_channels", "method"), [(1, "mean"), (4, "zero"), (6, "repeat")])
def test_filters_of_input_channels_are_adapted(tmp_path: Path, in_channels: int, method) -> None:
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


def test_a_real_trunk_is_loaded(test_data: Path) -> None:
    path = test_data / "weights" / "vgg16_trunk.fp16.safetensors"
    caffe = Normalization(mean=(122.67892, 116.66877, 104.00699), std=(1, 1, 1), range=255)
    backbone = VGG16(3, fc=False, pretrained=path, normalization=caffe)
    assert str(backbone.load_pretrained()) == ("26 loaded, 0 missing, 0 unexpected, 0 mismatched")
    assert backbone.features[0].weight.dtype == torch.float32
    # Trained filters differ from their initialization.
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
