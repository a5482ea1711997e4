"""Layers with other names are recognized by their connections, from the model or a description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pluxel.core.engine.importing.published import nearest_network
from pluxel.core.engine.importing.structure import published_names
from pluxel.core.model.caffemodel import CaffeLayer
from pluxel.core.model.prototxt import read_prototxt
from pluxel.registry import PluxelError

from .conftest import agree, photograph, pixel_scores
from .descriptions import as_text, described, other_name, write
from .networks import NARROW, TorchFCN, caffe_input


def as_layers(found) -> list[CaffeLayer]:
    return [
        CaffeLayer(other_name(name), kind, bottoms, tops) for kind, bottoms, tops, name in found
    ]


@pytest.mark.parametrize("heads", [("",), ("_sem", "_geo")])
@pytest.mark.parametrize(("stride", "scaled"), [(32, False), (16, False), (8, False), (8, True)])
def test_every_layer_is_recognized(stride: int, scaled: bool, heads: Sequence[str]) -> None:
    found = [*described(stride, heads, scaled=scaled)]
    outputs = {other_name("score_fr_sem"): 33, other_name("score_fr_geo"): 3}
    names = published_names(as_layers(found), outputs)
    expected = nearest_network(name for kind, _, _, name in found if kind != "Input")
    weights = {name.rpartition(".")[0] for name in expected.tensors()}
    assert {own: name for own, name in names.items() if name in weights} == {
        other_name(name): name for name in weights
    }


def test_two_streams_are_recognized() -> None:
    layers: list[CaffeLayer] = []
    for suffix in ("color", "hha"):
        for kind, bottoms, tops, name in [*described(32)][:-2]:
            if kind != "Input":
                blobs = [[f"{blob}{suffix}" for blob in one] for one in (bottoms, tops)]
                layers.append(CaffeLayer(f"x{name}{suffix}", kind, *blobs))
    layers.append(CaffeLayer("sum", "Eltwise", ["score_frcolor", "score_frhha"], ["fused"]))
    layers.append(CaffeLayer("up", "Deconvolution", ["fused"], ["up"]))
    names = published_names(layers, {})
    network = nearest_network(names.values())
    assert [*network.streams] == ["image", "hha"]
    weights = {name.rpartition(".")[0] for name in network.tensors()}
    assert {name for name in names.values() if name in weights} == weights
    assert names["xconv3_2hha"] == "conv3_2hha"


def without(found, *names: str):
    return [one for one in found if one[3] not in names]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (without(described(32), "relu6"), "14 convolutions are followed by ReLU; VGG16 has 15"),
        ([], "0 inputs are followed by convolutions and ReLU"),
        (described(8, ("a", "b", "c")), "it scores 3 label maps"),
        (without(described(16), "upscore16"), "1 skips, but 1 deconvolutions of scores"),
    ],
)
def test_other_connections_are_refused(found, reason: str) -> None:
    with pytest.raises(PluxelError) as caught:
        published_names(as_layers(found), {})
    start = "the layers are not connected as in a published network: "
    assert str(caught.value).startswith(start + reason)


@pytest.fixture
def source() -> TorchFCN:
    torch.manual_seed(0)
    return TorchFCN(8, {"": 21}, NARROW, (1, 1)).eval()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("form", ["model", "v1 model", "v1", "v2"])
def test_a_model_with_other_names_gives_the_published_scores(
    tmp_path: Path, importing, source: TorchFCN, form: str
) -> None:
    found = [*described(8)]
    model = tmp_path / "mine.caffemodel"
    has_connections = form.endswith("model")
    path = write(model, source, found, connected=has_connections, v1=form == "v1 model")
    arguments = []
    if not has_connections:
        (tmp_path / "mine.prototxt").write_text(as_text(found, v1=form == "v1"))
        arguments = ["--prototxt", tmp_path / "mine.prototxt"]
    code, out, err = importing("caffe", path, *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("FCN-8s on VGG16, 21 classes of voc_sbd")
    image = photograph(97, 131)
    with torch.no_grad():
        expected = source(caffe_input(image))[""]
    agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, importing, source: TorchFCN
) -> None:
    found = [*described(8)]
    path = write(tmp_path / "mine.caffemodel", source, found, connected=False)
    text = tmp_path / "mine.prototxt"
    text.write_text(as_text(found, v1=False, changes={"conv1_1": {"pad": 81}}))
    code, _, err = importing("caffe", path, "--prototxt", text)
    assert code == 2
    assert f"{text}: layer layer-1_1vnoc has pad 81, but the published network has 100" in err
    text.write_text(as_text(found[:-4], v1=False))
    code, _, err = importing("caffe", path, "--prototxt", text)
    assert code == 2
    assert (
        f"{text} does not describe the network of {path}: it lacks the layers layer-8erocspu"
    ) in err
    text.write_text(as_text([*described(8)], v1=False).replace("RELU", "x").replace("ReLU", "x"))
    code, _, err = importing("caffe", path, "--prototxt", text)
    assert code == 2
    assert "the layers are not connected as in a published network: 0 inputs are" in err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("layer { name: 'a'", "a bracket is not closed at the end"),
        ("layer { name: }", "field 'name' in line 1 has no value"),
        ("}", "'}' in line 1 closes nothing"),
        ("layer {\n  3: 4 }", "expected the name of a field in line 2, found 3"),
        ("layer {\n  a: !", "unexpected '!' in line 2"),
        ("a {" * 30, "more than 20 brackets inside each other"),
        ("a: [1, 2", "the list in line 1 is not closed"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.prototxt"
    path.write_text(text)
    with pytest.raises(PluxelError) as caught:
        read_prototxt(path)
    assert str(caught.value) == f"{path}: not a description of a network: {reason}"


def test_sides_of_a_window_may_be_given_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.prototxt"
    path.write_text("layer { type: 'Convolution' convolution_param { pad_h: 100 kernel_w: 3 } }")
    options = read_prototxt(path)[0].options
    assert (options["pad"], options["kernel_size"], options["stride"]) == ((100, 0), None, (1, 1))


def test_a_solver_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "solver.prototxt"
    path.write_text('train_net: "train.prototxt"\nbase_lr: 1e-10\ntest_iter: [736]\n')
    with pytest.raises(PluxelError, match="the file describes no layers"):
        read_prototxt(path)
