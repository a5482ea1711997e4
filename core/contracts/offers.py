"""Find out which optional members a component has, and what stands for those that it has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from .optional import (
    Endless,
    LimitsInput,
    ListsUnpaired,
    PadsInput,
    ResolvesParameters,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs

P = TypeVar("P")


def members_of(contract: type[Any]) -> dict[str, Any]:
    """Return the members that a protocol declares: functions, class methods, properties, data."""
    own = {
        name: member
        for name, member in vars(contract).items()
        if isinstance(member, property | classmethod)
        or (isinstance(member, FunctionType) and member.__module__ == contract.__module__)
    }
    return {**dict.fromkeys(contract.__annotations__), **own}


def offers(component: object, contract: type[P]) -> TypeIs[P]:
    """Return whether a component, or its class, has all members of a protocol.

    Attributes are asked for one by one: from Python 3.12 on, ``isinstance`` does not see those that
    a module delegates, such as its submodules.
    """
    return all(hasattr(component, name) for name in members_of(contract))


def pad_multiple(backbone: object) -> int:
    """Return the number of pixels of which a backbone takes multiples, by default 1."""
    return backbone.pad_multiple if offers(backbone, PadsInput) else 1


def minimum_size(backbone: object) -> int:
    """Return the smallest height and width that a backbone takes, by default 1."""
    return backbone.minimum_size if offers(backbone, LimitsInput) else 1


def is_endless(dataset: object) -> bool:
    """Return whether a dataset has a new sample for every index."""
    return dataset.endless if offers(dataset, Endless) else False


def unpaired_files(dataset: object) -> Sequence[Path]:
    """Return the files that a dataset left out because their counterpart is missing."""
    return dataset.unpaired if offers(dataset, ListsUnpaired) else ()


def resolved_parameters(component: object) -> Mapping[str, Any]:
    """Return the parameters that say what a component had to find out, if it had to."""
    return component.resolved_parameters if offers(component, ResolvesParameters) else {}
