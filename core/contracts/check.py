"""Check a component against the contract of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from ...registry import article
from ..geometry.grid import FeatureSpec
from .labels import LabelMap
from .normalization import Normalization
from .offers import members_of
from .table import CONTRACTS


def contract_violation(kind: str, component: object) -> str | None:
    """Return how a component violates the contract of its kind, or None if it does not."""
    name = type(component).__name__
    contract = CONTRACTS[kind]
    if contract.is_module and not isinstance(component, nn.Module):
        return f"{article(kind)} must be a torch.nn.Module, but {name} is not"
    required = members_of(contract.required)
    if missing := [member for member in required if not hasattr(component, member)]:
        listed = " and ".join(f"'{member}'" for member in missing)
        return f"{article(kind)} must have {listed}, but {name} does not"
    for member in required:
        if problem := _value_problem(component, member):
            return f"{problem}, but {name} has {_shorten(getattr(component, member))}"
    return None


def _value_problem(component: object, member: str) -> str | None:
    """Return what the value of an attribute must be, if it is something else."""
    if member not in _VALUES:
        return None
    is_valid, words = _VALUES[member]
    return None if is_valid(getattr(component, member)) else f"'{member}' must be {words}"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _maps(value: Any, key: type, item: type) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(one, key) and isinstance(other, item) for one, other in value.items()
    )


def _are_specs(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and len(value) > 0
    return is_list and all(isinstance(one, FeatureSpec) for one in value)


_SHOWN = 80
_VALUES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "labels": (
        lambda value: _maps(value, str, LabelMap) and value != {},
        "a mapping from names to LabelMap, such as {'semantic': LabelMap({0: 'road'})}",
    ),
    "channels": (
        lambda value: _maps(value, str, int) and value != {},
        "a mapping from names to numbers of channels, such as {'image': 3}",
    ),
    "feature_specs": (_are_specs, "a list of FeatureSpec, one for each map"),
    "normalization": (lambda value: isinstance(value, Normalization), "a Normalization"),
}
"""Required attribute -> whether a value is valid, and what it must be."""
