"""Check which optional members a component has, and provide defaults for missing ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from ...registry import Component, Host, PluxelError
from .inputs import InputSpec, default_spec
from .kinds import Dataset
from .optional import (
    Endless,
    ExtendsInput,
    LimitsInput,
    ListsDerivedSplits,
    ListsUnpaired,
    PadsInput,
    ResolvesParameters,
    SpecifiesInputs,
)
from .options import InputChannels

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

    Attributes are checked one by one, because ``isinstance`` ignores attributes that a module
    delegates, such as its submodules, from Python 3.12 on.
    """
    return all(hasattr(component, name) for name in members_of(contract))


def offering(host: Host, kind: str, contract: type[P]) -> Iterator[tuple[Component, P]]:
    """Yield each component of a kind that offers a protocol, with its class.

    Components that cannot be imported are skipped.
    """
    for component in host.components(kind):
        try:
            target = host.load(component)
        except PluxelError:
            continue
        if offers(target, contract):
            yield component, target


def pad_multiple(backbone: object) -> int:
    """Return the number of pixels that input sizes must be a multiple of, by default 1."""
    return backbone.pad_multiple if offers(backbone, PadsInput) else 1


def input_channels(backbone: object) -> InputChannels:
    """Return how the filters of additional input channels start, by default as the mean."""
    return backbone.input_channels if offers(backbone, ExtendsInput) else "mean"


def minimum_size(backbone: object) -> int:
    """Return the smallest height and width that a backbone accepts, by default 1."""
    return backbone.minimum_size if offers(backbone, LimitsInput) else 1


def is_endless(dataset: object) -> bool:
    """Return whether a dataset has a new sample for every index."""
    return dataset.endless if offers(dataset, Endless) else False


def unpaired_files(dataset: object) -> Sequence[Path]:
    """Return the files that a dataset left out because their counterpart is missing."""
    return dataset.unpaired if offers(dataset, ListsUnpaired) else ()


def derived_splits(dataset: object) -> Sequence[str]:
    """Return the splits of a dataset, or of its class, for which it derives files by default."""
    return dataset.derived_splits if offers(dataset, ListsDerivedSplits) else ("train", "val")


def input_specs(dataset: Dataset) -> dict[str, InputSpec]:
    """Return the specification of every input of a dataset, as declared or by default."""
    declared = dataset.inputs if offers(dataset, SpecifiesInputs) else {}
    names = dataset.channels
    return {name: declared.get(name) or default_spec(name, names) for name in names}


def resolved_parameters(component: object) -> Mapping[str, Any]:
    """Return the values that a component resolved for its open parameters; empty by default."""
    return component.resolved_parameters if offers(component, ResolvesParameters) else {}
