"""Imported Caffe models give the scores of the release, and those of pytorch-fcn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.plugins.backbones import _convolutional

from ...caffe_files import content, layer, write_model
from .conftest import agree, photograph, pixel_scores
from .networks import NARROW, AlexNetFCN, TorchFCN, caffe_input


def network(stride: int, scales=(1, 1)) -> TorchFCN:
    torch.manual_seed(stride)
    return TorchFCN(stride, {"": 21}, NARROW, scales).eval()


def scaled(source: TorchFCN) -> dict[str, torch.Tensor]:
    """The state of the release, which scales by layers of their own."""
    pool4, pool3 = source.scales
    scales = {
        "scale_pool4.weight": torch.full((NARROW[3],), pool4),
        "scale_pool3.weight": torch.full((NARROW[2],), pool3),
    }
    return source.state_dict() | scales


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_a_caffe_model_and_a_state_dict_give_the_same_run(
    tmp_path: Path, importing, stride: int, v1: bool
) -> None:
    source = network(stride)
    torch.save(source.state_dict(), tmp_path / "fcn.pth")
    write_model(tmp_path / "fcn.caffemodel", source.state_dict(), v1=v1)
    image, found = photograph(97, 131), []
    for command, name in (("torchfcn", "fcn.pth"), ("caffe", "fcn.caffemodel")):
        assert importing(command, tmp_path / name, "--overwrite")[0] == 0
        found.append(pixel_scores(tmp_path / "run", {"image": image})["semantic"])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)
    with torch.no_grad():
        agree(found[1], source(caffe_input(image))[""])


@pytest.mark.usefixtures("narrow")
def test_fcn_8s_at_once_holds_its_scales(tmp_path: Path, importing) -> None:
    source = network(8, (0.01, 0.0001))
    path = write_model(tmp_path / "voc-fcn8s.caffemodel", scaled(source))
    code, out, _ = importing("caffe", path)
    assert code == 0
    assert out.startswith("FCN-8s at-once on VGG16, 21 classes of voc_sbd")
    image = photograph(130, 97)
    with torch.no_grad():
        agree(
            pixel_scores(tmp_path / "run", {"image": image})["semantic"],
            source(caffe_input(image))[""],
        )
    assert "skip_scales: [0.01, 0.0001]" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.usefixtures("narrow")
def test_scales_in_the_file_contradict_staged(tmp_path: Path, importing) -> None:
    path = write_model(tmp_path / "fcn.caffemodel", scaled(network(8, (0.01, 0.0001))))
    code, _, err = importing("caffe", path, "--staged")
    assert (code, err) == (
        2,
        f"{path} scales its skips, in the layers scale_pool4, scale_pool3, so it was trained at "
        "once: leave out --staged\n",
    )
    assert importing("caffe", path, "--at-once")[0] == 0


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("name", "arguments", "scales"),
    [
        ("fcn8s-atonce", [], "[0.01, 0.0001]"),
        ("fcn8s-atonce", ["--staged"], "[1.0, 1.0]"),
        ("fcn8s", [], "[1.0, 1.0]"),
        ("fcn8s", ["--at-once"], "[0.01, 0.0001]"),
    ],
)
@pytest.mark.parametrize("command", ["caffe", "torchfcn"])
def test_without_layers_the_name_says_whether_skips_are_scaled(
    tmp_path: Path, importing, command: str, name: str, arguments: list[str], scales: str
) -> None:
    path = tmp_path / f"{name}{'.caffemodel' if command == 'caffe' else '.pth'}"
    if command == "caffe":
        write_model(path, network(8).state_dict())
    else:
        torch.save(network(8).state_dict(), path)
    assert importing(command, path, *arguments)[0] == 0
    assert f"skip_scales: {scales}" in (tmp_path / "run" / "config.yaml").read_text()


def test_fcn_alexnet(tmp_path: Path, importing, monkeypatch) -> None:
    monkeypatch.setattr(_convolutional, "HIDDEN", 8)
    torch.manual_seed(0)
    source = AlexNetFCN(21, 8).eval()
    path = write_model(tmp_path / "fcn-alexnet-pascal.caffemodel", source.state_dict())
    code, out, _ = importing("caffe", path)
    assert code == 0
    assert out.startswith("FCN-32s on AlexNet, 21 classes of voc_sbd")
    for size in ((97, 130), (259, 181)):
        image = photograph(*size)
        with torch.no_grad():
            expected = source(caffe_input(image))[""]
        agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
def test_a_convolution_that_pads_otherwise_is_refused(tmp_path: Path, importing) -> None:
    path = write_model(tmp_path / "fcn.caffemodel", network(32).state_dict())
    padded = layer("conv1_1", "Convolution", window={3: 81, 4: 3})
    path.write_bytes(path.read_bytes() + padded)
    code, _, err = importing("caffe", path)
    assert code == 2
    assert err.splitlines()[0] == (
        f"{path}: layer conv1_1 has pad 81, but the published network has 100"
    )
    assert "is a backbone:  backbone.pretrained=FILE" in err


@pytest.mark.usefixtures("narrow")
def test_scales_by_channel_are_refused(tmp_path: Path, importing) -> None:
    state = scaled(network(8, (0.01, 0.0001)))
    state["scale_pool4.weight"][0] = 2
    code, _, err = importing("caffe", write_model(tmp_path / "fcn.caffemodel", state))
    assert code == 2
    assert "layer scale_pool4 scales each channel by another factor" in err


def test_a_truncated_model_is_refused(tmp_path: Path, importing) -> None:
    path = tmp_path / "fcn.caffemodel"
    path.write_bytes(content(1, "fcn") + layer("conv1_1", "Convolution", [bytes(1000)])[:500])
    code, _, err = importing("caffe", path)
    assert code == 2
    assert "not a whole Caffe model" in err
    assert not (tmp_path / "run").exists()
