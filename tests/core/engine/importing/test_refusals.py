"""Files that are not published networks, and what an error says about them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.core.authoring import PretrainedBackbone
from pluxel.core.engine.importing.kernels import distance_from_bilinear, kernel_per_class
from pluxel.plugins.backbones._convolutional import ConvolutionalClassifier
from pluxel.plugins.backbones.vgg import VGG
from pluxel.registry import PluxelError

from ...caffe_files import write_model
from .networks import NARROW, TorchFCN, bilinear


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return TorchFCN(8, {"": 21}, NARROW).state_dict()


@pytest.fixture
def refused(tmp_path: Path, importing, narrow: None):
    """Import a state dict; return the lines of the error without the name of the file."""

    def run(state: dict[str, torch.Tensor], *arguments: str) -> list[str]:
        path = tmp_path / "fcn.pth"
        torch.save(state, path)
        code, _, err = importing("torchfcn", path, *arguments)
        assert code == 2
        assert not (tmp_path / "run").exists()
        return err.replace(f"{path}", "FILE").splitlines()

    return run


def test_missing_and_extra_layers_are_named(refused, state: dict) -> None:
    del state["fc7.weight"], state["fc7.bias"]
    lines = refused({**state, "fc8.weight": torch.ones(2, 2)})
    assert lines[0] == "FILE is not FCN-8s on VGG16: it lacks fc7; it also has fc8"
    assert lines[1:] == [
        "  note: known are FCN-32s, 16s, 8s and 8s at-once on VGG16, and FCN-32s on AlexNet",
        "  note: the weights of a classifier start a training:  backbone.pretrained=FILE",
    ]


def test_another_network_is_named(refused) -> None:
    lines = refused({f"layer{i}.weight": torch.ones(2) for i in range(5)})
    assert lines[0] == (
        "FILE is not FCN-32s on VGG16: it lacks conv1_1, conv1_2, conv2_1, …; it also has layer0, "
        "layer1, layer2, …"
    )


def test_weights_of_other_shapes_are_named(refused, state: dict) -> None:
    wrong = {**state, "conv3_2.weight": torch.ones(6, 6, 5, 5)}
    assert refused(wrong) == [
        "FILE has weights of other shapes than FCN-8s on VGG16: conv3_2.weight is 6×6×5×5, not "
        "6×6×3×3"
    ]


def test_kernels_that_mix_classes_are_refused(refused, state: dict) -> None:
    wrong = state["upscore2.weight"].clone()
    wrong[3, 5, 1, 1] = -0.25
    lines = refused({**state, "upscore2.weight": wrong})
    assert lines[0] == (
        "FILE: layer upscore2 mixes classes: its largest value off the diagonal is 0.25, from "
        "class 3 to class 5"
    )


def test_the_last_upsampling_is_bilinear(refused, state: dict) -> None:
    wrong = 0 * state["upscore8.weight"]
    assert (
        "layer upscore8 differs from bilinear interpolation by up to 0.879"
        in (refused({**state, "upscore8.weight": wrong})[0])
    )


def test_values_that_are_not_finite_are_refused(refused, state: dict) -> None:
    wrong = state["conv2_1.bias"].clone()
    wrong[0] = torch.nan
    assert refused({**state, "conv2_1.bias": wrong}) == [
        "FILE: the values of conv2_1.bias are not finite"
    ]


def test_other_numbers_of_classes_need_a_dataset(refused, state: dict) -> None:
    torch.manual_seed(0)
    seven = TorchFCN(32, {"": 7}, NARROW).state_dict()
    lines = refused(seven)
    assert lines == [
        "FILE: the network has 7 classes; the published ones have 21 (voc), 33 and 3 (siftflow), "
        "40 (nyudv2), 60 (context)",
        "  note: to name the data that it was trained on, add  dataset='{type: …, root: …}'",
    ]
    assert (
        "dataset 'camvid' has 11 classes for head 'semantic', but"
        in (refused(seven, "dataset={type: camvid, root: CamVid}")[0])
    )


def test_only_8s_is_trained_at_once(refused) -> None:
    state = TorchFCN(16, {"": 21}, NARROW).state_dict()
    assert refused(state, "--at-once") == [
        "FILE is FCN-16s on VGG16; only FCN-8s is trained at once"
    ]


@pytest.mark.usefixtures("narrow")
def test_a_run_is_only_replaced_on_request(tmp_path: Path, importing, state: dict) -> None:
    path, run = tmp_path / "fcn.pth", tmp_path / "run"
    torch.save(state, path)
    run.mkdir()
    elsewhere = "choose another directory with --output DIRECTORY"
    for name in ("config.yaml", "weights.safetensors", "metrics.jsonl"):
        (run / name).write_text("mine")
        code, _, err = importing("torchfcn", path, "--overwrite")
        expected = f"the import would overwrite {run / name}, which does not belong to a run; "
        assert (code, err) == (2, f"{expected}{elsewhere}\n")
        assert (run / name).read_text() == "mine"
        (run / name).unlink()
    (run / "notes.txt").write_text("mine")
    assert importing("torchfcn", path)[0] == 0
    before = (run / "weights.safetensors").stat().st_mtime_ns
    code, _, err = importing("torchfcn", path)
    assert (code, err) == (
        2,
        f"{run} already contains a run: --output DIRECTORY chooses another directory, --overwrite "
        "deletes it\n",
    )
    assert (run / "weights.safetensors").stat().st_mtime_ns == before
    assert importing("torchfcn", path, "--overwrite")[0] == 0
    assert (run / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "name", "start", "reason"),
    [
        ("torchfcn", "a.pth", b"name: 'fcn'", "is a text file that begins with"),
        ("caffe", "a.caffemodel", b'name: "fcn"\nlayer {}', "is a text file"),
        ("caffe", "a.caffemodel", b"PK\x03\x04", "pluxel import torchfcn reads such files"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, importing, command: str, name: str, start: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(start)
    code, _, err = importing(command, tmp_path / name)
    assert code == 2
    assert str(tmp_path / name) in err
    assert reason in err


def test_a_caffe_model_is_refused_where_its_padding_would_not_be_checked(
    tmp_path: Path, importing, state: dict
) -> None:
    path = write_model(tmp_path / "fcn.caffemodel", state)
    code, _, err = importing("torchfcn", path)
    assert (code, err) == (2, f"{path} is a Caffe model: give it to  pluxel import caffe\n")
    assert not (tmp_path / "run").exists()


def test_a_recipe_needs_a_backbone_that_converts_names(
    refused, state: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(VGG, "own_names")
    monkeypatch.delattr(ConvolutionalClassifier, "own_names")
    monkeypatch.delattr(PretrainedBackbone, "own_names")
    assert refused(state) == [
        "the backbone of stream 'image' cannot hold FCN-8s on VGG16: it has no own_names, which "
        "converts the names of published weights"
    ]


class TestKernels:
    def test_dense_and_grouped_weights_give_a_kernel_per_class(self) -> None:
        dense = bilinear(3, 4)
        dense[1, 1] *= 2
        kernels = kernel_per_class("up", dense)
        assert kernels.shape == (3, 1, 4, 4)
        assert torch.equal(kernel_per_class("up", kernels), kernels)
        assert distance_from_bilinear(kernels) == 0.5625

    @pytest.mark.parametrize("shape", [(3, 2, 4, 4), (3, 3, 4, 5)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        sizes = "×".join(map(str, shape))
        with pytest.raises(PluxelError, match=f"layer up upsamples scores, but its .* {sizes}"):
            kernel_per_class("up", torch.ones(shape))
