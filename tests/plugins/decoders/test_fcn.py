"""The three networks of the FCN paper, on any backbone with the required strides."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.geometry.grid import Border, FeatureSpec, Grid, SpecSource, StrideError
from pluxel.core.geometry.resampling import resample
from pluxel.core.geometry.scores import Scores
from pluxel.core.model.weights import copy_matching
from pluxel.plugins.decoders._upsampling import (
    BilinearUpsampling,
    KernelAlignment,
    LearnedUpsampling,
    upsampling,
)
from pluxel.plugins.decoders.fcn import FCN2s, FCN4s, FCN8s, FCN16s, FCN32s
from torch import Tensor, nn

DECODERS = [FCN32s, FCN16s, FCN8s]
FINER = [FCN16s, FCN8s, FCN4s, FCN2s]
FINEST = {FCN32s: 32, FCN16s: 16, FCN8s: 8, FCN4s: 4, FCN2s: 2}

# Offsets by stride, as the trunks have them.
TRUNKS = {
    "VGG16": {stride: Fraction(stride - 1, 2) for stride in (2, 4, 8, 16, 32)},
    "VGG16, pad 100": {
        2: Fraction(-197, 2),
        4: Fraction(-195, 2),
        8: Fraction(-191, 2),
        16: Fraction(-183, 2),
        32: Fraction(25, 2),
    },
    "ResNet": dict.fromkeys((2, 4, 8, 16, 32), 0),
    "TensorFlow's padding": {stride: stride - 1 for stride in (2, 4, 8, 16, 32)},
    "odd": {8: Fraction(1, 3), 16: Fraction(7, 4), 32: Fraction(-2, 5)},
}


def specs(trunk: str) -> list[FeatureSpec]:
    return [
        FeatureSpec(f"s{stride}", channels, Grid(stride, offset), (99, 99), "computed")
        for channels, (stride, offset) in enumerate(TRUNKS[trunk].items(), 3)
    ]


def maps(features: Sequence[FeatureSpec], size: tuple[int, int] = (97, 131)) -> list[Tensor]:
    """Random maps that cover an image, with one extra cell."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, spec.channels, *cells(spec.grid, size), generator=generator)
        for spec in features
    ]


def cells(grid: Grid, size: tuple[int, int]) -> list[int]:
    axes = zip(size, grid.offset, grid.stride, strict=True)
    return [max(1, ceil((pixels - offset) / stride) + 1) for pixels, offset, stride in axes]


def randomize(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    for name, parameter in module.named_parameters():
        if "score" in name:
            nn.init.normal_(parameter, generator=generator)


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_scores_lie_on_the_finest_grid_used_and_start_at_zero(decoder: type, trunk: str) -> None:
    features = specs(trunk)
    scores = decoder(features, 5)(maps(features))
    finest = next(spec for spec in features if spec.grid.stride[0] == FINEST[decoder])
    shape = maps(features)[features.index(finest)].shape
    assert scores.grid == finest.grid
    assert scores.tensor.shape == (2, 5, *shape[-2:])
    assert not scores.tensor.any()


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_score_layer_learns_from_the_first_step(decoder: type) -> None:
    features = specs("VGG16")
    module = decoder(features, 5)
    scores = module(maps(features)).tensor
    nn.functional.cross_entropy(scores, torch.ones(2, *scores.shape[-2:]).long()).backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(gradient is not None and gradient.any() for gradient in gradients.values())
    assert len(gradients) == 2 * (1 + len(getattr(module, "skip_scores", [])))


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("decoder", [FCN16s, FCN8s])
def test_fusion_is_the_sum_of_aligned_scores(decoder: type, trunk: str) -> None:
    """The result is the sum of each skip's scores and of the deepest scores, upsampled in steps."""
    features, images = specs(trunk), maps(specs(trunk))
    module = decoder(features, 5)
    randomize(module)
    finer = [i for i, spec in enumerate(features) if spec.grid.stride[0] < 32][::-1]
    deepest = len(features) - 1
    scores, grid = module.score(images[deepest]), features[deepest].grid
    for index, layer in zip(finer, module.skip_scores, strict=False):
        skip = layer(images[index])
        scores = skip + resample(Scores(scores, grid), skip.shape[-2:], grid=features[index].grid)
        grid = features[index].grid
    torch.testing.assert_close(module(images).tensor, scores)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_16s_with_a_zero_skip_is_32s_upsampled_in_two_steps(trunk: str) -> None:
    features, images = specs(trunk), maps(specs(trunk))
    coarse, fine = FCN32s(features, 5), FCN16s(features, 5)
    randomize(coarse)
    report = copy_matching(fine, coarse.state_dict())
    assert report.loaded == ["score.weight", "score.bias"]
    assert report.missing == ["skip_scores.0.weight", "skip_scores.0.bias"]
    expected = resample(coarse(images), images[-2].shape[-2:], grid=features[-2].grid)
    torch.testing.assert_close(fine(images).tensor, expected)


@pytest.mark.parametrize("upsampling", ["bilinear", "learned"])
def test_8s_starts_from_16s_by_name(upsampling) -> None:
    features = specs("VGG16")
    coarse = FCN16s(features, 5, upsampling=upsampling)
    report = copy_matching(FCN8s(features, 5, upsampling=upsampling), coarse.state_dict())
    assert set(report.loaded) == set(coarse.state_dict())
    expected = {"skip_scores.1.weight", "skip_scores.1.bias"}
    assert set(report.missing) == expected | (
        {"upsampling.1.weight"} if upsampling == "learned" else set()
    )


def test_skip_scales_multiply_the_features() -> None:
    features, images = specs("VGG16"), maps(specs("VGG16"))
    plain, scaled = FCN8s(features, 5), FCN8s(features, 5, skip_scales=(0.01, 0.0001))
    randomize(plain)
    copy_matching(scaled, plain.state_dict())
    images_by_hand = [*images]
    images_by_hand[3], images_by_hand[2] = 0.01 * images[3], 0.0001 * images[2]
    torch.testing.assert_close(scaled(images).tensor, plain(images_by_hand).tensor)


@pytest.mark.parametrize("decoder", DECODERS)
def test_dropout_applies_to_the_deepest_map_in_training_only(decoder: type) -> None:
    features, images = specs("VGG16"), maps(specs("VGG16"))
    module = decoder(features, 5, dropout=0.5)
    randomize(module)
    assert not torch.equal(module(images).tensor, module(images).tensor)
    module.eval()
    assert torch.equal(module(images).tensor, module(images).tensor)
    assert not list(module.dropout.parameters())


def test_32s_scores_the_deepest_map_of_any_stride() -> None:
    vit = [FeatureSpec(f"b{i}", 6, Grid(16, Fraction(15, 2)), (9, 9), "assumed") for i in range(3)]
    images = [torch.full((1, 6, 4, 4), float(i)) for i in range(3)]
    module = FCN32s(vit, 5)
    nn.init.ones_(module.score.weight)
    scores = module(images)
    assert scores.grid == vit[0].grid
    assert scores.tensor.unique().tolist() == [12.0]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_32s_scores_the_map_of_the_stride_that_is_asked_for(stride: int) -> None:
    """Networks of pool4 or pool3 alone (PAMI, table 3)."""
    features = specs("VGG16")
    images = maps(features)
    module = FCN32s(features, 5, stride=stride)
    nn.init.ones_(module.score.weight)
    (index,) = (i for i, spec in enumerate(features) if spec.grid.stride == (stride, stride))
    scores = module(images)
    assert scores.grid == features[index].grid
    expected = images[index].sum(1, keepdim=True).expand(-1, 5, -1, -1)
    assert torch.allclose(scores.tensor, expected, atol=1e-5)


def test_32s_without_a_map_of_the_stride_raises() -> None:
    with pytest.raises(
        StrideError, match=r"needs stride 64; the backbone gives strides 2, 4, 8, 16, 32"
    ):
        FCN32s(specs("VGG16"), 5, stride=64)


@pytest.mark.parametrize("decoder", FINER)
@pytest.mark.parametrize("largest", [14, 32, 64])
def test_skips_are_the_deepest_maps_that_double(decoder: type, largest: int) -> None:
    """As many maps as the paper's network has, from the largest stride on, whatever it is."""
    strides = [Fraction(largest, 2**power) for power in reversed(range(6))]
    features = [
        FeatureSpec(f"s{i}", 3 + i, Grid(stride, (stride - 1) / 2), (99, 99), "computed")
        for i, stride in enumerate(strides)
    ]
    module = decoder(features, 5)
    count = 1 + len(module.skip_scores)
    assert count == {FCN16s: 2, FCN8s: 3, FCN4s: 4, FCN2s: 5}[decoder]
    assert [features[index].grid.stride[0] for index in module.indices] == strides[::-1][:count]
    scores = module(maps(features))
    assert scores.grid == features[-count].grid
    assert not scores.tensor.any()


@pytest.mark.parametrize("decoder", [FCN4s, FCN2s])
def test_finer_skips_add_aligned_scores(decoder: type) -> None:
    features, images = specs("VGG16"), maps(specs("VGG16"))
    coarser = {FCN4s: FCN8s, FCN2s: FCN4s}[decoder](features, 5)
    module = decoder(features, 5)
    randomize(module)
    copy_matching(coarser, module.state_dict())
    (index,) = (i for i, spec in enumerate(features) if spec.grid.stride[0] == FINEST[decoder])
    skip = module.skip_scores[-1](images[index])
    upsampled = resample(coarser(images), skip.shape[-2:], grid=features[index].grid)
    torch.testing.assert_close(module(images).tensor, skip + upsampled)


def strided(stride: int, source: SpecSource) -> list[FeatureSpec]:
    return [FeatureSpec(f"b{i}", 6, Grid(stride), (9, 9), source) for i in range(3)]


@pytest.mark.parametrize(
    ("decoder", "needed"),
    [
        (FCN16s, "2 maps whose strides double, such as 16, 32"),
        (FCN8s, "3 maps whose strides double, such as 8, 16, 32"),
        (FCN4s, "4 maps whose strides double, such as 4, 8, 16, 32"),
        (FCN2s, "5 maps whose strides double, such as 2, 4, 8, 16, 32"),
    ],
)
def test_a_backbone_without_the_strides_raises(decoder: type, needed: str) -> None:
    with pytest.raises(StrideError) as caught:
        decoder(strided(16, "computed"), 5)
    assert str(caught.value) == (
        f"the decoder needs {needed}; the backbone gives strides 16, 16, 16"
    )


@pytest.mark.parametrize(
    "features",
    [strided(14, "assumed"), strided(14, "computed"), strided(14, "assumed")[:1], specs("odd")],
)
def test_only_a_plain_transformer_is_referred_to_its_pyramid(features: list[FeatureSpec]) -> None:
    with pytest.raises(StrideError) as caught:
        FCN2s(features, 5)
    plain = len(features) == 3 and features[0].source == "assumed"
    assert list(caught.value.notes) == [
        "the backbone 'vit_pyramid' makes maps of four strides from a plain vision transformer"
    ] * int(plain)


class TestLearnedUpsampling:
    @pytest.mark.parametrize(
        ("trunk", "kernel"), [("VGG16", 4), ("VGG16, pad 100", 4), ("ResNet", 3), ("odd", None)]
    )
    def test_the_parity_rule(self, trunk: str, kernel: int | None) -> None:
        *_, fine, coarse = specs(trunk)
        alignment = KernelAlignment.between(coarse.grid, fine.grid, 0)
        assert (alignment and alignment.kernel) == kernel

    def test_the_crop_of_the_release(self) -> None:
        *_, pool3, pool4, fc7 = specs("VGG16, pad 100")
        skipped = KernelAlignment.between(fc7.grid, pool4.grid, 0)
        assert skipped
        assert skipped.crop == -5
        assert KernelAlignment.between(pool4.grid.crop(5), pool3.grid, 0).crop == -9

    @pytest.mark.parametrize("decoder", [FCN16s, FCN8s])
    @pytest.mark.parametrize("trunk", TRUNKS)
    def test_it_is_initialized_to_fixed_interpolation(self, decoder: type, trunk: str) -> None:
        features, images = specs(trunk), maps(specs(trunk))
        fixed, learned = decoder(features, 5), decoder(features, 5, upsampling="learned")
        randomize(fixed)
        copy_matching(learned, fixed.state_dict())
        torch.testing.assert_close(
            learned(images).tensor, fixed(images).tensor, rtol=1e-5, atol=1e-4
        )

    @settings(max_examples=60)
    @given(
        st.integers(1, 5),
        st.tuples(st.sampled_from([0, Fraction(1, 2)]), st.sampled_from([0, Fraction(1, 2)])),
        st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        st.tuples(st.integers(1, 23), st.integers(1, 23)),
        st.sampled_from(["replicate", "zeros"]),
    )
    def test_it_equals_resampling_if_a_kernel_aligns(
        self,
        factor: int,
        halves: tuple,
        cells: tuple,
        coarse: tuple,
        fine: tuple,
        border: Border,
    ) -> None:
        """Fine cells of every phase, also far outside the coarse map."""
        start = [c + h for c, h in zip(cells, halves, strict=True)]
        grids = Grid(4 * factor, 0), Grid(4, [4 * s for s in start])
        maps = [FeatureSpec("map", 3, grid, (1, 1), "computed", border) for grid in grids]
        module = upsampling(3, *maps, learned=True)
        assert isinstance(module, LearnedUpsampling)
        scores = torch.randn(1, 3, *coarse)
        expected = BilinearUpsampling(*grids, border)(scores, fine)
        torch.testing.assert_close(module(scores, fine), expected)

    def test_one_kernel_per_class_is_learned(self) -> None:
        features, images = specs("ResNet"), maps(specs("ResNet"))
        module = FCN16s(features, 5, upsampling="learned")
        randomize(module)
        module(images).tensor.square().sum().backward()
        kernels = module.upsampling[0].weight
        assert kernels.shape == (5, 1, 3, 3)
        assert kernels.grad is not None
        assert kernels.grad.flatten(1).any(1).all()

    def test_fixed_interpolation_has_no_parameters(self) -> None:
        module = FCN8s(specs("ResNet"), 5)
        assert not list(module.upsampling.parameters())

    def test_it_is_fixed_with_a_warning_if_no_kernel_aligns(self, caplog) -> None:
        module = FCN16s(specs("odd"), 5, upsampling="learned")
        assert isinstance(module.upsampling[0], BilinearUpsampling)
        assert "is fixed, because no symmetric kernel aligns" in caplog.text

    @pytest.mark.parametrize("offset", [(0, Fraction(1, 4)), (Fraction(1, 4), 0)])
    def test_it_is_fixed_if_a_kernel_aligns_along_one_axis_only(self, offset: tuple) -> None:
        maps = [
            FeatureSpec("map", 3, grid, (1, 1), "computed") for grid in (Grid(8), Grid(4, offset))
        ]
        assert isinstance(upsampling(3, *maps, learned=True), BilinearUpsampling)

    def test_no_warning_if_a_kernel_aligns(self, caplog) -> None:
        FCN16s(specs("ResNet"), 5, upsampling="learned")
        assert caplog.text == ""
