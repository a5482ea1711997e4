"""Weights are loaded by name and shape, and a report lists the outcome of each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.core.model.weights import (
    LoadReport,
    adapt_input_channels,
    adapt_input_layers,
    copy_matching,
    load_weights,
)
from pluxel.registry import PluxelError
from torch import Tensor, nn

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(torch.equal(found[n], expected[n]) for n in found)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def test_matching_weights_are_copied_and_the_rest_reported() -> None:
    source, target = network().state_dict(), network()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    del source["1.weight"]
    del source["1.num_batches_tracked"]  # old files lack it
    source["2.bias"] = torch.zeros(7)
    source["head.weight"] = torch.zeros(1)
    report = copy_matching(target, source)
    assert report == LoadReport(
        loaded=["0.weight", "0.bias", "1.bias", "1.running_mean", "1.running_var", "2.weight"],
        missing=["1.weight"],
        unexpected=["head.weight"],
        mismatched=["2.bias"],
    )
    after = target.state_dict()
    assert torch.equal(after["0.weight"], source["0.weight"])
    assert torch.equal(after["2.bias"], before["2.bias"])
    assert target[0].weight.requires_grad
    assert target[0].weight.grad_fn is None


def test_half_precision_weights_fill_single_precision_modules() -> None:
    source = {name: value.half() for name, value in network().state_dict().items()}
    target = network()
    assert not copy_matching(target, source).mismatched
    assert target[0].weight.dtype == torch.float32
    assert torch.equal(target[0].weight, source["0.weight"].float())


@pytest.mark.parametrize(
    ("name", "value"), [("0.weight", "nan"), ("2.bias", "inf"), ("1.running_var", "nan")]
)
def test_values_that_are_not_finite_are_not_loaded(name: str, value: str) -> None:
    source, target = network().state_dict(), network()
    source[name].flatten()[0] = float(value)
    before = {key: tensor.clone() for key, tensor in target.state_dict().items()}
    for load in (copy_matching, load_weights):
        with pytest.raises(PluxelError, match=f"^run/w: the values of {name} are not finite$"):
            load(target, source, "run/w")
    assert all(torch.equal(tensor, before[key]) for key, tensor in target.state_dict().items())


def test_buffers_may_contain_infinity() -> None:
    """Masks of attention do."""
    source, target = network().state_dict(), network()
    source["1.running_mean"][0] = -torch.inf
    copy_matching(target, source)
    assert target[1].running_mean[0] == -torch.inf


def test_either_all_weights_are_loaded_or_none() -> None:
    source, target = network().state_dict(), network()
    load_weights(target, source, "w")
    assert all(torch.equal(value, source[name]) for name, value in target.state_dict().items())
    del source["0.weight"], source["0.bias"]
    source |= {"0.weight": torch.zeros(4, 1, 3, 3), "3.a": torch.ones(1), "3.b": torch.ones(1)}
    before = {name: value.clone() for name, value in target.state_dict().items()}
    source["2.bias"] = torch.zeros(2)
    with pytest.raises(PluxelError) as caught:
        load_weights(target, source, Path("run/w.safetensors"))
    assert str(caught.value).split("\n")[:2] == [
        "run/w.safetensors does not fit the model of the configuration: 1 missing (0.bias), "
        "2 unexpected (3.a, 3.b), 1 of another shape (0.weight)",
        "  note: they differ in 0.bias, 3.a, 3.b, 0.weight: weights only fit the backbone, the "
        "decoder, the inputs and the classes that they were trained with",
    ]
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_a_report_is_one_line() -> None:
    report = LoadReport(["a"] * 26, missing=["fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias"])
    assert str(report) == (
        "26 loaded, 4 missing (fc6.weight, fc6.bias, fc7.weight, …), 0 unexpected, 0 mismatched"
    )


FILTERS = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def test_extra_channels_get_the_mean_as_in_the_paper() -> None:
    adapted = adapt_input_channels(FILTERS, 4, "mean")
    assert torch.equal(adapted[:, :3], FILTERS)
    torch.testing.assert_close(adapted[:, 3], FILTERS.mean(1))


def test_extra_channels_of_zero_do_not_change_the_response() -> None:
    adapted = adapt_input_channels(FILTERS, 6, "zero")
    image = torch.randn(1, 6, 9, 9)
    torch.testing.assert_close(
        nn.functional.conv2d(image, adapted), nn.functional.conv2d(image[:, :3], FILTERS)
    )


def test_extra_channels_repeat_the_colors() -> None:
    adapted = adapt_input_channels(FILTERS, 7, "repeat")
    assert torch.equal(adapted, FILTERS[:, [0, 1, 2, 0, 1, 2, 0]])


def test_random_extra_channels_have_the_scale_of_he() -> None:
    adapted = adapt_input_channels(FILTERS, 64, "random")
    assert torch.equal(adapted[:, :3], FILTERS)
    expected = (2 / (64 * 25)) ** 0.5
    assert adapted[:, 3:].std().item() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("method", ["mean", "zero", "repeat", "random"])
@pytest.mark.parametrize("channels", [1, 2])
def test_gray_gives_the_response_of_gray_as_rgb(channels: int, method) -> None:
    gray = torch.randn(1, 1, 9, 9)
    adapted = adapt_input_channels(FILTERS, channels, method)
    assert adapted.shape[1] == channels
    torch.testing.assert_close(
        nn.functional.conv2d(gray.expand(-1, channels, -1, -1), adapted),
        nn.functional.conv2d(gray.expand(-1, 3, -1, -1), FILTERS),
    )


def test_three_channels_are_unchanged() -> None:
    assert adapt_input_channels(FILTERS, 3, "random") is FILTERS


def test_an_unknown_method_raises() -> None:
    with pytest.raises(ValueError, match="unknown method 'cycle'"):
        adapt_input_channels(FILTERS, 4, "cycle")  # pyright: ignore[reportArgumentType]


def test_only_input_layers_are_adapted() -> None:
    source = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)).state_dict()
    target = nn.Sequential(nn.Conv2d(6, 4, 3), nn.Conv2d(6, 5, 3), nn.Conv2d(3, 4, 1))
    adapted = adapt_input_layers(source, target[:1], 6, "zero")
    assert adapted["0.weight"].shape == (4, 6, 3, 3)
    assert adapted["1.weight"] is source["1.weight"]


@pytest.mark.parametrize("other", [nn.Conv2d(6, 5, 3), nn.Conv2d(6, 4, 5), nn.Conv2d(7, 4, 3)])
def test_a_layer_with_other_differences_is_not_an_input_layer(other: nn.Module) -> None:
    source = {"0.weight": torch.zeros(4, 3, 3, 3)}
    adapted = adapt_input_layers(source, nn.Sequential(other), 6, "zero")
    assert adapted["0.weight"] is source["0.weight"]
