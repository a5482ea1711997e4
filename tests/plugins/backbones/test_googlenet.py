"""GoogLeNet as the FCN paper uses it."""

from __future__ import annotations

import pytest
import torch
import torchvision
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.model.weights import copy_matching
from pluxel.plugins.backbones.googlenet import GoogLeNet
from torch import Tensor, nn

from .measuring import meta, run, small


@pytest.mark.slow
def test_googlenet_ends_before_the_average_pool() -> None:
    backbone = meta(GoogLeNet)
    assert [spec.grid.stride[0] for spec in backbone.feature_specs] == [2, 4, 8, 16, 32]
    assert run(backbone, 500)[-1] == (1024, 16, 16)
    assert run(meta(GoogLeNet, pool_rounding="floor"), 500)[-1] == (1024, 15, 15)
    assert not [name for name, _ in backbone.named_modules() if "aux" in name or "avg" in name]


def test_googlenet_loads_torchvisions_weights_and_scale() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.GoogLeNet(aux_logits=True, init_weights=False)
    report = copy_matching(meta(GoogLeNet), small(theirs.state_dict()))
    assert [*report.missing, *report.mismatched] == []
    assert {name.split(".")[0] for name in report.unexpected} == {"aux1", "aux2", "fc"}


def test_googlenet_with_its_normalization_equals_torchvisions() -> None:
    """Its transform_input converts images from ImageNet's statistics to (x − 0.5) / 0.5."""
    theirs = torchvision.models.GoogLeNet(
        aux_logits=False, transform_input=True, init_weights=False
    )
    theirs.avgpool, theirs.fc, theirs.dropout = nn.Identity(), nn.Identity(), nn.Identity()
    backbone = GoogLeNet(3)
    copy_matching(backbone, theirs.state_dict())
    image = torch.rand(1, 3, 64, 64)

    def normalized(normalization: Normalization) -> Tensor:
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (normalization.mean, normalization.std))
        return (image - mean) / std

    with torch.no_grad():
        expected = theirs.eval()(normalized(Normalization()))
        found = backbone.eval()(normalized(backbone.normalization))[-1].flatten(1)
    torch.testing.assert_close(found, expected)
