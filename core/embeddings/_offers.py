"""The names under which the installed plugins offer vectors that can be downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...registry import Component, Host, PluxelError
from ..contracts.offers import offers
from ..contracts.optional import OffersVectors
from ._downloads import Download


class Offered(NamedTuple):
    """Vectors that a component can download: its parameter ``name`` takes the offer's alias."""

    component: Component
    offer: Download


def offered(host: Host, component: Component | None = None) -> Iterator[Offered]:
    """Yield what an embedding, or all of them, offer; those that cannot be imported offer nothing.

    An embedding offers what its class method ``aliases()`` returns, if it has one.
    """
    for one in [component] if component else host.components("embedding"):
        try:
            made = host.load(one)
        except PluxelError:
            continue
        if offers(made, OffersVectors):
            yield from (Offered(one, offer) for offer in made.aliases())
