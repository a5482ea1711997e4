"""A small network without trained weights, and images for it."""

from __future__ import annotations

import numpy as np
import torch
from pluxel.core import LabelMap, Pipeline, load_config
from pluxel.core.model.blueprint import Blueprint
from pluxel.core.model.build import build_model
from pluxel.registry import Host
from rasterio.transform import from_origin
from torch import nn

LABELS = LabelMap({7: "sea", 300: "land", 9: "cloud"})
PLACE = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_400_000, 0.5, 0.5)}


def pipeline(
    backbone: str = "test_resnet", decoder: str = "fcn8s", heads: tuple[str, ...] = ("semantic",)
) -> Pipeline:
    """Return a pipeline; all heads are equal."""
    settings = [f"backbone.model={backbone}", f"decoder={decoder}"]
    blueprint = Blueprint({"image": 3}, {"semantic": LABELS}, {"semantic": "semantic"})
    model = build_model(load_config("shapes_fcn8s_resnet18", settings, host=Host()), blueprint)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
    (space,) = blueprint.label_spaces().values()
    (head,) = model.heads.values()
    model.heads = nn.ModuleDict(dict.fromkeys(heads, head))
    return Pipeline(model, dict.fromkeys(heads, space), {"image": 3})


def image(height: int, width: int, dtype: str = "uint8") -> np.ndarray:
    """Return noisy blocks (H, W, 3)."""
    random = np.random.default_rng(0)
    coarse = random.random((height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    noisy = (coarse + random.random(coarse.shape))[:height, :width] / 2
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (scale * noisy).astype(dtype)
