"""The verification detects equal and unequal scores."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import Grid, load_config
from pluxel.core.engine.evaluation import dense_head, verification
from pluxel.core.engine.evaluation.verification import verify_dense
from pluxel.core.geometry.dilation import Dilation
from pluxel.plugins.backbones.timm_features import TimmBackbone
from pluxel.registry import Component, Host, PluxelError, hookimpl
from torch import nn

pytestmark = pytest.mark.slow

HOST = Host()


def config(*settings: str, model: str = "test_resnet"):
    small = [f"backbone={{type: timm, model: {model}}}", *settings]
    return load_config("shapes_fcn8s_resnet18", small, host=HOST)


def test_methods_agree_and_report_their_costs() -> None:
    (report,) = verify_dense(config("decoder=fcn32s"), factor=2, size=(290, 300))
    assert report.passed
    assert (report.head, report.coarse, report.dense) == ("semantic", 32, 16)
    stitching, spreading, fragments = report.methods
    assert [method.passes for method in report.methods] == [4, 1, 1]
    assert spreading.multiply_adds == fragments.multiply_adds
    assert 1 < stitching.multiply_adds / spreading.multiply_adds < 4
    padded, exact = report.differences
    assert padded.largest > report.tolerance  # padding differs for each shift
    assert padded.interior is not None
    assert padded.interior <= report.tolerance
    assert exact.largest <= report.tolerance


@pytest.mark.parametrize(
    "decoder",
    [
        "{type: atrous, output_stride: 16, decoder: fcn32s}",
        "{type: shift_and_stitch, factor: 2, decoder: fcn32s}",
    ],
)
def test_dense_decoder_sets_the_default_factor(decoder: str) -> None:
    (report,) = verify_dense(config(f"decoder={decoder}"), size=(120, 90), dtype=torch.float64)
    assert (report.dense, report.tolerance) == (16, 1e-12)
    assert report.differences[1].largest <= 1e-12


def test_all_heads_are_verified() -> None:
    more = "heads={other: {target: semantic, decoder: fcn32s, loss: dice}}"
    reports = verify_dense(config("decoder=fcn32s", more), factor=2, size=(60, 60))
    assert [report.head for report in reports] == ["semantic", "other"]


def test_wrong_dilation_fails(monkeypatch) -> None:
    honest = Dilation.__call__

    def shifted(self: Dilation, run: Any, image: torch.Tensor, layers: Any) -> object:
        return honest(self, run, image.roll(1, 3), layers)

    monkeypatch.setattr(Dilation, "__call__", shifted)
    (report,) = verify_dense(config("decoder=fcn32s"), factor=2, size=(290, 300))
    assert not report.passed


def test_small_image_has_no_interior_cells() -> None:
    (report,) = verify_dense(config("decoder=fcn32s"), factor=2, size=(60, 60))
    assert report.differences[0].interior is None
    assert report.passed


@pytest.mark.parametrize(
    ("decoder", "factor", "message"),
    [
        ("fcn32s", 5, "factor 5 does not divide the stride 32; use 2, 4, 8, 16, 32"),
        ("fcn32s", 1, "factor 1 leaves the stride 32; use 2, 4, 8, 16, 32"),
        ("fcn32s", 64, "factor 64 does not divide the stride 32; use 2, 4, 8, 16, 32"),
        ("fcn8s", 2, "decoder 'fcn8s' needs 3 maps whose strides double"),
    ],
)
def test_unsupported_heads_and_factors_raise(decoder: str, factor: int, message: str) -> None:
    with pytest.raises(PluxelError, match=message):
        verify_dense(config(f"decoder={decoder}"), factor=factor)


@pytest.mark.parametrize(("stride", "factor"), [(1, 1), (2, 2), (6, 3), (7, 7), (12, 4), (14, 2)])
def test_usual_factor_divides_the_stride(stride: int, factor: int) -> None:
    decoder = config("decoder=fcn32s").pipeline.heads["semantic"].decoder
    assert verification._usual_factor(decoder, stride) == factor


@pytest.mark.parametrize("stride", [Fraction(5, 2), (2, 4)])
def test_stride_that_is_not_one_whole_number_raises(stride) -> None:
    with pytest.raises(PluxelError, match="dense evaluation needs one whole number"):
        dense_head._whole(Grid(stride))


def test_default_size_has_interior_cells() -> None:
    (report,) = verify_dense(config("decoder=fcn32s"), factor=2)
    assert report.differences[0].interior is not None


def test_maps_of_different_sizes_raise(monkeypatch) -> None:
    honest = Dilation.by_fragments
    monkeypatch.setattr(Dilation, "by_fragments", lambda *given: honest(*given)[..., 1:, :])
    with pytest.raises(PluxelError, match=r"fragments and à trous should agree everywhere, but"):
        verify_dense(config("decoder=fcn32s"), factor=2, size=(290, 300))


def test_largest_difference_has_its_position(monkeypatch) -> None:
    honest = Dilation.by_fragments

    def spoilt(self: Dilation, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        scores = honest(self, network, image)
        assert isinstance(scores, torch.Tensor)
        scores[0, 1, 3, 5] += 1000
        return scores

    monkeypatch.setattr(Dilation, "by_fragments", spoilt)
    other = config("decoder=fcn32s", model="test_convnext")
    (report,) = verify_dense(other, factor=2, size=(160, 200))
    exact = report.differences[1]
    assert exact.cell == (3, 5)
    backbone = TimmBackbone(3, model="test_convnext")
    offset = float(backbone.feature_specs[-1].grid.offset[0])
    assert offset > 0
    assert exact.pixel == (offset + 3 * report.dense, offset + 5 * report.dense)
    assert not report.passed


@pytest.mark.parametrize(("share", "passed"), [(3e-6, True), (3e-5, False)])
def test_tolerance_allows_only_rounding(monkeypatch, share: float, passed: bool) -> None:
    honest = Dilation.by_fragments

    def rounded(self: Dilation, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        scores = honest(self, network, image)
        assert isinstance(scores, torch.Tensor)
        scores[0, 0, 0, 0] += share * (scores.max() - scores.min())
        return scores

    monkeypatch.setattr(Dilation, "by_fragments", rounded)
    (report,) = verify_dense(config("decoder=fcn32s"), factor=2, size=(290, 300))
    assert report.passed is passed


def test_wrapper_without_inner_decoder_raises() -> None:
    with pytest.raises(PluxelError, match="runs the backbone itself, and has no parameter"):
        verify_dense(
            load_config(
                "shapes_fcn8s_resnet18",
                ["backbone={type: timm, model: test_resnet}", "decoder=whole"],
                host=Host(plugins=[pluxel.plugins, Whole]),
            )
        )


class WholeDecoder(nn.Module):
    """Runs the whole backbone itself."""

    def __init__(self, features: object, num_classes: int, backbone: nn.Module) -> None:
        super().__init__()


class Whole:
    @staticmethod
    @hookimpl
    def pluxel_decoders() -> list[Component]:
        return [Component("whole", f"{__name__}:WholeDecoder", "Runs the backbone.")]
