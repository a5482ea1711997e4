"""Imported weights of pytorch-fcn give the scores of its networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from .conftest import agree, photograph, pixel_scores
from .networks import FULL, NARROW, TorchFCN, caffe_input

SIZES = [(97, 98), (256, 131), (333, 512)]
AT_ONCE = (0.01, 0.0001)


def network(stride: int, scales=(1, 1), widths=NARROW) -> TorchFCN:
    torch.manual_seed(stride)
    return TorchFCN(stride, {"": 21}, widths, scales).eval()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("stride", "scales", "name"),
    [
        (32, (1, 1), "fcn32s_from_caffe.pth"),
        (16, (1, 1), "fcn16s_from_caffe.pth"),
        (8, (1, 1), "fcn8s_from_caffe.pth"),
        (8, AT_ONCE, "fcn8s-atonce_from_caffe.pth"),
    ],
)
def test_the_scores_are_those_of_pytorch_fcn(
    tmp_path: Path, importing, stride: int, scales: tuple, name: str
) -> None:
    source = network(stride, scales)
    torch.save(source.state_dict(), tmp_path / name)
    code, out, err = importing("torchfcn", tmp_path / name)
    assert (code, err) == (0, "")
    assert out.startswith(
        f"FCN-{stride}s{' at-once' * (scales == AT_ONCE)} on VGG16, 21 classes of voc_sbd"
    )
    for size in SIZES:
        image = photograph(*size)
        with torch.no_grad():
            expected = source(caffe_input(image))[""]
        agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_the_scores_agree_for_every_remainder_of_sizes_by_the_stride(
    tmp_path: Path, importing, stride: int
) -> None:
    source = network(stride)
    torch.save(source.state_dict(), tmp_path / "fcn.pth")
    importing("torchfcn", tmp_path / "fcn.pth")
    for side in range(97, 97 + 16):
        image = photograph(side, side + 16)
        with torch.no_grad():
            expected = source(caffe_input(image))[""]
        agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
def test_a_checkpoint_of_its_training_is_read(tmp_path: Path, importing) -> None:
    """It holds the name of the network, numbers of NumPy, and the state of the optimizer."""
    source = network(8, AT_ONCE)
    checkpoint = {
        "epoch": 3,
        "iteration": 4000,
        "arch": "FCN8sAtOnce",
        "optim_state_dict": {"state": {}, "param_groups": [{"lr": 1e-10}]},
        "model_state_dict": {f"module.{k}": v for k, v in source.state_dict().items()},
        "best_mean_iu": np.float64(0.6474),
    }
    torch.save(checkpoint, tmp_path / "model_best.pth.tar")
    code, out, _ = importing("torchfcn", tmp_path / "model_best.pth.tar")
    assert code == 0
    assert out.splitlines()[0].startswith("FCN-8s at-once on VGG16")
    assert "note" not in out
    image = photograph(97, 131)
    with torch.no_grad():
        expected = source(caffe_input(image))[""]
    agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
def test_a_file_that_does_not_say_how_it_was_trained(tmp_path: Path, importing) -> None:
    path = tmp_path / "mine.pth"
    torch.save(network(8).state_dict(), path)
    _, out, _ = importing("torchfcn", path)
    assert out.splitlines()[-1] == (
        "note: mine.pth does not say how it was trained: if its skips were scaled, give --at-once, "
        "and otherwise --staged"
    )
    _, out, _ = importing("torchfcn", path, "--at-once", "--overwrite")
    assert out.startswith("FCN-8s at-once on VGG16")
    assert "note" not in out
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert "skip_scales: [0.01, 0.0001]" in config


@pytest.mark.slow
def test_the_full_network_has_134_million_weights(tmp_path: Path, importing) -> None:
    source = network(8, widths=FULL)
    torch.save(source.state_dict(), tmp_path / "fcn8s.pth")
    code, out, _ = importing("torchfcn", tmp_path / "fcn8s.pth")
    assert code == 0
    assert "134,362,751 parameters" in out
    image = photograph(97, 98)
    with torch.no_grad():
        expected = source(caffe_input(image))[""]
    agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)
