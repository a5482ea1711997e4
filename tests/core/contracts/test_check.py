"""The values of required attributes."""

from __future__ import annotations

from typing import Any

import pytest
from pluxel.core.contracts.check import contract_violation
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.geometry.grid import FeatureSpec, Grid
from torch import nn

SPEC = FeatureSpec("a", 4, Grid(2), (3, 3), "computed")
SPECS = "'feature_specs' must be a list of FeatureSpec, one for each map, but Backbone has "
NORMALIZATION = "'normalization' must be a Normalization, but Backbone has "


class Backbone(nn.Module):
    def __init__(self, specs: Any, normalization: Any) -> None:
        super().__init__()
        self.feature_specs, self.normalization = specs, normalization


def test_valid_attributes_pass() -> None:
    assert contract_violation("backbone", Backbone([SPEC], Normalization())) is None


@pytest.mark.parametrize(
    ("specs", "normalization", "problem"),
    [
        ([], Normalization(), SPECS + "[]"),
        (None, Normalization(), SPECS + "None"),
        ([4], Normalization(), SPECS + "[4]"),
        (["x" * 200], Normalization(), f"{SPECS}['{'x' * 78}…"),
        ([SPEC], (0.5, 0.5), NORMALIZATION + "(0.5, 0.5)"),
        ([SPEC], None, NORMALIZATION + "None"),
    ],
)
def test_other_values_are_violations(specs: Any, normalization: Any, problem: str) -> None:
    assert contract_violation("backbone", Backbone(specs, normalization)) == problem
