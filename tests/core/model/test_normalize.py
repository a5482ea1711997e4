"""The normalization of stacked inputs, with the values of the FCN release for depth and HHA."""

import math

import pytest
import torch
from pluxel.core import Normalization
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.model.network import to_unit
from pluxel.core.model.normalize import InputPart, Normalize
from pluxel.registry import PluxelError

CAFFE = Normalization(mean=(104.0, 117.0, 123.0), std=(1, 1, 1), channel_order="bgr", range=255)
TORCH = Normalization(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
DEPTH, HHA = InputSpec(kind="depth"), InputSpec(kind="hha")


def normalized(parts, weights, *inputs):
    """Return the values of one pixel after normalizing, by channel."""
    normalize = Normalize(parts)
    normalize.adopt(weights)
    raw = [to_unit(one.view(1, -1, 1, 1)) for one in inputs]
    return normalize(torch.cat(raw, 1)).flatten().tolist()


def bytes_of(*values):
    return torch.tensor(values, dtype=torch.uint8)


def test_log_depth_is_that_of_the_release():
    depth = InputPart("depth", 1, DEPTH)
    found = normalized([depth], CAFFE, torch.tensor([2550.0]))
    assert found == pytest.approx([math.log(2550) - 7.844], abs=1e-5)
    assert normalized([depth], TORCH, torch.tensor([2550.0])) == pytest.approx(found)


def test_a_hole_in_depth_is_zero_after_normalizing():
    normalize = Normalize([InputPart("depth", 1, DEPTH)])
    normalize.adopt(CAFFE)
    found = normalize(torch.tensor([[[[0.0, 2550.0, -1.0]]]])).flatten()
    assert found[0] == found[2] == 0
    assert found[1] != 0


def test_hha_is_in_the_order_of_the_file_whatever_the_weights_expect():
    found = normalized([InputPart("hha", 3, HHA)], CAFFE, bytes_of(132, 94, 118))
    assert found == pytest.approx([132 - 132.431, 94 - 94.076, 118 - 118.477], abs=1e-4)


def test_statistics_without_std_are_scaled_as_the_weights_expect():
    """The average of the standard deviations of colors is 0.25 in 0–1, or 63.75 in 0–255."""
    found = normalized([InputPart("hha", 3, HHA)], TORCH, bytes_of(132, 94, 118))
    wanted = [(132 - 132.431) / 63.75, (94 - 94.076) / 63.75, (118 - 118.477) / 63.75]
    assert found == pytest.approx(wanted, abs=1e-5)


def test_each_part_of_a_stack_has_its_own_statistics():
    parts = [InputPart("image", 3), InputPart("depth", 1, DEPTH), InputPart("map", 1, MAP)]
    found = normalized(parts, CAFFE, bytes_of(1, 2, 3), torch.tensor([1000.0]), bytes_of(200))
    colors = [3 - 104, 2 - 117, 1 - 123]
    assert found == pytest.approx(
        [*colors, math.log(1000) - 7.844, 200 - (104 + 117 + 123) / 3], abs=1e-4
    )


MAP = InputSpec(kind="map")


def test_a_second_color_image_is_normalized_as_the_first():
    parts = [InputPart("image", 3), InputPart("right", 3)]
    found = normalized(parts, CAFFE, bytes_of(1, 2, 3), bytes_of(4, 5, 6))
    assert found == pytest.approx([3 - 104, 2 - 117, 1 - 123, 6 - 104, 5 - 117, 4 - 123])


def test_the_configuration_replaces_the_statistics_of_dataset_and_weights():
    own = Normalization(mean=(10, 20, 30), std=(2, 4, 5), channel_order="bgr", range=255)
    part = InputPart("image", 3, HHA, own)
    assert normalized([part], TORCH, bytes_of(1, 2, 3)) == pytest.approx(
        [(3 - 10) / 2, (2 - 20) / 4, (1 - 30) / 5], abs=1e-5
    )


@pytest.mark.parametrize(
    "own",
    [
        Normalization(mean=(10, 20, 30), std=(2, 4, 5), channel_order="bgr", range=255),
        Normalization(mean=(30, 20, 10), std=(5, 4, 2), range=255),
    ],
)
def test_colors_are_in_the_order_of_the_weights_however_statistics_are_listed(own):
    wanted = [(1 - 30) / 5, (2 - 20) / 4, (3 - 10) / 2]
    for weights, order in ((TORCH, [0, 1, 2]), (CAFFE, [2, 1, 0])):
        part = InputPart("image", 3, InputSpec(), own)
        found = normalized([part], weights, bytes_of(1, 2, 3))
        assert found == pytest.approx([wanted[i] for i in order], abs=1e-5)


def test_means_of_colors_keep_the_scale_that_the_weights_expect():
    """In the release, networks of Caffe subtract the means of the data, and do not divide."""
    own = Normalization(mean=(92, 97, 116), range=255)
    part = InputPart("image", 3, InputSpec(), own)
    found = normalized([part], CAFFE, bytes_of(1, 2, 3))
    assert found == pytest.approx([3 - 116, 2 - 97, 1 - 92], abs=1e-4)
    found = normalized([part], TORCH, bytes_of(1, 2, 3))
    wanted = [(1 - 92) / 51, (2 - 97) / 63.75, (3 - 116) / 76.5]
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("before", "now"), [(CAFFE, TORCH), (TORCH, CAFFE), (CAFFE, CAFFE)])
def test_saved_statistics_keep_what_the_configuration_states(before, now):
    """It takes the order of colors and the scale of the weights that were saved."""
    own = Normalization(mean=(92, 97, 116), range=255)
    plain = [InputPart("image", 3), InputPart("depth", 1, DEPTH), InputPart("map", 1, MAP)]
    stated = [InputPart("image", 3, InputSpec(), own), *plain[1:]]
    saved, wanted, found = Normalize(plain), Normalize(stated), Normalize(stated)
    saved.adopt(before)
    wanted.adopt(before)
    found.adopt(now)
    found.adopt_saved(saved.state_dict())
    for name, value in wanted.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value)


def test_logarithms_use_the_range():
    own = Normalization(mean=(1.0,), range=255, transform="log")
    found = normalized([InputPart("map", 1, MAP, own)], TORCH, bytes_of(100))
    assert found == pytest.approx([math.log(100) - 1], abs=1e-5)


def test_statistics_that_do_not_fit_are_refused():
    part = InputPart("hha", 4, HHA)
    with pytest.raises(PluxelError, match="^input 'hha' has 4 channels, but its normalization has"):
        Normalize([part]).adopt(CAFFE)
    with pytest.raises(PluxelError, match="normalization of a backbone cannot take logarithms"):
        Normalize([InputPart("image", 3)]).adopt(Normalization(transform="log"))


def test_a_mean_without_std_is_not_divided_by_that_of_imagenet():
    assert Normalization(mean=(104, 117, 123), range=255).std is None
    assert Normalization().std == (0.229, 0.224, 0.225)
    found = normalized(
        [InputPart("image", 3)], Normalization(mean=(1, 2, 4), range=255), bytes_of(2, 2, 2)
    )
    assert found == pytest.approx([1, 0, -2], abs=1e-5)
