"""The maps are those of torchvision's network, and its files load."""

from pathlib import Path

import pytest
import torch
from pluxel_squeezenet.squeezenet import SqueezeNet
from torchvision.models import squeezenet1_1


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """Publish a network with random weights in the form of torchvision's file."""
    network = squeezenet1_1().eval()
    torch.save(network.state_dict(), tmp_path / "squeezenet1_1.pth")
    monkeypatch.setattr(SqueezeNet, "weights_url", (tmp_path / "squeezenet1_1.pth").as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return network


@torch.no_grad()
def test_the_published_weights_give_torchvisions_features(published: torch.nn.Module) -> None:
    backbone = SqueezeNet(3, pretrained=True).eval()
    report = backbone.load_pretrained()
    assert (len(report.loaded), len(report.missing)) == (50, 0)
    image = torch.randn(1, 3, 97, 131)
    torch.testing.assert_close(backbone(image)[-1], published.features(image))


def test_the_grids_follow_from_the_unpadded_first_convolution() -> None:
    grids = [spec.grid for spec in SqueezeNet(3).feature_specs]
    assert [(grid.stride[0], grid.offset[0]) for grid in grids] == [(4, 3), (8, 7), (16, 15)]


def test_gray_images_use_the_mean_filter(published: torch.nn.Module) -> None:
    backbone = SqueezeNet(1, pretrained=True)
    backbone.load_pretrained()
    mean = published.features[0].weight.sum(1, keepdim=True)
    torch.testing.assert_close(backbone.features[0].weight, mean)
