"""``pluxel describe``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import TOYS

NET = """\
backbone: {type: vgg11, fc: false}
decoder: fcn32s
loss: cross_entropy
dataset: {type: voc, root: missing}
training: {steps: 1}
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return str(path)


def test_a_table_for_each_part(command, net: str) -> None:
    code, out, err = command("describe", net, "--size", "64x96")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "for one image of 64×96 pixels (height × width)"
    assert lines[2] == "backbone image: 9,220,480 parameters, 0.9166 G multiply-adds"
    titles, first, _, pool = (" ".join(line.split()) for line in lines[3:7])
    assert titles == "layer output stride offset receptive field parameters G mult-adds MiB"
    assert first == "features.0 Conv2d 64×64×96 1 0 3 1,792 0.01062 1.50"
    assert pool == "features.2 MaxPool2d 64×32×48 2 1/2 4 0.38"
    assert "decoder semantic: 10,773 parameters, 6.451e-05 G multiply-adds" in lines
    assert lines[-4:] == [
        "parameters          9,231,253",
        "multiply-adds       0.9167 G",
        lines[-2],
        "note: the data are missing: classes and channels are as dataset 'voc' declares",
    ]
    assert lines[-2].startswith("activations         ")
    assert lines[-2].endswith(" MiB kept for the backward pass")


def test_frozen_parameters_are_marked(command, net: str) -> None:
    frozen = "training.groups=[{match: 'features.[0-9]\\.', frozen: true}]"
    code, out, _ = command("describe", net, frozen, "--size", "64")
    assert code == 0
    assert "1,792 frozen" in out
    assert "9,231,253, 960,896 of them frozen" in out


def test_json(command, net: str) -> None:
    code, out, _ = command("describe", net, "--size", "64", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["size"] == [64, 64]
    assert found["parameters"] == found["trained"] == 9_231_253
    assert found["parts"][0]["layers"][2] == {
        "name": "features.2",
        "type": "MaxPool2d",
        "output": [1, 64, 32, 32],
        "stride": [2.0, 2.0],
        "offset": [0.5, 0.5],
        "receptive_field": [4, 4],
        "parameters": 0,
        "trained": 0,
        "multiply_adds": 0,
        "bytes": 262144,
    }
    assert found["prediction_bytes"] < found["training_bytes"]


def test_the_last_phase_of_a_training_is_described(command) -> None:
    code, out, _ = command("describe", "voc_fcn8s_vgg16", "--size", "64")
    assert code == 0
    assert "skip_scores.1" in out
    assert "parameters          134,362,751" in out


@pytest.mark.slow
def test_a_run_is_described_without_its_data(command, trained: Path) -> None:
    code, out, err = command("--plugin", str(TOYS), "describe", str(trained), "--size", "32")
    assert (code, err) == (0, "")
    assert "backbone image" in out
    assert "note" not in out


@pytest.mark.parametrize("size", ["0x3", "a", "3x", "3x4x5"])
def test_other_sizes_are_refused(command, size: str) -> None:
    code, _, err = command("describe", "voc_fcn8s_vgg16", "--size", size)
    assert code == 2
    assert f"{size} is not a size such as 480x640 (height x width)" in err


def test_a_folder_without_a_run_is_refused(command, tmp_path: Path) -> None:
    code, _, err = command("describe", str(tmp_path))
    assert (code, err) == (2, f"{tmp_path} is not a run: it has no config.yaml\n")
