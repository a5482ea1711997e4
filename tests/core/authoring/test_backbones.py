"""A backbone of somebody else gets ``pretrained:`` from the base class."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pluxel.core import Normalization
from pluxel.core.authoring import (
    InputChannels,
    LoadReport,
    OutputStride,
    Pretrained,
    PretrainedBackbone,
    url_file,
)
from pluxel.registry import PluxelError
from safetensors.torch import save_file
from torch import Tensor, nn

USUAL = Normalization(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


class Tiny(PretrainedBackbone):
    """Two maps of strides 4 and 8; its weights are published at ``url``."""

    url = ""

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: Pretrained = False,
        output_stride: OutputStride = None,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 8, 3, 4, 1)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.finish(
            in_channels,
            ["first", "second"],
            pretrained=pretrained,
            output_stride=output_stride,
            input_channels=input_channels,
            normalization=normalization,
            usual=USUAL,
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        first = self.first(image)
        return [first, self.second(first)]

    def load_usual(self) -> LoadReport:
        return self.load_file(url_file(self.url, self.usual))


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The weights behind ``Tiny.url``; the cache is empty."""
    state = Tiny(3).state_dict()
    save_file(state, tmp_path / "tiny.safetensors")
    monkeypatch.setattr(Tiny, "url", (tmp_path / "tiny.safetensors").as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return state


def test_the_usual_weights_are_fetched(published: dict[str, Tensor]) -> None:
    backbone = Tiny(3, pretrained=True)
    assert str(backbone.load_pretrained()).startswith("4 loaded, 0 missing")
    assert backbone.normalization == USUAL
    assert all(torch.equal(backbone.state_dict()[name], one) for name, one in published.items())
    # From the cache, once it has been fetched.
    Tiny.url = Tiny.url.replace("file://", "nowhere://")
    assert str(Tiny(3, pretrained=True).load_pretrained()).startswith("4 loaded")


def test_input_channels_and_output_stride(published: dict[str, Tensor]) -> None:
    backbone = Tiny(4, pretrained=True, output_stride=4)
    backbone.load_pretrained()
    extra = backbone.first.weight[:, 3]
    torch.testing.assert_close(extra, published["first.weight"].mean(1))
    assert [spec.grid.stride[0] for spec in backbone.feature_specs] == [4, 4]
    assert [one.shape[-1] for one in backbone(torch.zeros(1, 4, 32, 32))] == [8, 8]


def test_random_weights_are_the_default(published: dict[str, Tensor]) -> None:
    assert Tiny(3).load_pretrained() is None


class Staged(PretrainedBackbone):
    """Two maps of strides 4 and 8, by stages alone."""

    usual_normalization = USUAL

    def __init__(self, in_channels: int, *, pretrained: Pretrained = False) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(in_channels, 8, 3, 4, 1), nn.Conv2d(8, 8, 3, 2, 1)])
        self.finish(in_channels, pretrained=pretrained, input_channels="mean", normalization=None)


def test_stages_and_a_url_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Staged(3).state_dict()
    save_file(state, tmp_path / "staged.safetensors")
    monkeypatch.setattr(Staged, "weights_url", (tmp_path / "staged.safetensors").as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    backbone = Staged(3, pretrained=True)
    backbone.check_pretrained()
    assert str(backbone.load_pretrained()).startswith("4 loaded, 0 missing")
    assert all(torch.equal(backbone.state_dict()[name], one) for name, one in state.items())
    assert backbone.normalization == USUAL
    assert [(spec.name, spec.grid.stride[0]) for spec in backbone.feature_specs] == [
        ("map0", 4),
        ("map1", 8),
    ]
    assert [one.shape[-1] for one in backbone(torch.zeros(1, 3, 32, 32))] == [8, 4]


def test_without_a_url_there_are_no_standard_weights() -> None:
    with pytest.raises(PluxelError) as caught:
        Staged(3, pretrained=True).check_pretrained()
    assert str(caught.value) == (
        "Staged has no standard weights: set pretrained to a file or to false"
    )


def test_without_stages_the_maps_must_be_implemented() -> None:
    class Empty(PretrainedBackbone):
        def __init__(self, in_channels: int) -> None:
            super().__init__()
            self.finish(in_channels, pretrained=False, input_channels="mean", normalization=None)

    with pytest.raises(PluxelError, match=r"Empty must have stages or implement maps\(image\)"):
        Empty(3)
