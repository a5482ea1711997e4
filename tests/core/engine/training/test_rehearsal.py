"""Components that violate their contract when called are found before a training starts."""

from __future__ import annotations

from pathlib import Path

import pluxel.plugins
import pytest
import torch
import torchvision
from pluxel.core import load_config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.training import rehearsal
from pluxel.core.engine.training.check import check_training
from pluxel.registry import Host

from ..conftest import TOY

TOYS = Path(__file__).parents[1] / "toys.py"
LOSSES = {
    "semantic": "{type: semantic, embedding: words}",
    "weighted_sum": "{type: weighted_sum, terms: [{loss: dice}, {loss: focal}]}",
}
BACKBONES = (
    *("{type: alexnet, fc: false}", "{type: vgg11, fc: false}", "googlenet"),
    *(f"{{type: timm, model: {name}}}" for name in ("test_resnet", "test_vit", "swin_s3_tiny_224")),
)
DECODERS = (
    *("fcn8s", "{type: semantic_projection, embedding: words, decoder: fcn32s}"),
    *("{type: atrous, decoder: fcn32s}", "{type: shift_and_stitch, factor: 2, decoder: fcn32s}"),
)


UNUSABLE = "dataset 'slip' of plugin slips.py cannot be used: "
MAPS = (
    "'labels' must be a mapping from names to LabelMap, such as "
    "{'semantic': LabelMap({0: 'road'})}, but Dataset has "
)


def check(tmp_path: Path, *overrides: str) -> list[str]:
    host = Host({"pluxel": pluxel.plugins}, files=[TOYS, Path(__file__).with_name("slips.py")])
    assert not host.failures
    (tmp_path / "toy.yaml").write_text(TOY)
    return check_training(prepare(load_config(tmp_path / "toy.yaml", overrides, host=host)))


def slip(kind: str, name: str) -> str:
    return f"{kind}={{type: slip, slip: {name}}}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            slip("backbone", "tensor"),
            "backbone 'slip' returned a Tensor; it must return a list of maps",
        ),
        (
            slip("backbone", "few"),
            "backbone 'slip' must return the 2 maps that its feature_specs describe, not 1",
        ),
        (
            slip("backbone", "channels"),
            "backbone 'slip' returned (2, 2, 32, 32) as map 'b'; by its feature_specs, it must be "
            "a tensor (N, 4, h, w)",
        ),
        (
            slip("backbone", "dimensions"),
            "backbone 'slip' returned (2, 4) as map 'b'; by its feature_specs, it must be a tensor "
            "(N, 4, h, w)",
        ),
        (
            slip("backbone", "none"),
            "backbone 'slip' returned a NoneType as map 'b'; by its feature_specs, it must be a "
            "tensor (N, 4, h, w)",
        ),
        (
            slip("decoder", "tensor"),
            "decoder Decoder returned a Tensor; a decoder must return Scores(tensor, grid)",
        ),
        (
            slip("decoder", "classes"),
            "decoder 'slip' returned scores (2, 3, 16, 16); they must be (N, 2, h, w) for "
            "2 classes",
        ),
        (
            slip("decoder", "frozen"),
            "decoder 'slip' returned scores that have no gradient: it cannot be trained",
        ),
        (
            slip("decoder", "integers"),
            "decoder 'slip' returned scores that have no gradient: it cannot be trained",
        ),
        *(
            (
                slip("decoder", name),
                f"head 'semantic': decoder Decoder returned scores of {found} cells (height × "
                "width), but with their grid of stride 4, 16×16 cells match the image: the scores "
                "must have the grid of the map that they are on, such as Grid(stride, offset)",
            )
            for name, found in (("finer", "32×32"), ("coarser", "8×8"), ("wider", "16×32"))
        ),
        (
            slip("decoder", "grid"),
            "decoder Decoder returned scores on a NoneType; they need a Grid",
        ),
        (
            slip("backbone", "attribute"),
            "backbone 'slip' fails when it is called (AttributeError: 'Backbone' object has no "
            "attribute 'absent')",
        ),
        (
            slip("backbone", "former"),
            "backbone 'slip' fails when it is called (AttributeError: 'MetaFormer' object has no "
            "attribute 'absent')",
        ),
        (slip("backbone", "key"), "backbone 'slip' fails when it is called (KeyError: 'meta')"),
        (
            slip("backbone", "base"),
            "backbone 'slip' fails when it is called (NotImplementedError)",
        ),
        (
            slip("backbone", "training"),
            "backbone 'slip' fails when it is called (AssertionError)",
        ),
        (
            slip("backbone", "evaluation"),
            "backbone 'slip' must return the 2 maps that its feature_specs describe, not 1",
        ),
        (
            slip("decoder", "training"),
            "decoder 'slip' fails when it is called (KeyError: 'auxiliary')",
        ),
        (slip("dataset", "dict"), UNUSABLE + MAPS + "{'semantic': {0: 'a', 1: 'b'}}"),
        (slip("dataset", "flat"), UNUSABLE + MAPS + "{0: 'a', 1: 'b'}"),
        (slip("dataset", "none"), UNUSABLE + MAPS + "None"),
        (
            slip("dataset", "channels"),
            UNUSABLE + "'channels' must be a mapping from names to numbers of channels, such as "
            "{'image': 3}, but Dataset has ['image']",
        ),
        (
            slip("dataset", "length"),
            "the length of Dataset is not available (OSError: no index)",
        ),
        (
            slip("dataset", "raises"),
            "sample 0 of Dataset: KeyError: 'image'",
        ),
        (
            slip("dataset", "tuple"),
            "sample 0 of Dataset is a tuple: a dataset must return Sample(name, inputs, labels)",
        ),
        (
            slip("loss", "detached"),
            "loss 'slip' returned a value that has no gradient: it cannot be trained",
        ),
        (
            slip("loss", "float"),
            "loss 'slip' returned a float; a loss must return the loss of a batch, a tensor ()",
        ),
        (
            slip("loss", "vector"),
            "loss 'slip' returned a Tensor (2,); a loss must return the loss of a batch, a tensor "
            "()",
        ),
        (
            slip("loss", "raises"),
            "loss 'slip' fails for logits (2, 2, 8, 8) and target (2, 8, 8) int64: "
            "KeyError: 'weights'",
        ),
        (
            "loss={type: weighted_sum, terms: [{loss: dice}, {loss: {type: slip, slip: float}}]}",
            "loss 'weighted_sum', term slip returned a float; a loss must return the loss of a "
            "batch, a tensor ()",
        ),
        (
            "backbone={type: without_usual}",
            "WithoutUsual has no standard weights: set pretrained to a file or to false",
        ),
        (
            "backbone={type: without_maps}",
            "WithoutMaps must have stages or implement maps(image)",
        ),
        (
            "backbone={type: caffenet, pretrained: true}",
            "CaffeNet's weights are published as a Caffe model only: set  "
            "pretrained: PATH/bvlc_reference_caffenet.caffemodel",
        ),
    ],
)
def test_violations_are_reported_with_their_place(
    tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, override)
    (problem,) = caught.value.problems
    assert str(problem).startswith("override '" + override.partition("=")[0])
    notes = (*problem.notes, *(note.partition(": ")[2] for note in problem.notes))
    assert message in (problem.message, *notes)


def test_a_decoder_that_does_not_fit_its_maps_is_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"decoder 'slip' fails when it is called \(RuntimeError"):
        check(tmp_path, slip("decoder", "shapes"))


@pytest.mark.parametrize("transforms", ["[]", "[{RandomCrop: {height: 16, width: 16}}]"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("size", "a.png: is 32×30, but its image a.jpg is 32×32 (height × width)"),
        (
            "id",
            "a.png: label id 7 is not in the label map: first at row 3, column 5, 1 pixel in "
            "total. Add it to the label map, for example labels: {map: {7: ignore}}",
        ),
    ],
)
def test_labels_that_do_not_fit_are_found_in_their_file(
    tmp_path: Path, transforms: str, name: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, slip("dataset", name), f"augment.train={transforms}")
    (problem,) = caught.value.problems
    assert str(problem).startswith("override 'dataset")
    assert problem.message == message


def test_a_sample_that_training_skips_is_not_an_error(tmp_path: Path) -> None:
    check(tmp_path, slip("dataset", "raises"), "training.on_bad_sample=skip")


def test_all_violations_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, slip("decoder", "tensor"), slip("loss", "float"))
    assert len(caught.value.problems) == 2


def test_training_mode_is_checked_at_the_size_of_crops(tmp_path: Path) -> None:
    crop = "augment.train=[{RandomCrop: {height: 16, width: 16}}]"
    check(tmp_path, slip("decoder", "crop"), "backbone={type: slip}")
    with pytest.raises(ConfigError, match=r"fails when it is called \(RuntimeError: no crops"):
        check(tmp_path, slip("decoder", "crop"), "backbone={type: slip}", crop)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("backbone", name) for name in ("data", "disguised", "elsewhere")),
        ("decoder", "data"),
    ],
)
def test_components_that_need_data_are_not_checked(tmp_path: Path, kind: str, name: str) -> None:
    assert check(tmp_path, slip(kind, name), "loss={type: slip}") == []


@pytest.mark.parametrize("training", [True, False])
def test_the_check_keeps_the_mode_of_the_model(tmp_path: Path, training: bool) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    prepared = prepare(load_config(tmp_path / "toy.yaml", host=Host(files=[TOYS])))
    prepared.model.train(training)
    prepared.model.heads["semantic"].eval()
    before = {name: one.training for name, one in prepared.model.named_modules()}
    check_training(prepared)
    assert {name: one.training for name, one in prepared.model.named_modules()} == before


@pytest.mark.parametrize(
    "operation",
    [
        *(bool, int, torch.nonzero, torch.unique, torch.bincount, torch.Tensor.tolist),
        *(torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.to_sparse),
        lambda one: one + torch.zeros(2, 2),
        lambda one: one[one > 0],
        lambda one: torch.repeat_interleave(one[0], one[0].long()),
        torch.nn.LSTM(2, 2),
        lambda one: torch.tensor_split(one, one[0].long()),
        lambda one: torchvision.ops.nms(one.repeat(1, 2), one[0], 0.5),
    ],
)
def test_errors_of_torch_for_lack_of_values_are_known(operation) -> None:
    values = torch.zeros((1, 1) if operation in (bool, int) else (2, 2), device="meta")
    assert rehearsal._run_without_data("backbone", operation, values) is None


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let errors of meta tensors pass through, so that nothing is skipped."""
    monkeypatch.setattr(rehearsal, "_run_without_data", lambda _, module, *inputs: module(*inputs))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_built_in_backbones_pass(tmp_path: Path, strict: None, backbone: str) -> None:
    check(tmp_path, f"backbone={backbone}", "backbone.pretrained=false", "decoder=fcn32s")


@pytest.mark.parametrize("decoder", DECODERS)
def test_built_in_decoders_pass(tmp_path: Path, strict: None, decoder: str) -> None:
    vgg = "backbone={type: vgg11, fc: false, pretrained: false}"
    check(tmp_path, vgg, f"decoder={decoder}")


@pytest.mark.parametrize("loss", [one.name for one in Host().components("loss")])
def test_built_in_losses_pass(tmp_path: Path, loss: str) -> None:
    check(tmp_path, f"loss={LOSSES.get(loss, loss)}")
