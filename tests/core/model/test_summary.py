"""Layers, grids, parameters and multiply-adds of models, against published numbers."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import pytest
from pluxel.core import load_config
from pluxel.core.engine.preparation import prepare
from pluxel.core.model.summary import ModelSummary, summarize
from pluxel.registry import Host

VGG16 = (
    "{type: vgg16, fc6_padding: valid}",
    "fcn32s",
)
# torchvision's VGG16 has 15,470,264,320 multiply-adds for 224×224 pixels, with fc8.
FC8 = 4096 * 1000
SCORES = 4096 * 21
RESNET18 = ("{type: timm, model: resnet18}", "fcn32s")

Describing = Callable[..., ModelSummary]


@pytest.fixture
def describing(tmp_path: Path) -> Describing:
    def run(backbone: str, decoder: str, size=(224, 224), **options: object) -> ModelSummary:
        path = tmp_path / "a.yaml"
        path.write_text(
            f"backbone: {backbone}\ndecoder: {decoder}\nloss: cross_entropy\n"
            "dataset: {type: voc, root: missing}\ntraining: {steps: 1}\n"
        )
        prepared = prepare(load_config(path, host=Host()))
        return summarize(prepared.model, prepared.blueprint.channels, size, **options)

    return run


def test_vgg16_has_the_published_multiply_adds(describing: Describing) -> None:
    found = describing(*VGG16)
    assert found.multiply_adds == 15_470_264_320 - FC8 + SCORES
    assert found.parameters == found.trained == 134_346_581
    backbone, decoder = found.parts
    assert (backbone.title, decoder.title) == ("backbone image", "decoder semantic")
    assert backbone.multiply_adds == sum(call.multiply_adds for call in backbone.calls)
    assert decoder.multiply_adds == SCORES
    assert [call.parameters for call in backbone.calls if call.name == "classifier.fc6"] == [
        102_764_544
    ]
    # The dropout after fc6 and fc7 is one module, which is called twice.
    assert [call.name for call in backbone.calls][-4:] == [
        "classifier.fc6",
        "classifier.dropout",
        "classifier.fc7",
        "classifier.dropout",
    ]


def test_grids_and_receptive_fields_are_those_of_the_maps(describing: Describing) -> None:
    calls = {call.name: call for call in describing(*VGG16).parts[0].calls}
    for name, stride, offset, field in (
        ("features.0", 1, 0, 3),
        ("features.4", 2, 0.5, 6),
        ("features.30", 32, 15.5, 212),
        ("classifier.fc7", 32, 111.5, 404),
    ):
        located = calls[name].located
        assert located
        rows, columns = located.extents
        assert rows == columns
        assert (rows.stride, rows.offset, rows.receptive_field) == (stride, offset, field)
    assert calls["features.0"].shape == (1, 64, 224, 224)


def test_resnet18_has_the_published_multiply_adds(describing: Describing) -> None:
    """1.82 G for 224×224 pixels, of which 512,000 are those of its classifier."""
    found = describing(*RESNET18)
    assert found.parts[0].multiply_adds == 1_814_073_344 - 512_000
    assert [call.name for call in found.parts[0].calls][:6] == [
        *("net.conv1", "net.bn1", "net.act1", "net.maxpool", "net.layer1.0", "net.layer1.1")
    ]
    deeper = describing(*RESNET18, depth=4)
    assert "net.layer1.0.conv1" in [call.name for call in deeper.parts[0].calls]
    shallow = describing(*RESNET18, depth=1)
    assert [call.name for call in shallow.parts[0].calls][4:] == [
        *("net.layer1", "net.layer2", "net.layer3", "net.layer4")
    ]
    assert deeper.multiply_adds == found.multiply_adds


def test_activations_of_vgg16(describing: Describing) -> None:
    """The first two maps exist at once; each ReLU and each pool is kept for the backward pass."""
    found = describing(*VGG16)
    image, first = 3 * 224 * 224 * 4, 64 * 224 * 224 * 4
    assert found.prediction_bytes == image + 2 * first
    convolutions = [call for call in found.parts[0].calls if call.kind == "ReLU"]
    pools = [call for call in found.parts[0].calls if call.kind == "MaxPool2d"]
    assert len(convolutions) == 13
    kept = sum(call.bytes for call in convolutions) + sum(call.bytes for call in pools)
    indices = sum(8 * prod(call.shape) for call in pools)
    assert kept + indices < found.training_bytes < 1.05 * (kept + indices) + image


def test_an_image_that_is_too_small_is_padded_as_in_training(describing: Describing) -> None:
    found = describing(*VGG16, size=(30, 40))
    assert found.parts[0].calls[-1].shape == (1, 4096, 1, 1)


@pytest.mark.parametrize(
    ("backbone", "decoder"),
    [
        pytest.param("{type: timm, model: test_vit}", "fcn32s", marks=pytest.mark.slow),
        pytest.param("{type: timm, model: test_convnext}", "fcn8s", marks=pytest.mark.slow),
        ("{type: timm, model: tf_mobilenetv3_small_minimal_100}", "fcn8s"),
        ("{type: vgg11, fc: false, output_stride: 8}", "fcn32s"),
        ("{type: bvlc_googlenet}", "fcn16s"),
        ("{type: vgg11, fc: false}", "{type: atrous, decoder: fcn32s}"),
        ("{type: vgg11, fc: false}", "{type: shift_and_stitch, decoder: fcn32s}"),
    ],
)
def test_other_networks(describing: Describing, backbone: str, decoder: str) -> None:
    found = describing(backbone, decoder, size=(96, 128))
    assert found.multiply_adds > found.parts[0].multiply_adds > 0
    assert found.parameters == sum(part.parameters for part in found.parts)
    assert sum(call.multiply_adds for call in found.parts[0].calls) <= (
        found.parts[0].multiply_adds
    )
    assert len(found.parts[0].calls) > 2
    runs_backbone = "decoder:" in decoder
    assert bool(found.parts[1].calls) != runs_backbone
