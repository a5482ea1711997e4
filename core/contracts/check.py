"""Hold what a component has made against the contract of its kind."""

from __future__ import annotations

from inspect import isfunction
from typing import Any

from torch import nn

from ...registry import article
from . import kinds as contracts

_MODULES = ("backbone", "decoder")
"""The kinds whose weights are trained and saved with the model."""


def contract_of(kind: str) -> type[Any]:
    """Return the protocol of a kind."""
    return getattr(contracts, kind.capitalize())


def contract_violation(kind: str, made: object) -> str | None:
    """Return what keeps an object from being of this kind, or None.

    Attributes are asked for one by one: ``isinstance`` does not see those that a module delegates,
    and does not say which are missing.
    """
    name = type(made).__name__
    if kind in _MODULES and not isinstance(made, nn.Module):
        return f"{article(kind)} is a torch.nn.Module, and {name} is none"
    if missing := [member for member in _members(contract_of(kind)) if not hasattr(made, member)]:
        return f"{article(kind)} has {_listed(missing)}, and {name} has not"
    return None


def _members(contract: type[Any]) -> list[str]:
    # Of the functions, those of `typing.Protocol` itself are left out.
    own = [n for n, v in vars(contract).items() if isfunction(v) and v.__module__ != "typing"]
    return [*contract.__annotations__, *own]


def _listed(names: list[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
