"""Decoders with weights of segmentation_models.pytorch give its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import FeatureSpec, Grid, resample
from pluxel.core.engine.importing.smp_heads import HEADS, options_here, tensors_here
from pluxel.registry import Host
from torch import nn

SIZE = 128, 192
HOST = Host({"pluxel": pluxel.plugins})
VARIANTS = [
    *((name, {}) for name in HEADS),
    ("Unet", {"decoder_attention_type": "scse", "decoder_channels": (64, 32, 32, 16, 16)}),
    ("Unet", {"decoder_interpolation": "bilinear"}),
    ("UnetPlusPlus", {"decoder_interpolation": "bilinear"}),
    ("FPN", {"decoder_merge_policy": "cat", "decoder_interpolation": "bilinear"}),
    ("PSPNet", {"psp_out_channels": 64}),
    ("DeepLabV3", {"decoder_aspp_separable": True}),
    ("DeepLabV3Plus", {"decoder_aspp_separable": False, "decoder_atrous_rates": (2, 4, 6)}),
]


def randomized(model: nn.Module) -> nn.Module:
    """Give the norms statistics that are not those of an untrained network."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # pyright: ignore[reportOptionalMemberAccess]
            module.running_var.uniform_(0.5, 2)  # pyright: ignore[reportOptionalMemberAccess]
    return model.eval()


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_scores_are_equal(
    peer: Callable[[str], Any], name: str, options: Mapping[str, Any]
) -> None:
    smp = peer("segmentation_models_pytorch")
    theirs: Any = randomized(
        getattr(smp, name)("resnet18", encoder_weights=None, classes=5, **options)
    )
    image = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = theirs.encoder(image)[1:]
        expected = theirs(image)
    features = [
        FeatureSpec(str(i), one.shape[1], Grid(SIZE[0] // one.shape[2]), (1, 1), "computed")
        for i, one in enumerate(maps)
    ]
    section = options_here(name, options)
    target = HOST.load(HOST.get("decoder", section.pop("type")))
    ours = target(features, 5, **section).eval()
    state = {k: v for k, v in theirs.state_dict().items() if not k.startswith("encoder.")}
    found = tensors_here(name, state, ours.state_dict())
    ours.load_state_dict(found)
    with torch.no_grad():
        scores = resample(ours(maps), SIZE)
    span = expected.max() - expected.min()
    assert ((scores - expected).abs().max() / span).item() < 1e-5
    if "decoder_attention_type" not in options:  # a module there is never called
        assert sum(map(torch.numel, found.values())) == sum(map(torch.numel, state.values()))
