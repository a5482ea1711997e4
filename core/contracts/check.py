"""Check a component against the contract of its kind."""

from __future__ import annotations

from torch import nn

from ...registry import article
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
    return None
