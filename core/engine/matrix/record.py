"""What was found for one network: a record of the matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

from ....registry import AmbiguousComponent, Component, Host
from ...geometry.regions import Size

BUILT_IN = "pluxel"
"""The provider of the built-in components."""

DecoderReasons = Mapping[str, str]
"""Decoder -> what is wrong; decoders without a problem are left out."""

Untried = Literal["", "refused", "crashed", "limit", "absent"]
"""Why a network was not tried: an error that says so, any other error, a limit, or its absence."""

ON_MAPS = "maps"
"""Stands for the decoder if the maps themselves are wrong, or cannot be computed."""


def spelled(component: Component) -> str:
    """Return how records name a component: a built-in one by its name, another one qualified."""
    return component.name if component.provider == BUILT_IN else component.qualified


def component_of(host: Host, kind: str, name: str) -> Component:
    """Return the component that a record or a user names; of namesakes, the built-in one.

    Raises: PluxelError for a name that does not exist, or that only other plugins share.
    """
    try:
        return host.get(kind, name)
    except AmbiguousComponent:
        own = [one for one in host.owners(kind, name) if one.provider == BUILT_IN]
        if not own:
            raise
        return own[0]


@dataclass(frozen=True)
class NetworkRecord:
    """One network under all decoders.

    ``strides``: of the maps, vertical. ``multiple``: of the sizes that the network accepts.
    ``tile``: the size that each part of an image has, if the network accepts one size only.
    ``own_size``: the size that it was designed for. ``refused``: decoders that need other maps.
    ``own``, ``odd``: what is wrong at its own size, and at an odd size. ``with_data``: whether it
    computed values, rather than shapes. ``kind``, ``reason``: why it was not tried.
    """

    backbone: str
    model: str
    family: str
    strides: Sequence[str] = ()
    multiple: int = 1
    tile: Size | None = None
    own_size: Size | None = None
    refused: DecoderReasons = field(default_factory=dict)
    own: DecoderReasons = field(default_factory=dict)
    odd: DecoderReasons = field(default_factory=dict)
    with_data: bool = False
    kind: Untried = ""
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The backbone and the network."""
        return self.backbone, self.model

    @property
    def is_adapted(self) -> bool:
        """Whether images are cut into tiles, or padded to more than the largest stride."""
        largest = max((Fraction(stride) for stride in self.strides), default=Fraction(1))
        return self.tile is not None or self.multiple > largest

    def problem(self, decoder: str, *, odd: bool = False) -> str:
        """Return why a decoder does not work on this network; empty if it does."""
        found = self.odd if odd else self.own
        return (
            self.reason or self.refused.get(decoder) or found.get(ON_MAPS) or found.get(decoder, "")
        )

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value and (name, value) != ("multiple", 1)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkRecord:
        """Return the record that `to_json` described."""
        sizes = {name: tuple(values[name]) for name in ("tile", "own_size") if values.get(name)}
        return cls(**{**values, **sizes, "strides": tuple(values.get("strides", ()))})
