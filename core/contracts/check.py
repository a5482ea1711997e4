"""Check a component against the contract of its kind."""

from __future__ import annotations

from torch import nn

from ...registry import article
from .offers import members_of
from .table import CONTRACTS


def contract_violation(kind: str, made: object) -> str | None:
    """Return what keeps an object from being of this kind, or None."""
    name = type(made).__name__
    contract = CONTRACTS[kind]
    if contract.is_module and not isinstance(made, nn.Module):
        return f"{article(kind)} is a torch.nn.Module, and {name} is not"
    required = members_of(contract.required)
    if missing := [member for member in required if not hasattr(made, member)]:
        listed = " and ".join(f"'{member}'" for member in missing)
        return f"{article(kind)} has {listed}, and {name} has not"
    return None
